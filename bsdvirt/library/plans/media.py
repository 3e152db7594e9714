"""Plans that add ISO files to the media, and remove them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.errors import ConflictError
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.library.plans.images import Source, filled
from bsdvirt.plan.step import Command, FileExists, Not, Plan, RemoveFile, Rename, Step, Undo


def plan_add(name: str, source: Source, layout: Layout, op: str) -> Plan:
    """Copy a file to a temporary name, and rename it when it is complete."""
    path, part = f"{layout.media}/{name}", f"{layout.media}/.{op}.part"
    steps = (
        Step(
            filled(source, part),
            f"copy {source.path}",
            undo=(Undo(RemoveFile(part)),),
            durable=True,
            size=source.size,
        ),
        Step(Command((tools.CHMOD, "0444", part)), "read-only", durable=True),
        Step(
            Rename(part, path),
            "complete: its final name",
            # Another file may have this name by now: it is ours only if the part is gone.
            undo=(Undo(RemoveFile(path), Not(FileExists(part))),),
            durable=True,
        ),
    )
    return Plan("add medium", name, "media", steps, op=op)


def plan_place(name: str, fetched: str, layout: Layout, op: str) -> Plan:
    """Rename a downloaded file into the media."""
    path = f"{layout.media}/{name}"
    steps = (
        Step(Command((tools.CHMOD, "0444", fetched)), "read-only", durable=True),
        Step(
            Rename(fetched, path),
            "complete: its final name",
            undo=(Undo(Rename(path, fetched), FileExists(path)),),
            durable=True,
        ),
    )
    return Plan("add medium", name, "media", steps, op=op)


def plan_remove(name: str, users: Sequence[str], layout: Layout, op: str) -> Plan:
    """Remove a medium. Raises ConflictError when it is in a guest's drive."""
    if users:
        raise ConflictError(
            f"{name} is in use by {', '.join(users)}",
            f"bsdvirt cdrom eject {users[0]}",
        )
    gone = Step(RemoveFile(f"{layout.media}/{name}"), f"remove {name}", durable=True)
    return Plan("remove medium", name, "media", (), (gone,), op=op, must_journal=False)
