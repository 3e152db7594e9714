"""Plans that add ISO files to the media, and remove them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.errors import ConflictError
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.library.plans.images import Source, filled
from bsdvirt.plan.step import Command, FileExists, Not, Plan, RemoveFile, Rename, Step, Undo


def plan_add(name: str, source: Source, layout: Layout, op: str) -> Plan:
    """Copy a file; it gets its name when it is whole."""
    path, part = f"{layout.media}/{name}", f"{layout.media}/.{op}.part"
    steps = (
        Step(
            filled(source, part),
            f"copy {source.path}",
            undo=(Undo(RemoveFile(part)),),
            durable=True,
            size=source.size,
        ),
        Step(Command((tools.CHMOD, "0444", part)), "nobody writes to it", durable=True),
        Step(
            Rename(part, path),
            "it is whole",
            # Another file may have this name by now: it is ours if the part is gone.
            undo=(Undo(RemoveFile(path), Not(FileExists(part))),),
            durable=True,
        ),
    )
    return Plan("add medium", name, "media", steps, op=op)


def plan_place(name: str, fetched: str, layout: Layout, op: str) -> Plan:
    """Rename a downloaded file into the media."""
    path = f"{layout.media}/{name}"
    steps = (
        Step(Command((tools.CHMOD, "0444", fetched)), "nobody writes to it", durable=True),
        Step(
            Rename(fetched, path),
            "it is whole",
            undo=(Undo(Rename(path, fetched), FileExists(path)),),
            durable=True,
        ),
    )
    return Plan("add medium", name, "media", steps, op=op)


def plan_remove(name: str, users: Sequence[str], layout: Layout, op: str) -> Plan:
    """Remove a medium. Raises ConflictError when it is in a guest's drive."""
    if users:
        raise ConflictError(
            f"{name} is in a drive of {', '.join(users)}",
            f"bsdvirt cdrom eject {users[0]} takes it out",
        )
    gone = Step(RemoveFile(f"{layout.media}/{name}"), f"remove {name}", durable=True)
    return Plan("remove medium", name, "media", (), (gone,), op=op, must_journal=False)
