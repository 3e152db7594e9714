"""The plan that writes an archive of a guest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from bsdvirt.guest.archive.manifest import Entry, Manifest
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import archive_job, snapshot_directory, zvol
from bsdvirt.plan.marks import BUSY_SECONDS, destroy_marked, mark_of
from bsdvirt.plan.step import (
    Await,
    Command,
    DatasetOwned,
    FileExists,
    Not,
    Pipeline,
    Plan,
    RemoveFile,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt.spec.fields import plain

SECONDS = 7 * 24 * 3600.0
DEVICE_SECONDS = 30.0
PARTIAL = ".part"
"""What the name of an archive ends with until it is complete."""
PLAIN = ("-L", "-e", "-c")
"""Options of zfs send: large blocks, and data as it is compressed on disk."""


class Target(Struct, frozen=True):
    """Where an archive goes, and how it is packed."""

    file: str
    piped: bool = False
    """It is a pipe, of which there is only one."""
    force: bool = False
    """Replace an existing file."""
    compress: str = "zstd"
    """none, zstd or zstd:LEVEL."""
    encrypt: Literal["none", "age", "openssl"] = "none"
    to: str = ""
    """The recipient of age(1) or a file with recipients; the file with openssl(1)'s passphrase."""

    def part(self, op: str) -> str:
        """Return where it is written until it is complete: another command writes elsewhere."""
        return self.file if self.piped else f"{self.file}.{op}{PARTIAL}"


class Source(Struct, frozen=True):
    """The snapshot that is exported."""

    guest: Guest
    snapshot: str
    directory: str
    """The mount point of the guest's own dataset."""

    def dataset(self, entry: Entry) -> str:
        return f"{self.guest.dataset}/{entry.part}"

    def seen(self, path: str, of: str = "") -> str:
        """Return where a file is in the snapshot; `of` is the dataset beneath the guest's own."""
        place = f"{self.directory}/{of}" if of else self.directory
        return snapshot_directory(place, self.snapshot) + (f"/{path}" if path else "")


def plan_export(
    source: Source,
    manifest: Manifest,
    target: Target,
    op: str,
    *,
    before: Sequence[Step] = (),
    after: Sequence[Step] = (),
) -> Plan:
    """Write an archive. `before` takes the snapshot and holds it, and `after` the commit lets it go
    and removes it. From there, others may change the guest."""
    name = source.guest.name
    job = archive_job(name)
    steps = [*before, _described(job, manifest, target, op)]
    config = source.seen("guest.yaml")
    steps.append(_begun(job, config, target, op))
    finish: list[Step] = []
    for entry in manifest.streams:
        more, last = _packed(job, source, entry, op)
        steps += more
        finish += last
    end = Command((*tools.ARCHIVE, "end", job, config), own=True, timeout=SECONDS)
    steps.append(Step(end, "the end of the archive, and all of it on disk"))
    if not target.piped:
        published = Command((*tools.ARCHIVE, "publish", job), own=True)
        steps.append(Step(published, f"it is complete: {target.file}"))
    forgotten = Step(RemoveFile(job), "what was to be written", unless=Not(FileExists(job)))
    finish = [*finish, *after, forgotten]
    return Plan(
        "export", name, "export", tuple(steps), tuple(finish), op=op, claims=len(before) - 1
    )


def _described(job: str, manifest: Manifest, target: Target, op: str) -> Step:
    """Write down what is to be written: only root may read it."""
    text = msgspec.json.encode(
        {
            "file": target.file,
            "part": target.part(op),
            "force": target.force,
            "compress": target.compress,
            "encrypt": target.encrypt,
            "to": target.to,
            "manifest": plain(manifest, defaults=True),
        }
    ).decode()
    return Step(WriteFile(job, text, 0o600), "what is to be written", undo=(Undo(RemoveFile(job)),))


def _begun(job: str, config: str, target: Target, op: str) -> Step:
    discard = Command((*tools.ARCHIVE, "discard", target.part(op)), own=True)
    return Step(
        Command((*tools.ARCHIVE, "begin", job, config), own=True, timeout=SECONDS),
        f"the archive, with its manifest: {target.part(op)}",
        undo=() if target.piped else (Undo(discard),),
        durable=True,
    )


def _packed(
    job: str, source: Source, entry: Entry, op: str
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Return the steps that append a stream, and those after the commit."""
    add = (*tools.ARCHIVE, "add", job, entry.id)
    snapshot = f"{source.dataset(entry)}@{source.snapshot}"
    match entry.form:
        case "zfs":
            options = ("-w",) if entry.raw else PLAIN
            sent = Pipeline((tools.ZFS, "send", *options, "-vP", snapshot), add, timeout=SECONDS)
            return (Step(sent, f"pack {snapshot}", size=entry.size),), ()
        case "tar":
            root = source.seen("", entry.part)
            tar = (tools.TAR, "-cf", "-", "--numeric-owner", "-C", root, ".")
            packed = Pipeline(tar, add, timeout=SECONDS)
            return (Step(packed, f"pack the files of {snapshot}"),), ()
        case "raw":
            return _copied(add, source, entry, op)
        case "file":
            seen = source.seen(entry.part)
            packed_file = Command((*add, seen), own=True, timeout=SECONDS)
            return (Step(packed_file, f"pack {entry.part}"),), ()


def _copied(
    add: tuple[str, ...], source: Source, entry: Entry, op: str
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Pack the content of a disk. A snapshot has no device, so a clone of it is read."""
    snapshot = f"{source.dataset(entry)}@{source.snapshot}"
    clone = f"{source.guest.dataset}/export-{entry.id.partition('-')[0]}"
    destroy = Command((tools.ZFS, "destroy", clone))
    steps = (
        Step(
            Command((tools.ZFS, "clone", *mark_of(op), "-o", "volmode=dev", snapshot, clone)),
            f"a clone of {snapshot}, to read it",
            undo=(Undo(destroy, DatasetOwned(clone, op), BUSY_SECONDS),),
            durable=True,
        ),
        Step(Await(zvol(clone), DEVICE_SECONDS), "wait for its device"),
        Step(
            Pipeline(
                (tools.DD, f"if={zvol(clone)}", "bs=1m", "status=progress"), add, timeout=SECONDS
            ),
            f"pack the content of {snapshot}",
            size=entry.volsize or 0,
        ),
    )
    return steps, (destroy_marked(clone, op, f"destroy {clone}"),)
