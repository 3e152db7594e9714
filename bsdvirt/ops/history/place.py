"""The dataset of the files of history: one of its own, so that they use nothing of the space that
is reserved for the journal."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt.plan.step import Command, DatasetExists, Plan, Step, Undo
from bsdvirt.session.session import Session

SMALL_RECORDS = "recordsize=16K"
"""Of files that change a little again and again: ZFS writes whole records."""


def plan_place(session: Session) -> Plan:
    """Return the plan that creates the dataset, if it does not exist."""
    name = session.layout.history_dataset
    step = Step(
        Command((tools.ZFS, "create", "-o", SMALL_RECORDS, name)),
        f"create {name}",
        undo=(Undo(Command((tools.ZFS, "destroy", name)), DatasetExists(name)),),
        unless=DatasetExists(name),
    )
    return Plan("record", name, "host", (step,), op=session.new_op())
