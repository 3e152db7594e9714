"""The tree that `snapshot ls --tree` shows."""

from __future__ import annotations

from collections.abc import Iterable

from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.snapshots.tree import Node, forest
from bsdvirt.ops.snapshots.listing import read_each, rows
from bsdvirt.rows.snapshot import SnapshotNode, SnapshotRow
from bsdvirt.session.reading import Reading


def tree(
    session: Reading, names: Iterable[str], *, sizes: bool
) -> tuple[list[SnapshotNode], dict[str, BsdvirtError]]:
    """Return the trees of guests, and the errors of those whose snapshots cannot be read. `sizes`:
    with what the removal of each snapshot frees."""
    found = session.inventory()
    wanted = [found.guest(name).name for name in names]
    every, errors = read_each(session, list(found.guests.values()))
    trees = forest(found.guests, every, wanted)
    listed = [node.snapshot for node in _all(trees) if node.snapshot is not None]
    made = {(row.guest, row.name): row for row in rows(session, listed, every, sizes=sizes)}
    return [_row(node, made) for node in trees], errors


def _all(nodes: Iterable[Node]) -> Iterable[Node]:
    for node in nodes:
        yield node
        yield from _all(node.children)


def _row(node: Node, made: dict[tuple[str, str], SnapshotRow]) -> SnapshotNode:
    snapshot = node.snapshot
    return SnapshotNode(
        kind="snapshot" if snapshot else node.guest.identity.kind if node.guest else "dataset",
        name=node.name,
        origins=list(node.origins),
        snapshot=made[snapshot.guest, snapshot.name] if snapshot else None,
        children=[_row(child, made) for child in node.children],
    )
