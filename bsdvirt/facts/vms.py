"""Virtual machines as their run directories show them: files and locks, no command.

bhyve inherits the descriptor of run.lock, and its supervisor holds that lock too: a held lock
means that the guest runs, whatever the other files say.
"""

from __future__ import annotations

from bsdvirt import plainjson
from bsdvirt.layout import (
    VM_DIRECTORY,
    last_file,
    run_lock,
    state_file,
    supervisor_lock,
    vm_directory,
)
from bsdvirt.record import Record

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from typing import Any

    from bsdvirt.host.fs import Fs


class VmEnd(Record):
    """How a run of bhyve ended."""

    code: int | None = None
    signal: int | None = None
    what: str = ""
    at: float = 0.0


class VmState(Record):
    """The contents of state.json, written by the supervisor; unknown keys are ignored."""

    state: str = ""
    pid: int | None = None
    start: str = ""
    supervisor: int | None = None
    runs: int = 0
    since: float = 0.0
    last: VmEnd | None = None


_NUMBER = (int, type(None))
_END = {"code": _NUMBER, "signal": _NUMBER, "what": (str,), "at": (int, float)}
_STATE = {
    "state": (str,), "pid": _NUMBER, "start": (str,), "supervisor": _NUMBER, "runs": (int,),
    "since": (int, float),
}  # fmt: skip
"""The types of the values."""


class VmFact(Record):
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
        return _end(_loaded(fs, last_file(name)))
    except (OSError, ValueError):
        return None


def _said(fs: Fs, name: str) -> VmState | None:
    try:
        found = _loaded(fs, state_file(name))
        last = found.get("last") if isinstance(found, dict) else None
        return VmState(**_known(found, _STATE), last=None if last is None else _end(last))
    except (OSError, ValueError):
        return None


def _loaded(fs: Fs, path: str) -> Any:
    return plainjson.loads(fs.read_text(path, follow=False))


def _end(found: Any) -> VmEnd:
    return VmEnd(**_known(found, _END))


def _known(found: Any, types: dict[str, tuple[type, ...]]) -> dict[str, Any]:
    """Return the known values. Raises ValueError for one of another type."""
    if not isinstance(found, dict):
        raise ValueError("not a mapping")
    known = {name: found[name] for name in types if name in found}
    for name, value in known.items():
        if isinstance(value, bool) or not isinstance(value, types[name]):
            raise ValueError(f"{name}: {value!r}")
    return known
