"""The owner of a directory of logs: /var/log belongs to a boot environment, and an older one has
the logs of guests that were destroyed since. A file in the directory has its guest's UUID; a
directory of another guest is moved aside, never written to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec

from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.host.fs import Fs
from bsdvirt.layout import LOG_DIRECTORY, guest_log_directory
from bsdvirt.plan.step import FileExists, MakeDirectory, Plan, RemoveTree, Rename, Step, WriteFile
from bsdvirt.spec.types import GuestName

MARKER = ".guest"
MARKER_BYTES = 100


def owner(fs: Fs, name: str) -> str | None:
    """Whose logs the directory of that name holds: a UUID, "" where it does not say, None where
    there is none."""
    directory = guest_log_directory(name)
    if not fs.exists(directory):
        return None
    with contextlib.suppress(OSError):
        return fs.read_text(f"{directory}/{MARKER}", MARKER_BYTES, follow=False).strip()
    return ""


def for_start(fs: Fs, guest: Guest, plan: Plan) -> Plan:
    """Return the plan of a start that first makes the directory of logs the guest's own."""
    uuid, directory = guest.identity.uuid, guest_log_directory(guest.name)
    uuid_there = owner(fs, guest.name)
    if plan.empty or plan.reason or uuid_there == uuid:
        return plan
    steps = [move_aside(fs, guest.name)] if uuid_there else []
    steps.append(Step(MakeDirectory(directory, 0o700), "its logs", unless=FileExists(directory)))
    marker = WriteFile(f"{directory}/{MARKER}", f"{uuid}\n", 0o600)
    steps.append(Step(marker, "whose logs they are"))
    return msgspec.structs.replace(plan, steps=(*steps, *plan.steps))


def for_new(fs: Fs, name: str, plan: Plan) -> Plan:
    """Return the plan of a new guest, or of a new name, that first moves logs of another guest
    aside: behind the step that creates the guest."""
    if owner(fs, name) is None:
        return plan
    at = plan.claims + 1
    steps = (*plan.steps[:at], move_aside(fs, name), *plan.steps[at:])
    return msgspec.structs.replace(plan, steps=steps)


def for_end(fs: Fs, guest: Guest, plan: Plan) -> Plan:
    """Return the plan of a destroy without the removal of another guest's logs."""
    if owner(fs, guest.name) in (None, "", guest.identity.uuid):
        return plan
    theirs = RemoveTree(guest_log_directory(guest.name))
    kept = tuple(step for step in plan.finish if step.do != theirs)
    return msgspec.structs.replace(plan, finish=kept)


def move_aside(fs: Fs, name: str) -> Step:
    """Move the directory of that name's logs aside."""
    # A guest's name has no dot: no guest's logs are ever there.
    number = next(n for n in range(1, 10000) if not fs.exists(_old(name, n)))
    why = f"logs of another guest that was called {name}"
    return Step(Rename(guest_log_directory(name), _old(name, number)), why, durable=True)


def _old(name: str, number: int) -> str:
    return f"{guest_log_directory(name)}.old{number}"


def strays(fs: Fs, found: Inventory) -> Iterator[tuple[str, str]]:
    """The directories of logs that are no guest's, and why each is none."""
    for name in fs.listdir(LOG_DIRECTORY):
        try:
            GuestName.parse(name)
        except ValueError:
            continue
        if not fs.is_dir(guest_log_directory(name)) or name in found.foreign:
            continue
        guest = found.guests.get(name)
        if guest is not None:
            if owner(fs, name) not in ("", guest.identity.uuid):
                yield name, f"holds logs of another guest that was called {name}"
        elif not found.absent:
            yield name, "holds logs of a guest that does not exist"
