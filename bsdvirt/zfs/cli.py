"""ZFS facts by zfs(8) and zpool(8) (captures/03-zfs)."""

from __future__ import annotations

from bsdvirt.errors import CommandError, HostError, NotFoundError
from bsdvirt.host import tools
from bsdvirt.record import replace
from bsdvirt.spec.digits import natural
from bsdvirt.zfs.base import Dataset, Pool, in_order
from bsdvirt.zfs.values import Value, ask, begin

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from bsdvirt.host.base import Host, Result

COLUMNS = (
    "type",
    "used",
    "available",
    "referenced",
    "origin",
    "mounted",
    "volsize",
    "jailed",
    "keystatus",
    "encryptionroot",
)
"""Properties that only the kernel sets: no text from a guest is among them."""
TEXTS = ("bsdvirt:guest", "bsdvirt:op", "bsdvirt:replica", "mountpoint")
"""Properties with arbitrary text. They are read to a depth of DEPTH only: beneath guests/<name> a
jail may set them, and they are never used."""
DEPTH = 2
KINDS = "filesystem,volume"
SHALLOW = ("-d", str(DEPTH), "-t", KINDS)
ATTEMPTS = 3
"""Number of attempts to read both, if datasets appear and disappear meanwhile."""


def begin_shallow(root: str, *others: str) -> None:
    """Begin on this machine what CliZfs.shallow() is going to read."""
    begin(tuple(dict.fromkeys((root, *others))), TEXTS, *SHALLOW, typed=COLUMNS)


class CliZfs:
    """zfs(8), on the real host or the simulated one."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def datasets(self, root: str, *others: str) -> list[Dataset]:
        # Imported here: a listing of guests is shallow.
        from bsdvirt.host.ahead import begin

        roots = tuple(dict.fromkeys((root, *others)))
        for _ in range(ATTEMPTS):
            reading = begin(lambda: self._texts(roots))
            found = self._rows(roots)
            texts = reading()
            if all(one.name in texts for one in found if is_shallow(one.name, roots)):
                return in_order([_with_texts(one, texts, roots) for one in found], roots)
        raise HostError("datasets change while they are listed", "try again")

    def shallow(self, root: str, *others: str) -> list[Dataset]:
        roots = tuple(dict.fromkeys((root, *others)))
        found, asked = ask(self._host, roots, TEXTS, *SHALLOW, typed=COLUMNS)
        check_listed(asked.argv, asked, roots)
        rows = [
            _dataset(name, {prop: value.value for prop, value in values.items()})
            for name, values in found.items()
            if len(values) == len(COLUMNS) + len(TEXTS)
        ]
        return in_order([_with_texts(row, found, roots) for row in rows], roots)

    def _rows(self, roots: Sequence[str]) -> list[Dataset]:
        columns = ",".join(("name", *COLUMNS))
        argv = (tools.ZFS, "list", "-Hp", "-r", "-t", KINDS, "-o", columns, *roots)
        listed = self._host.run(argv, changes=False)
        check_listed(argv, listed, roots)
        rows = (line.split("\t") for line in listed.stdout.split("\n"))
        return [
            _dataset(name, dict(zip(COLUMNS, values, strict=True)))
            for name, *values in rows
            if len(values) == len(COLUMNS)
        ]

    def _texts(self, roots: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        found, asked = ask(self._host, roots, TEXTS, "-d", str(DEPTH), "-t", KINDS)
        check_listed(asked.argv, asked, roots)
        return found

    def snapshots(self, dataset: str) -> list[str]:
        result = self._run(tools.ZFS, "list", "-Hp", "-t", "snapshot", "-o", "name", "-r", dataset)
        return [name for name in result.stdout.split("\n") if name]

    def clones(self, snapshot: str) -> list[str]:
        try:
            result = self._run(tools.ZFS, "get", "-Hp", "-o", "value", "clones", snapshot)
        except NotFoundError:
            return []
        return [name for name in result.stdout.strip().split(",") if name not in ("", "-")]

    def pools(self) -> list[Pool]:
        result = self._run(tools.ZPOOL, "list", "-Hp", "-o", "name,size,free,health")
        rows = (line.split("\t") for line in result.stdout.split("\n") if line)
        # A faulted pool has no sizes.
        return [
            Pool(name, number(size) or 0, number(free) or 0, health)
            for name, size, free, health in rows
        ]

    def local(self, dataset: str, name: str) -> str | None:
        return self.locals(dataset, name, depth=0).get(dataset)

    def locals(self, root: str, name: str, *, depth: int = 1) -> dict[str, str]:
        try:
            found, asked = ask(self._host, (root,), (name,), "-d", str(depth), "-t", KINDS)
            check_listed(asked.argv, asked, (root,))
        except NotFoundError:
            return {}
        values = ((dataset, value) for dataset, held in found.items() for value in held.values())
        return {dataset: value.value for dataset, value in values if value.local and value.value}

    def _run(self, *argv: str) -> Result:
        result = self._host.run(argv, changes=False)
        if result.status != 0 or result.timed_out:
            _refuse(argv, result)
        return result


def check_listed(argv: tuple[str, ...], result: Result, roots: Sequence[str]) -> None:
    """Raises the error of a listing. zfs(8) continues after a dataset that it cannot open, and
    exits with 1: that is accepted for those after the first."""
    if not result.status and not result.timed_out:
        return
    gone = tuple(f"cannot open '{other}'" for other in roots[1:])
    told = [line for line in result.stderr.split("\n") if line]
    if result.timed_out or not told or not all(line.startswith(gone) for line in told):
        _refuse(argv, result)


def _refuse(argv: tuple[str, ...], result: Result) -> NoReturn:
    if "does not exist" in result.stderr:
        raise NotFoundError(result.stderr.strip().split("\n")[-1])
    if result.status == 127:
        raise HostError("ZFS is not available", "kldload zfs, and see zpool(8)")
    raise CommandError(argv, result.status, result.stderr, timed_out=result.timed_out)


def is_shallow(name: str, roots: Sequence[str]) -> bool:
    """Whether the properties with text are read for a dataset."""
    return any(
        f"{name}/".startswith(f"{root}/") and name.count("/") - root.count("/") <= DEPTH
        for root in roots
    )


def _dataset(name: str, value: Mapping[str, str]) -> Dataset:
    return Dataset(
        name=name,
        kind=value["type"],
        used=number(value["used"]) or 0,
        available=number(value["available"]) or 0,
        referenced=number(value["referenced"]) or 0,
        origin=word(value["origin"]),
        mounted=value["mounted"] == "yes",
        volsize=number(value["volsize"]),
        jailed=value["jailed"] == "on",
        locked=value["keystatus"] == "unavailable",
        encryption_root=word(value["encryptionroot"]),
    )


def _with_texts(
    dataset: Dataset, texts: Mapping[str, Mapping[str, Value]], roots: Sequence[str]
) -> Dataset:
    if not is_shallow(dataset.name, roots):
        return dataset
    values = texts[dataset.name]
    none = Value("-", "-")
    guest = values.get("bsdvirt:guest", none)
    op = values.get("bsdvirt:op", none)
    replica = values.get("bsdvirt:replica", none)
    return replace(
        dataset,
        guest=guest.value if guest.local else None,
        received=guest.value if guest.source == "received" else None,
        op=op.value if op.local else None,
        replica=replica.value if replica.local else None,
        mountpoint=word(values.get("mountpoint", none).value),
    )


def word(text: str) -> str | None:
    return None if text in ("", "-", "none", "legacy") else text


def number(text: str) -> int | None:
    return natural(text)
