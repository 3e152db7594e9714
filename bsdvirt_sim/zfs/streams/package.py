"""The datasets and snapshots that zfs send -R, -I and -p send (send_iterate_fs, dump_snapshot)."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset, Snapshot
from bsdvirt_sim.zfs import keys
from bsdvirt_sim.zfs.properties import find_snapshot
from bsdvirt_sim.zfs.streams.format import Member
from bsdvirt_sim.zfs.streams.source import From, from_named

_NOT_SENT = {"volsize", "volblocksize", "encryption", "keyformat", "keylocation"}
"""Properties of a dataset that are part of its data, or that no stream has."""


class Missing(Exception):  # noqa: N818
    """A dataset cannot be sent; why, in words."""


def members(
    run: Run,
    name: str,
    first: str | None,
    *,
    recursive: bool,
    all_: bool,
    raw: bool,
    skip_missing: bool,
) -> list[Member]:
    """Return the datasets of a package, parents first."""
    found: list[Member] = []
    top, _, short = name.partition("@")

    def visit(dataset: str, parent: int, latest: int) -> None:
        held = run.state.datasets[dataset]
        last = find_snapshot(run.state, f"{dataset}@{short}")
        if last is None:
            if held.txg > latest:
                return
            if not skip_missing:
                how = " recursively" if recursive else ""
                raise Missing(
                    f"cannot send {top}@{short}{how}: snapshot {dataset}@{short} does not exist"
                )
            run.warn(
                f"WARNING: skipping dataset {dataset} and its children:"
                f" snapshot {dataset}@{short} does not exist"
            )
            return
        if keys.key_root(run.state, dataset) and not raw:
            raise Missing(
                f"cannot send {top}@{short}: encrypted dataset {dataset} may not be sent with"
                " properties without the raw flag"
            )
        member, below = _member(run, dataset, held, last, first, recursive=recursive, all_=all_)
        member.parentfromsnap = parent
        found.append(member)
        depth = dataset.count("/") + 1
        for other in sorted(run.state.datasets) if recursive else ():
            if other.startswith(f"{dataset}/") and other.count("/") == depth:
                visit(other, below, last.txg)

    visit(top, 0, 0)
    return found


def _member(
    run: Run,
    name: str,
    dataset: Dataset,
    last: Snapshot,
    first: str | None,
    *,
    recursive: bool,
    all_: bool,
) -> tuple[Member, int]:
    """Return a dataset of a package, and the number that its children name it by."""
    origin = find_snapshot(run.state, dataset.origin)
    member = Member(name, origin=origin.guid if origin else 0)
    member.props = {p: v for p, v in dataset.props.items() if p not in _NOT_SENT}
    below = 0
    for snap in dataset.snaps:
        if snap.txg > last.txg or not (recursive or all_ or snap is last):
            continue
        member.snaps[snap.name] = snap.guid
        member.snapprops[snap.name] = dict(snap.props)
        if snap.name == first or (not below and snap is last):
            below = snap.guid
    return member, below


def chain(
    run: Run, name: str, short: str, first: str, *, all_: bool, replicate: bool, origin: bool
) -> tuple[list[tuple[str, From | None]], str]:
    """Return the snapshots of a dataset that are sent, each with where it begins, and an error
    in words."""
    dataset = run.state.datasets[name]
    last = find_snapshot(run.state, f"{name}@{short}")
    if last is None:
        return [], f"WARNING: could not send {name}@{short}: does not exist"
    start = find_snapshot(run.state, f"{name}@{first}") if first else None
    before = from_named(run, f"{name}@{first}") if start else None
    if start is not None and start.txg >= last.txg:
        return [], (
            f"WARNING: could not send {name}@{short}:\nincremental source ({name}@{first})"
            " is not earlier than it"
        )
    if before is None and dataset.origin and (replicate or origin):
        before = from_named(run, dataset.origin)
    origins = {other.origin for other in run.state.datasets.values()}
    found: list[tuple[str, From | None]] = []
    for snap in dataset.snaps:
        if snap.txg > last.txg or (start is not None and snap.txg <= start.txg):
            continue
        full = f"{name}@{snap.name}"
        if snap is last or all_ or (replicate and full in origins):
            found.append((full, before))
            before = from_named(run, full)
    return found, ""
