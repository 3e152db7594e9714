"""Who takes the space of pools, by zfs(8) and zpool(8) (captures/03-zfs): three commands,
whatever the number of datasets. Only properties that the kernel sets are read."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.errors import CommandError, HostError
from bsdvirt.host import tools
from bsdvirt.host.base import Host, Result
from bsdvirt.spec.digits import natural
from bsdvirt.zfs.cli import KINDS, check_listed, word

COLUMNS = (
    "name", "type", "used", "usedbydataset", "usedbysnapshots", "usedbychildren",
    "usedbyrefreservation", "available", "referenced", "volsize", "quota", "refquota",
    "reservation", "refreservation", "compressratio", "origin",
)  # fmt: skip
POOL_COLUMNS = ("name", "size", "alloc", "free", "frag", "cap", "health")


class Space(Struct, frozen=True):
    """What a file system or a volume takes. Sizes are in bytes."""

    name: str
    kind: str
    """filesystem or volume"""
    used: int
    """All of it: the four below."""
    data: int
    snapshots: int
    children: int
    reserved: int
    """Reserved by refreservation, and not written yet."""
    available: int
    referenced: int
    volsize: int | None
    quota: int | None
    refquota: int | None
    reservation: int | None
    refreservation: int | None
    compressratio: float | None
    origin: str | None

    @property
    def own(self) -> int:
        """Return what it takes without the datasets below it."""
        return self.used - self.children


class PoolSpace(Struct, frozen=True):
    """A zpool."""

    name: str
    size: int
    allocated: int
    free: int
    fragmentation: int | None
    """In percent; None if the pool cannot tell."""
    capacity: int
    """Percentage allocated."""
    health: str


class PoolStatus(Struct, frozen=True):
    """What zpool-status(8) says of a pool."""

    scan: str = ""
    """The last scrub or resilver, or the one under way; "" if there was none."""
    errors: str = ""
    """Data errors; "" if none are known."""


def read_space(host: Host, pools: Sequence[str]) -> list[Space]:
    """Return all file systems and volumes of these pools, sorted by name."""
    argv = (tools.ZFS, "list", "-Hp", "-r", "-t", KINDS, "-o", ",".join(COLUMNS), *pools)
    listed = host.run(argv, changes=False)
    check_listed(argv, listed, pools)
    return parse_space(listed.stdout)


def read_pools(host: Host) -> list[PoolSpace]:
    """Return the imported pools."""
    argv = (tools.ZPOOL, "list", "-Hp", "-o", ",".join(POOL_COLUMNS))
    return parse_pools(_answer(host.run(argv, changes=False), argv))


def read_status(host: Host) -> dict[str, PoolStatus]:
    """Return what zpool-status(8) says of each pool."""
    argv = (tools.ZPOOL, "status")
    return parse_status(_answer(host.run(argv, changes=False), argv))


def _answer(result: Result, argv: tuple[str, ...]) -> str:
    if result.status == 127:
        raise HostError("ZFS is not available", "kldload zfs, and see zpool(8)")
    if result.status or result.timed_out:
        raise CommandError(argv, result.status, result.stderr, timed_out=result.timed_out)
    return result.stdout


def parse_space(text: str) -> list[Space]:
    """Parse `zfs list -Hp -o COLUMNS`."""
    lines = (line.split("\t") for line in text.split("\n"))
    rows = [_space(*values) for values in lines if len(values) == len(COLUMNS)]
    return sorted(rows, key=lambda row: row.name)


def _space(name: str, kind: str, *rest: str) -> Space:
    *sizes, ratio, origin = rest
    used, data, snapshots, children, reserved, available, referenced, *limits = map(natural, sizes)
    # A volume has no quota; 0 is none.
    volsize, quota, refquota, reservation, refreservation = (limit or None for limit in limits)
    return Space(
        name, kind, used or 0, data or 0, snapshots or 0, children or 0, reserved or 0,
        available or 0, referenced or 0, volsize, quota, refquota, reservation, refreservation,
        _ratio(ratio), word(origin),
    )  # fmt: skip


def _ratio(text: str) -> float | None:
    try:
        return float(text.removesuffix("x"))
    except ValueError:
        return None


def parse_pools(text: str) -> list[PoolSpace]:
    """Parse `zpool list -Hp -o POOL_COLUMNS`."""
    lines = (line.split("\t") for line in text.split("\n"))
    return [_pool(*values) for values in lines if len(values) == len(POOL_COLUMNS)]


def _pool(
    name: str, size: str, alloc: str, free: str, frag: str, cap: str, health: str
) -> PoolSpace:
    return PoolSpace(
        name, natural(size) or 0, natural(alloc) or 0, natural(free) or 0,
        natural(frag.removesuffix("%")), natural(cap.removesuffix("%")) or 0, health,
    )  # fmt: skip


def parse_status(text: str) -> dict[str, PoolStatus]:
    """Parse `zpool status`. Lines that continue another begin with a tab."""
    told: dict[str, dict[str, list[str]]] = {}
    of: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.split("\n"):
        key, colon, rest = line.strip().partition(":")
        if line.startswith("\t"):
            lines.append(line.strip())
        elif key == "pool" and colon:
            of = told.setdefault(rest.strip(), {})
            lines = []
        elif colon:
            # A pool has two lines on scans after a scrub and a resilver.
            lines = of.setdefault(key, [])
            lines.append(rest.strip())
    return {
        pool: PoolStatus(" ".join(said.get("scan", ())), _errors(said.get("errors", ())))
        for pool, said in told.items()
    }


def _errors(lines: Sequence[str]) -> str:
    text = " ".join(lines)
    return "" if text == "No known data errors" else text
