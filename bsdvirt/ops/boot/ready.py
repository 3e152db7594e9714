"""Waiting until a guest is ready: a port of its that answers, or a command in it."""

from __future__ import annotations

import time

from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.jail.enter import Holds, enter, environment, line_in
from bsdvirt.jail.facts.root import read_holds
from bsdvirt.session.session import Session
from bsdvirt.spec.identity import Boot

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
    holds = read_holds(session.host.fs, guest.root)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        for argv in probes(guest, boot, holds):
            answer = session.host.run(
                argv, changes=False, timeout=min(max(left, 0.1), COMMAND_SECONDS)
            )
            if answer.status == 0:
                return True
        session.interrupt.check()
        time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
        pause = min(pause * 1.5, LONGEST_PAUSE)


def probes(guest: Guest, boot: Boot, holds: Holds) -> list[tuple[str, ...]]:
    """The commands any of which tells that the guest is ready. A guest whose addresses are
    not known here (DHCP) is asked from within."""
    jail = guest.identity.kind == "jail"
    if boot.ready_port is None:
        # In a virtual machine nothing can be run from here: `set` refuses a command there.
        return [(*environment(), *line_in(guest.name, holds, boot.ready))] if jail else []
    port = str(boot.ready_port)
    knock = (tools.NC, "-z", "-w", "1")
    addresses = guest.identity.addresses()
    if not addresses and jail:
        return [(*environment(), *enter(guest.name, holds), *knock, "127.0.0.1", port)]
    return [(*knock, address, port) for address in addresses]
