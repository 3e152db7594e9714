"""Virtual machines as their run directories tell them: files and locks, no process.

bhyve inherits the descriptor of run.lock, and its supervisor holds it besides: held means
that the guest runs, whatever the other files say.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bsdvirt.host.fs import Fs
from bsdvirt.store.layout import VM_DIRECTORY, vm_directory


class VmEnd(msgspec.Struct, frozen=True):
    """How a run of bhyve ended."""

    code: int | None = None
    signal: int | None = None
    what: str = ""
    at: float = 0.0


class VmState(msgspec.Struct, frozen=True):
    """What the supervisor writes into state.json; what a later one adds is passed over."""

    state: str = ""
    pid: int | None = None
    start: str = ""
    supervisor: int | None = None
    runs: int = 0
    since: float = 0.0
    last: VmEnd | None = None


_DECODER = msgspec.json.Decoder(VmState)


@dataclass(frozen=True, slots=True)
class VmFact:
    """One run directory."""

    name: str
    runs: bool
    """bhyve, or a supervisor that is about to run it again, is there."""
    supervised: bool
    said: VmState | None
    """None where nothing was written, or nothing that can be read."""

    @property
    def state(self) -> str:
        """running, paused, stopping, restarting or starting; empty for one that does not run."""
        if not self.runs:
            return ""
        known = ("running", "paused", "stopping", "restarting", "starting")
        return self.said.state if self.said and self.said.state in known else "running"

    @property
    def left(self) -> bool:
        """It ended without its supervisor: something of it may be left."""
        return not self.runs and self.said is not None


def read_vms(fs: Fs) -> dict[str, VmFact]:
    """All run directories by the guest's name."""
    return {name: fact for name in fs.listdir(VM_DIRECTORY) if (fact := read_vm(fs, name))}


def read_vm(fs: Fs, name: str) -> VmFact | None:
    """A guest's run directory; None where it has none."""
    directory = fs.path(vm_directory(name))
    if not directory.is_dir():
        return None
    supervised = _held(directory / "supervisor.lock")
    return VmFact(name, supervised or _held(directory / "run.lock"), supervised, _said(directory))


def _said(directory: Path) -> VmState | None:
    try:
        return _DECODER.decode((directory / "state.json").read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None


def _held(path: Path) -> bool:
    """Whether somebody has flock(2) on the file. Makes none."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
