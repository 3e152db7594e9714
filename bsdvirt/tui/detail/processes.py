"""The processes of a jail."""

from __future__ import annotations

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.tab import TableTab
from bsdvirt.tui.feed.queries.detail import PROCESSES
from bsdvirt.tui.views.entries import Entry, column


class ProcessesTab(TableTab):
    name_ = "processes"
    title = "Processes"
    kinds = frozenset({"jail"})
    interval = 2.0
    nothing = "no processes"
    columns = (
        column("pid", "PID", 7, right=True),
        column("ppid", "PPID", 7, right=True, rank=3),
        column("user", "USER", 10, rank=2),
        column("command", "COMMAND", 20, grows=1),
    )

    async def load(self, guest: Subject) -> None:
        if guest.state != "running":
            self.show([])
            return
        found = await desk_of(self).ask(guest.host, PROCESSES, guest.name)
        self.show([
            Entry(
                (guest.host, str(one.pid)),
                Subject(guest.host, "process", str(one.pid), "", guest.row, guest.name),
                {"pid": str(one.pid), "ppid": str(one.ppid), "user": one.user,
                 "command": one.command},
                values={"pid": one.pid, "ppid": one.ppid},
            )
            for one in found
        ])  # fmt: skip
