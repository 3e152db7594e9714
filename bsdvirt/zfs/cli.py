"""The facts of ZFS by zfs(8) and zpool(8) (captures/03-zfs)."""

from __future__ import annotations

from typing import NoReturn

from bsdvirt.errors import CommandError, HostError, NotFoundError
from bsdvirt.host import tools
from bsdvirt.host.base import Host, Result
from bsdvirt.spec.numbers import natural
from bsdvirt.zfs.base import Dataset, Pool, in_order

COLUMNS = (
    "name",
    "type",
    "used",
    "avail",
    "refer",
    "origin",
    "mountpoint",
    "mounted",
    "volsize",
    "bsdvirt:guest",
    "bsdvirt:op",
    "jailed",
    "keystatus",
    "encryptionroot",
)


class CliZfs:
    """zfs(8), on the real host or the simulated one."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def datasets(self, root: str, *others: str) -> list[Dataset]:
        words = ("list", "-Hp", "-r", "-t", "filesystem,volume", "-o", ",".join(COLUMNS))
        if not others:
            listed = self._run(tools.ZFS, *words, root)
            return [_dataset(line) for line in listed.stdout.splitlines()]
        argv = (tools.ZFS, *words, root, *others)
        listed = self._host.run(argv, changes=False)
        # It goes on after a dataset that it cannot open, and ends with status 1.
        gone = tuple(f"cannot open '{other}'" for other in others)
        told = listed.stderr.splitlines()
        if listed.status and not (told and all(line.startswith(gone) for line in told)):
            _refuse(argv, listed)
        return in_order(map(_dataset, listed.stdout.splitlines()), (root, *others))

    def snapshots(self, dataset: str) -> list[str]:
        result = self._run(tools.ZFS, "list", "-Hp", "-t", "snapshot", "-o", "name", "-r", dataset)
        return result.stdout.splitlines()

    def clones(self, snapshot: str) -> list[str]:
        try:
            result = self._run(tools.ZFS, "get", "-Hp", "-o", "value", "clones", snapshot)
        except NotFoundError:
            return []
        return [name for name in result.stdout.strip().split(",") if name not in ("", "-")]

    def pools(self) -> list[Pool]:
        result = self._run(tools.ZPOOL, "list", "-Hp", "-o", "name,size,free,health")
        rows = (line.split("\t") for line in result.stdout.splitlines())
        return [Pool(name, int(size), int(free), health) for name, size, free, health in rows]

    def local(self, dataset: str, name: str) -> str | None:
        try:
            result = self._run(tools.ZFS, "get", "-Hp", "-s", "local", "-o", "value", name, dataset)
        except NotFoundError:
            return None
        return result.stdout.strip() or None

    def locals(self, root: str, name: str) -> dict[str, str]:
        result = self._run(
            tools.ZFS, "get", "-Hp", "-s", "local", "-o", "name,value", "-r", name, root
        )
        return dict(line.split("\t", 1) for line in result.stdout.splitlines())

    def _run(self, *argv: str) -> Result:
        result = self._host.run(argv, changes=False)
        if result.status != 0 or result.timed_out:
            _refuse(argv, result)
        return result


def _refuse(argv: tuple[str, ...], result: Result) -> NoReturn:
    if "does not exist" in result.stderr:
        raise NotFoundError(result.stderr.strip().splitlines()[-1])
    if result.status == 127:
        raise HostError("ZFS is not here", "kldload zfs, and see zpool(8)")
    raise CommandError(argv, result.status, result.stderr, timed_out=result.timed_out)


def _dataset(line: str) -> Dataset:
    value = dict(zip(COLUMNS, line.split("\t"), strict=True))
    return Dataset(
        name=value["name"],
        kind=value["type"],
        used=number(value["used"]) or 0,
        available=number(value["avail"]) or 0,
        referenced=number(value["refer"]) or 0,
        origin=word(value["origin"]),
        mountpoint=word(value["mountpoint"]),
        mounted=value["mounted"] == "yes",
        volsize=number(value["volsize"]),
        guest=word(value["bsdvirt:guest"]),
        op=word(value["bsdvirt:op"]),
        jailed=value["jailed"] == "on",
        locked=value["keystatus"] == "unavailable",
        encryption_root=word(value["encryptionroot"]),
    )


def word(text: str) -> str | None:
    return None if text in ("", "-", "none", "legacy") else text


def number(text: str) -> int | None:
    return natural(text)
