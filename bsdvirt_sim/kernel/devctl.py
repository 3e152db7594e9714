"""Events of the kernel for devd(8), and what devd runs for them; the kernel's messages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Rule

BUFFER = 128
"""RCTL_LOG_BUFSIZE in kern_rctl.c: a longer text is cut, and ends with a NUL."""
HELPER = Path(__file__).resolve().parents[2] / "libexec/limit-reached"


def matched(rule: Rule, pid: int, ruid: int, jail: str) -> str:
    """Return the event that a process of a jail matches a rule: rctl_enforce() in kern_rctl.c and
    devctl_notify() in kern_devctl.c (subr_bus.c before 14)."""
    data = f"rule={rule.text} pid={pid} ruid={ruid} jail={jail}"[: BUFFER - 1]
    return f"!system=RCTL subsystem=rule type=matched {data}"


def deliver(root: Path, event: str, seconds: float) -> None:
    """Run what devd/bsdvirt.conf has devd(8) run for an event of rctl(8). `$timestamp` is the time,
    and `$*` the whole event, each quoted as one word (shell_quote() in devd.cc)."""
    subprocess.run(
        ("/bin/sh", str(HELPER), f"{seconds:.6f}", event),
        env={"BSDVIRT_ROOT": str(root), "PATH": os.defpath}, check=True,
    )  # fmt: skip


def killed(pid: int, comm: str, jid: int, uid: int, why: str) -> str:
    """Return the message of a process that the kernel has killed: killproc() in kern_sig.c, and the
    reasons of vm_pageout_oom() in vm_pageout.c."""
    return f"pid {pid} ({comm[:19]}), jid {jid}, uid {uid}, was killed: {why}"


def dmesg(run: Run, words: list[str]) -> int:
    """Run dmesg(8), without the messages of the boot."""
    run.reads()
    if words:
        raise run.unknown()
    for message in run.state.messages:
        run.print(message)
    return 0
