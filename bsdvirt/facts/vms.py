"""Virtual machines as their run directories show them: files and locks, no command.

bhyve inherits the descriptor of run.lock, and its supervisor holds that lock too: a held lock
means that the guest runs, whatever the other files say.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from bsdvirt.host.fs import Fs
from bsdvirt.layout import (
    VM_DIRECTORY,
    last_file,
    run_lock,
    state_file,
    supervisor_lock,
    vm_directory,
)


class VmEnd(msgspec.Struct, frozen=True):
    """How a run of bhyve ended."""

    code: int | None = None
    signal: int | None = None
    what: str = ""
    at: float = 0.0


class VmState(msgspec.Struct, frozen=True):
    """The contents of state.json, written by the supervisor; unknown keys are ignored."""

    state: str = ""
    pid: int | None = None
    start: str = ""
    supervisor: int | None = None
    runs: int = 0
    since: float = 0.0
    last: VmEnd | None = None


_DECODER = msgspec.json.Decoder(VmState)
_END = msgspec.json.Decoder(VmEnd)


class VmFact(Struct, frozen=True):
    """One run directory."""

    name: str
    runs: bool
    """bhyve, or a supervisor that will start it again, is running."""
    supervised: bool
    said: VmState | None
    """None if it is missing or unreadable."""

    @property
    def state(self) -> str:
        """State: running, paused, stopping, restarting or starting; empty if it is not running."""
        if not self.runs:
            return ""
        known = ("running", "paused", "stopping", "restarting", "starting")
        return self.said.state if self.said and self.said.state in known else "running"

    @property
    def left(self) -> bool:
        """It ended without its supervisor: parts of it may be left."""
        return not self.runs and self.said is not None


def read_vms(fs: Fs) -> dict[str, VmFact]:
    """Return all run directories by guest."""
    return {name: fact for name in fs.listdir(VM_DIRECTORY) if (fact := read_vm(fs, name))}


def read_vm(fs: Fs, name: str) -> VmFact | None:
    """Return a guest's run directory; None if it has none."""
    if not fs.is_dir(vm_directory(name)):
        return None
    supervised = fs.is_locked(supervisor_lock(name))
    return VmFact(name, supervised or fs.is_locked(run_lock(name)), supervised, _said(fs, name))


def read_last(fs: Fs, name: str) -> VmEnd | None:
    """Return how the guest last ended; None if it never ran, or that is unknown."""
    try:
        return _END.decode(fs.read_bytes(last_file(name), follow=False))
    except (OSError, msgspec.MsgspecError):
        return None


def _said(fs: Fs, name: str) -> VmState | None:
    try:
        return _DECODER.decode(fs.read_bytes(state_file(name), follow=False))
    except (OSError, msgspec.MsgspecError):
        return None
