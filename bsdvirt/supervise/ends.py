"""How a run of bhyve ended, and what follows from it.

bhyve's exit statuses are of bhyverun.c. Some have two meanings: see vmexit_suspend() there,
the err(1, ...) of passthrough, TPM and debugger, and what snapshot.c ends with.
"""

from __future__ import annotations

import os
import re
import signal

from bsdvirt.supervise.policy import SETTLED

AGAIN, OVER, CRASH, FAILURE = "again", "over", "crash", "failure"
ERROR_LINE = re.compile(r"bhyve: \S.*: \S")
"""What err(3) prints; warn(3) prints the same, and bhyve goes on after it."""
CHATTER = re.compile(r"fbuf frame buffer base: |switching to V(GA|ESA) mode$")
"""What bhyve says of every guest with a screen (pci_fbuf.c)."""
UNHANDLED = "vm exit["
EXIT_LINES = 8
"""What bhyve prints of an exit of a virtual CPU before it aborts (vmexit_*() in vmexit.c)."""
LOST_TPM = "is swtpm running?"
"""What err(3) says at a command of the guest's whose TPM in software is gone (tpm_emul_swtpm.c of
15.1): bhyve cannot connect to another one, and a new run can."""
MEANINGS = {
    1: "it could not go on", 4: "an error in its configuration, or of a device",
    64: "a configuration that it does not take", 65: "data that it cannot use",
    71: "the host refused it something", 100: "an end that bhyve does not know",
    127: "it could not be run",
}  # fmt: skip
"""What bhyve(8) and sysexits(3) say of an exit status that is an error."""


def judge(
    status: int | None, uptime: float, said: str, *, off: bool | None = None, gone: bool = False
) -> tuple[str, str]:
    """Return what the end of bhyve was, and what follows from it.

    `status` is wait(2)'s, or None where nobody saw it; `said` is its standard error; `off` is
    whether vmm(4) has suspended the guest's CPUs, as any end does that the guest has brought
    about (None where it is not known); `gone` is that bhyve has destroyed its vmm device.
    """
    if status is None:
        return "an end that nobody saw", CRASH
    if os.WIFSIGNALED(status):
        return f"killed by {_signal_name(os.WTERMSIG(status))}", CRASH
    code = os.WEXITSTATUS(status)
    if code == 0 and gone:
        return "suspended", OVER
    if code == 0 and uptime < SETTLED and _last_line(said).startswith("pipe: "):
        return "bhyve ended at once", FAILURE
    if code == 0:
        return "reset", AGAIN
    if code == 1:
        return _judge_power_off(uptime, said, off)
    if code in (2, 5):
        return {2: "halt", 5: "suspended"}[code], OVER
    if code == 3:
        return "triple fault", CRASH
    if code > 128:
        return f"killed by {_signal_name(code - 128)}", CRASH
    return f"bhyve ended with status {code}", FAILURE


def loader_end(status: int | None) -> str:
    """Return what the end of a loader was: its exit statuses mean nothing else (bhyveload.c)."""
    if status is None:
        return "an end that nobody saw"
    if os.WIFSIGNALED(status):
        return f"killed by {_signal_name(os.WTERMSIG(status))}"
    return f"status {os.WEXITSTATUS(status)}"


def last_words(text: str) -> list[str]:
    """Return the lines that tell best why a process ended: the last three, or the whole of the
    last exit of a virtual CPU that bhyve could not handle."""
    found = [entry.strip() for entry in text.splitlines()]
    lines = [entry for entry in found if entry and not CHATTER.match(entry)]
    exits = [number for number, entry in enumerate(lines) if entry.startswith(UNHANDLED)]
    return lines[exits[-1] :][:EXIT_LINES] if exits else lines[-3:]


def _judge_power_off(uptime: float, said: str, off: bool | None) -> tuple[str, str]:
    """Of an end with status 1: the guest has powered off, or bhyve cannot go on."""
    if "Usage: " in said:
        return "bhyve ended at once", FAILURE
    if off:
        return "power off", OVER
    if uptime < SETTLED:
        return "bhyve ended at once", FAILURE
    if LOST_TPM in _last_line(said):
        return "its TPM, swtpm, has ended", CRASH
    if off is False or ERROR_LINE.match(_last_line(said)):
        return "bhyve ended with status 1", FAILURE
    return "power off", OVER


def _last_line(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1].strip() if lines else ""


def meaning(status: int | None) -> str:
    """Return what an exit status means that is an error, to follow the message."""
    code = numbers(status)["code"]
    return f" (status {code}: {MEANINGS[code]})" if code in MEANINGS else ""


def numbers(status: int | None) -> dict[str, int | None]:
    """Return the exit code, or the signal, of a wait(2) status."""
    code = None if status is None else os.waitstatus_to_exitcode(status)
    ended = code is not None and code >= 0
    return {"code": code if ended else None, "signal": None if ended or code is None else -code}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
