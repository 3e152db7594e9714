"""Snapshots of guests that lack a part: their removal was cut short and its journal set aside, or
zfs(8) destroyed one by hand, or a jail did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.host import tools
from bsdvirt.ops.archive.export import TAG
from bsdvirt.ops.doctor.seen import Seen
from bsdvirt.ops.snapshots.listing import read_each
from bsdvirt.plan.locks import is_held
from bsdvirt.rows.host import Finding
from bsdvirt.session.session import Session
from bsdvirt.spec.digits import natural

MOST_NAMED = 5


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """Yield a notice for each guest that has such snapshots, and a problem for one whose snapshots
    cannot be read."""
    guests = [guest for name, guest in seen.found.guests.items() if not seen.busy(name)]
    every, errors = read_each(session, guests)
    for name, error in errors.items():
        yield Finding(name, f"its snapshots cannot be read: {error.message}", error.hint)
    for name, snapshots in every.items():
        for one in snapshots:
            if _left(session, one):
                yield Finding(
                    name, f"{name}@{one.name} was taken for an archive, which is not being written",
                    f"bsdvirt snapshot release {name}@{one.name} --tag {TAG}; bsdvirt snapshot rm"
                    f" {name}@{one.name}", problem=False,
                )  # fmt: skip
    suspects = {
        name: [one for one in snapshots if one.ours and one.missing]
        for name, snapshots in every.items()
    }
    if not any(suspects.values()):
        return
    made = _made(session, [seen.found.guests[name].dataset for name in suspects])
    for name, snapshots in suspects.items():
        if halves := [one for one in snapshots if _lacks(one, made)]:
            yield _finding(name, halves)


def _finding(guest: str, halves: list[Snapshot]) -> Finding:
    named = ", ".join(f"{guest}@{one.name}" for one in halves[:MOST_NAMED])
    more = f" and {len(halves) - MOST_NAMED} more" if len(halves) > MOST_NAMED else ""
    return Finding(
        guest, f"{named}{more}: snapshots of some of its datasets were destroyed",
        f"bsdvirt snapshot rm {guest}@{halves[0].name} removes the rest", problem=False,
    )  # fmt: skip


def _left(session: Session, one: Snapshot) -> bool:
    """Whether an export has left it: its journal was set aside."""
    if one.stamp is None or one.stamp.why != "export":
        return False
    going = is_held(session.host.fs, "export", one.guest)
    return not going and one.guest not in session.pending("export")


def _lacks(one: Snapshot, made: Mapping[str, int]) -> bool:
    """Whether a dataset is older than the snapshot, and not in it."""
    return any(0 < made.get(dataset, 0) < one.txg for dataset in one.missing)


def _made(session: Session, roots: list[str]) -> dict[str, int]:
    """Return the transaction group in which each dataset was made; one command."""
    argv = (
        tools.ZFS, "list", "-Hp", "-r", "-t", "filesystem,volume", "-o", "name,createtxg", *roots,
    )  # fmt: skip
    rows = session.host.run(argv, changes=False).stdout.split("\n")
    pairs = (row.partition("\t") for row in rows)
    return {name: natural(txg) or 0 for name, _, txg in pairs}
