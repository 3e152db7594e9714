"""Waiting until a guest is ready: a port of its that answers, or a command in it."""

from __future__ import annotations

import time

from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import kind_of
from bsdvirt.session.session import Session

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
COMMAND_SECONDS = 30.0


def wait_ready(session: Session, guest: Guest) -> bool:
    """Whether the guest got ready within its time. Raises Interrupted."""
    boot = guest.identity.boot
    if not boot.ready:
        return True
    deadline = time.monotonic() + boot.ready_timeout
    pause = FIRST_PAUSE
    probes = kind_of(guest).probes(session.host.fs, guest, boot)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        for argv in probes:
            answer = session.host.run(
                argv, changes=False, timeout=min(max(left, 0.1), COMMAND_SECONDS)
            )
            if answer.status == 0:
                return True
        session.interrupt.check()
        time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
        pause = min(pause * 1.5, LONGEST_PAUSE)
