"""zfs send -t: the rest of a stream that was interrupted (zfs_send_resume)."""

from __future__ import annotations

from collections.abc import Callable

from bsdvirt_sim.context import Run
from bsdvirt_sim.zfs.datasets import pool_of
from bsdvirt_sim.zfs.properties import find_snapshot
from bsdvirt_sim.zfs.streams.source import FEATURES, From, Source, from_named
from bsdvirt_sim.zfs.token import Corrupt, read_token

_ACTION = "cannot resume send"


def resumed(
    run: Run, text: str, letters: frozenset[str], tell: Callable[[str], None]
) -> list[Source]:
    """Return what a token asks for. Ends the command where it is not here."""
    try:
        token = read_token(text)
    except Corrupt as error:
        raise run.fail(f"{_ACTION}: {error}") from None
    for line in token.lines():
        tell(line)
    name = _by_guid(run, token.toname, token.toguid)
    if not name:
        if find_snapshot(run.state, token.toname):
            why = f"'{token.toname}' is no longer the same snapshot used in the initial send"
        else:
            why = f"'{token.toname}' used in the initial send no longer exists"
        raise run.fail(f"{_ACTION}: {why}")
    begins: From | None = None
    if token.fromguid:
        begins = from_named(run, _by_guid(run, token.toname, token.fromguid, marks=True))
        if begins is None:
            raise run.fail(f"{_ACTION}: incremental source {token.fromguid:#x} no longer exists")
    flags = letters | {flag for flag, name in FEATURES.items() if name in token.features}
    return [Source(run, name, begins, flags, token.object)]


def _by_guid(run: Run, near: str, guid: int, *, marks: bool = False) -> str:
    """Return the snapshot (or bookmark) of a number, in the pool of a name; that of the named
    dataset if there are several."""
    parent = near.partition("@")[0]
    names = [n for n in run.state.datasets if pool_of(n) == pool_of(near)]
    for name in sorted(names, key=lambda name: name != parent):
        dataset = run.state.datasets[name]
        for snap in dataset.snaps:
            if snap.guid == guid:
                return f"{name}@{snap.name}"
        for mark in dataset.bookmarks if marks else ():
            if mark.guid == guid:
                return f"{name}#{mark.name}"
    return ""
