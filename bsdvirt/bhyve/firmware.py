"""A virtual machine's UEFI variables: put aside, so that its next start makes fresh ones, and
put back. Pure."""

from __future__ import annotations

from collections.abc import Collection

from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Guest
from bsdvirt.plan.step import FileExists, Not, Plan, RemoveFile, Rename, Step, Undo


def kept(path: str) -> str:
    """Where variables are that were put aside."""
    return f"{path}.kept"


def plan_reset(guest: Guest, files: Collection[str], op: str) -> Plan:
    """Put the variables aside, in place of any that were before; `files` are those that are
    there. What is lost with the older ones has no undo, so all of it only rolls forward."""
    path = guest.layout.uefi_vars(guest.name)
    if path not in files:
        return Plan("uefi", guest.name, reason="its next start makes fresh variables", op=op)
    there = Not(FileExists(path))
    steps = (
        Step(RemoveFile(kept(path)), "the variables put aside before", durable=True, unless=there),
        Step(Rename(path, kept(path)), "its UEFI variables, aside", durable=True, unless=there),
    )
    finish = steps if kept(path) in files else steps[1:]
    return Plan("uefi", guest.name, finish=finish, op=op)


def plan_restore(guest: Guest, files: Collection[str], op: str) -> Plan:
    """Put back what was put aside; what is in its place is put aside instead.

    Raises ConflictError where nothing is.
    """
    path = guest.layout.uefi_vars(guest.name)
    if kept(path) not in files:
        raise ConflictError(
            f"{guest.name}: no variables were put aside", f"bsdvirt uefi reset {guest.name}"
        )
    between = f"{path}.new"
    moves = ((path, between), (kept(path), path), (between, kept(path)))
    steps = tuple(_move(old, new) for old, new in moves if path in files or old == kept(path))
    return Plan("uefi", guest.name, steps=steps, op=op)


def _move(old: str, new: str) -> Step:
    return Step(
        Rename(old, new),
        "its UEFI variables",
        undo=(Undo(Rename(new, old), FileExists(new)),),
        durable=True,
    )
