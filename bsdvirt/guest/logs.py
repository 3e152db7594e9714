"""Whose logs lie in a directory: /var/log belongs to a boot environment, and an older one
brings back what guests that are gone have left. A directory says whose it is by the guest's
UUID, in a file; one of another guest is moved aside, never written to."""

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
    """A start that begins with logs of the guest's own."""
    uuid, directory = guest.identity.uuid, guest_log_directory(guest.name)
    told = owner(fs, guest.name)
    if plan.empty or plan.reason or told == uuid:
        return plan
    steps = [move_aside(fs, guest.name)] if told else []
    steps.append(Step(MakeDirectory(directory, 0o700), "its logs", unless=FileExists(directory)))
    marker = WriteFile(f"{directory}/{MARKER}", f"{uuid}\n", 0o600)
    steps.append(Step(marker, "whose logs they are"))
    return msgspec.structs.replace(plan, steps=(*steps, *plan.steps))


def for_new(fs: Fs, name: str, plan: Plan) -> Plan:
    """The making of a guest, or its new name: what lies in its logs' place is another's. It
    comes behind the first step, which makes the guest."""
    if owner(fs, name) is None:
        return plan
    first, *rest = plan.steps
    return msgspec.structs.replace(plan, steps=(first, move_aside(fs, name), *rest))


def for_end(fs: Fs, guest: Guest, plan: Plan) -> Plan:
    """The end of a guest, which leaves the logs of another where they are."""
    if owner(fs, guest.name) in (None, "", guest.identity.uuid):
        return plan
    theirs = RemoveTree(guest_log_directory(guest.name))
    kept = tuple(step for step in plan.finish if step.do != theirs)
    return msgspec.structs.replace(plan, finish=kept)


def move_aside(fs: Fs, name: str) -> Step:
    """Move the directory of that name's logs aside."""
    # A guest's name has no dot: nobody's logs are ever there.
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
            yield name, "holds logs of a guest that is not there"
