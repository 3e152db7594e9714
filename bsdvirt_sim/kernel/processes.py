"""Real processes that belong to a simulated host: bhyve, its loader, supervisors.

They find their host by BSDVIRT_ROOT in the environment, the directory of its files. What
a supervisor runs (bhyve, bhyvectl, ifconfig …) are scripts beneath it, which run
bsdvirt_sim.tool. See also hostprocess.py.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from bsdvirt_sim.state import Host, Vmm

ROOT = "BSDVIRT_ROOT"
CPUS = "BSDVIRT_SIM_CPUS"
"""In the environment of a process that was started by cpuset -l: its CPUs."""
TOOLS = (
    "/sbin/dmesg",
    "/sbin/ifconfig",
    "/sbin/pfctl",
    "/usr/bin/cpuset",
    "/usr/bin/rctl",
    "/usr/sbin/bhyve",
    "/usr/sbin/bhyvectl",
    "/usr/sbin/bhyveload",
    "/usr/sbin/jexec",
    "/usr/sbin/jls",
)
"""The tools that supervisors run."""
_REPOSITORY = Path(__file__).resolve().parents[2]
_SCRIPT = """\
#!/bin/sh
PYTHONPATH={repository} exec {python} -m bsdvirt_sim.tool "${{BSDVIRT_ROOT%/root}}" {tool} "$@"
"""
_PATIENCE = 5.0


def write_scripts(root: Path, tools: Iterable[str] = TOOLS) -> None:
    """Write the tools that supervisors run below a simulated host's /."""
    for tool in tools:
        path = root / tool.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        words = {
            "repository": shlex.quote(str(_REPOSITORY)),
            "python": shlex.quote(sys.executable),
            "tool": tool,
        }
        path.write_text(_SCRIPT.format(**words))
        path.chmod(0o755)


def mask_of_process(state: Host, pid: int) -> list[int]:
    """Return the CPUs of a process: those that it was given, or with which it was started."""
    if pid in state.masks:
        return state.masks[pid]
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            words = stream.read().decode(errors="replace").split("\0")
    except OSError:
        words = []
    for word in words:
        name, _, text = word.partition("=")
        if name == CPUS:
            return numbers(text)
    return list(range(state.cpus))


def numbers(text: str) -> list[int]:
    """Return the CPUs of a list that cpuset(1) takes. Raise ValueError."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ValueError(text)
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        # Without /proc, a process that can be signalled exists.
        return os.path.exists("/proc/self/stat") is False


OWN_THREADS = ("mevent", "blk-3:0-0", "vtnet-4:0 tx")
"""Threads of a simulated bhyve before those of its virtual CPUs."""
_FIRST_TID = 100000
_MOST_THREADS = 64


def tid_of(pid: int, number: int) -> int:
    """Return the number of a thread of bhyve."""
    return _FIRST_TID + pid * _MOST_THREADS + number


def vcpu_of(state: Host, tid: int) -> tuple[Vmm, int] | None:
    """Return the virtual CPU that is a thread; None if there is no such thread."""
    pid, number = divmod(tid - _FIRST_TID, _MOST_THREADS)
    for vmm in state.vmms.values():
        vcpu = number - len(OWN_THREADS)
        if vmm.pid == pid and 0 <= vcpu < vmm.cpus:
            return vmm, vcpu
    return None


def reap(state: Host) -> None:
    """Do what the kernel does when a process ends."""
    for vmm in state.vmms.values():
        if vmm.pid and not alive(vmm.pid):
            vmm.pid, vmm.loaded = 0, False
    for face in state.interfaces.values():
        if face.opened and not alive(face.opened):
            face.opened, face.up = 0, False
    if state.memories:
        state.memories = {pid: text for pid, text in state.memories.items() if alive(pid)}
    if state.masks:
        state.masks = {pid: mask for pid, mask in state.masks.items() if alive(pid)}
    if any(rule.subject.startswith("process:") for rule in state.rules):
        state.rules = [
            rule
            for rule in state.rules
            if not rule.subject.startswith("process:") or alive(int(rule.subject[8:]))
        ]


def living(directory: Path) -> list[int]:
    """Return the processes of a simulated host (as far as /proc shows them)."""
    wanted = f"{ROOT}={directory.resolve() / 'root'}".encode()
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0") and alive(pid):
                found.append(pid)
    return found


def end_all(directory: Path) -> None:
    """End all processes of a simulated host, as a power loss does."""
    deadline = time.monotonic() + _PATIENCE
    while (pids := living(directory)) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
