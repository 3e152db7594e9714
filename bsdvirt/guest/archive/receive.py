"""The plan that creates a guest from an archive. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.guest.archive.manifest import Entry, Stream
from bsdvirt.guest.archive.parts import Parts, Place
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import zvol
from bsdvirt.plan.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.plan.step import (
    Await,
    Command,
    DatasetMounted,
    Pipeline,
    Plan,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt.spec.identity import PROPERTY
from bsdvirt.spec.load import identity_to_json

SECONDS = 7 * 24 * 3600.0
DEVICE_SECONDS = 30.0
SNAPSHOT = "import"
"""The snapshot that a received dataset begins with; it is removed."""


class Packed(Struct, frozen=True):
    """An archive on this host."""

    file: str
    streams: tuple[Stream, ...]
    key: str = ""
    """The file that decrypts it, if it is encrypted."""

    def command(self, mode: str, *words: str) -> tuple[str, ...]:
        """Return a command of the archive's program."""
        key = (self.key,) if self.key else ()
        return (*tools.ARCHIVE, mode, self.file, *words, *key)


def check_parts(entries: Sequence[Entry], parts: Parts, file: str) -> None:
    """Raise UsageError for an archive that does not have what the guest's file names."""
    hint = "it is damaged, or not from bsdvirt"
    for entry in entries:
        if entry.kind == "file":
            if entry.part not in parts.files:
                raise UsageError(f"{file}: {entry.part} is not a file of such a guest", hint)
        elif parts.place(entry.part, entry.kind) is None:
            raise UsageError(f"{file}: the guest's file names no {entry.kind} {entry.part}", hint)
    there = {entry.part for entry in entries}
    for part in parts.places:
        if part not in there:
            raise UsageError(f"{file}: {part} is missing", hint)
    for entry in entries:
        above = entry.part.rpartition("/")[0]
        if above and above not in there:
            raise UsageError(f"{file}: {entry.part} is there without {above}", hint)


def plan_import(guest: Guest, packed: Packed, parts: Parts, config: str, op: str) -> Plan:
    """Create a guest: its dataset with its identity, what is in the archive, its file. Until the
    commit, its datasets have the operation's mark."""
    layout, name = guest.layout, guest.name
    claim = ("-o", f"{PROPERTY}={identity_to_json(guest.identity)}")
    made = Step(
        Command((tools.ZFS, "create", *mark_of(op), *claim, *parts.words, guest.dataset)),
        f"the guest {name}: its identity and claims",
        undo=(destroy_ours(guest.dataset, op),),
        durable=True,
    )
    steps, marked = [made], []
    # What is above comes first.
    for stream in sorted(packed.streams, key=lambda stream: stream.entry.part):
        entry = stream.entry
        if entry.kind == "file":
            steps.append(_extracted(guest, packed, entry))
            continue
        place = parts.place(entry.part, entry.kind)
        assert place is not None
        steps += _received(guest, packed, stream, place, op)
        marked.append(f"{guest.dataset}/{entry.part}")
    described = WriteFile(layout.guest_file(name), config, 0o600)
    steps.append(Step(described, "its configuration", durable=True))
    finish = tuple(clear_mark(dataset, op) for dataset in (*marked, guest.dataset))
    return Plan("import", name, "guest", tuple(steps), finish, op=op)


def _extracted(guest: Guest, packed: Packed, entry: Entry) -> Step:
    path = f"{guest.layout.guest_directory(guest.name)}/{entry.part}"
    return Step(
        Command(packed.command("extract", entry.id, path), own=True, timeout=SECONDS),
        f"unpack {entry.part}",
        durable=True,
    )


def _received(
    guest: Guest, packed: Packed, stream: Stream, place: Place, op: str
) -> tuple[Step, ...]:
    entry = stream.entry
    dataset = f"{guest.dataset}/{entry.part}"
    unpacked = packed.command("stream", entry.id)
    length = stream.checksum.length
    words = (*mark_of(op), *place.words)
    ours = (destroy_ours(dataset, op),)
    if entry.form == "zfs":
        received = Step(
            Pipeline(
                unpacked,
                (tools.ZFS, "receive", "-u", *words, f"{dataset}@{SNAPSHOT}"),
                timeout=SECONDS,
            ),
            f"unpack {dataset}",
            undo=ours,
            durable=True,
            size=length,
        )
        freed = Step(
            Command((tools.ZFS, "destroy", f"{dataset}@{SNAPSHOT}")),
            "the snapshot that came with it",
            durable=True,
        )
        return received, freed, *_usable(dataset, entry, place)
    if entry.form == "tar":
        created = Step(
            Command((tools.ZFS, "create", *words, dataset)),
            f"a dataset for {entry.part}",
            undo=ours,
            durable=True,
        )
        into = f"{guest.layout.guest_directory(guest.name)}/{entry.part}"
        filled = (tools.TAR, "-xpf", "-", "-C", into)
        done = Step(
            Pipeline(unpacked, filled, timeout=SECONDS),
            f"unpack the files of {dataset}",
            durable=True,
            size=length,
        )
        return created, done
    sized = ("-s", "-V", str(entry.volsize))
    created = Step(
        Command((tools.ZFS, "create", *sized, *words, dataset)),
        f"a volume for {entry.part}",
        undo=ours,
        durable=True,
    )
    filled = (tools.DD, f"of={zvol(dataset)}", "bs=1m", "conv=sparse", "status=progress")
    done = Step(
        Pipeline(unpacked, filled, timeout=SECONDS),
        f"unpack the content of {dataset}",
        durable=True,
        size=length,
    )
    return created, *_usable(dataset, entry, place), done


def _usable(dataset: str, entry: Entry, place: Place) -> tuple[Step, ...]:
    """Mount a file system, and wait for the device of a volume: not of one whose key is not
    here."""
    if entry.raw:
        return ()
    if place.disk:
        return (Step(Await(zvol(dataset), DEVICE_SECONDS), "wait for its device"),)
    if not place.mounted:
        return ()
    return (
        Step(
            Command((tools.ZFS, "mount", dataset)),
            f"mount {dataset}",
            undo=(Undo(Command((tools.ZFS, "umount", dataset)), DatasetMounted(dataset)),),
        ),
    )
