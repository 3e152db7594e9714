"""The snapshots of a guest."""

from __future__ import annotations

from bsdvirt.rows.sizes import human_size
from bsdvirt.rows.snapshot import SnapshotRow
from bsdvirt.tui.actions.action import GUESTS, Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.devices import part
from bsdvirt.tui.detail.tab import TableTab
from bsdvirt.tui.feed.queries.detail import SNAPSHOTS
from bsdvirt.tui.views.entries import Entry, column


class SnapshotsTab(TableTab):
    name_ = "snapshots"
    title = "Snapshots"
    kinds = GUESTS
    interval = 15.0
    nothing = "no snapshots"
    adds = "snapshot"
    columns = (
        column("created", "TAKEN", 20),
        column("name", "NAME", 12, grows=2),
        column("used", "USED", 6, right=True, rank=2),
        column("why", "WHY", 8, rank=3),
        column("held", "HELD BY", 8, rank=4),
        column("note", "NOTE", 8, grows=2, rank=5),
    )

    async def load(self, guest: Subject) -> None:
        rows = await desk_of(self).ask(guest.host, SNAPSHOTS, guest.name)
        self.show([_entry(guest, row) for row in reversed(rows)])


def _entry(guest: Subject, row: SnapshotRow) -> Entry:
    clones = f"{len(row.clones)} clones" if row.clones else ""
    cells = {
        "created": row.created,
        "name": row.name,
        "used": human_size(row.used),
        "why": row.why or ("other tool" if row.whole else "single dataset"),
        "held": ", ".join(row.tags) or (str(row.holds) if row.holds else ""),
        "note": ", ".join(text for text in (clones, row.note) if text),
    }
    state = "held" if row.tags else "free"
    return part(guest, "snapshot", row.name, cells, state, f"{row.name} {row.created}")
