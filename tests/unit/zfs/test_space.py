"""What takes the space of pools: zfs list, zpool list and zpool status, as FreeBSD prints them."""

from __future__ import annotations

import pytest
from captures import RELEASES, said

from bsdvirt.zfs.space import (
    COLUMNS,
    POOL_COLUMNS,
    PoolStatus,
    parse_pools,
    parse_space,
    parse_status,
)

FILE = "03-zfs.txt"
EVERY = pytest.mark.parametrize("release", RELEASES)
SCRUBBED = """\
  pool: tank
 state: DEGRADED
status: One or more devices has experienced an unrecoverable error.
\tAn attempt was made to correct the error.
  scan: scrub in progress since Sat Nov 21 10:30:00 2026
\t1.50G scanned at 150M/s, 512M issued at 51.2M/s, 2.00G total
\t0B repaired, 25.00% done, 00:00:30 to go
config:

\tNAME        STATE     READ WRITE CKSUM
\ttank        DEGRADED     0     0     0
\t  vtbd1     DEGRADED     0     0    12  too many errors

errors: 3 data errors, use '-v' for a list

  pool: tank2
 state: ONLINE
  scan: scrub repaired 0B in 00:00:01 with 0 errors on Sat Nov 21 10:30:00 2026
config:

\tNAME        STATE     READ WRITE CKSUM
\ttank2       ONLINE       0     0     0
\t  vtbd2     ONLINE       0     0     0

errors: No known data errors
"""
"""Two pools, in the form of print_scan_scrub_resilver_status (zpool_main.c of 13.2)."""


@EVERY
def test_pools(release: str) -> None:
    text = said(FILE, f"zpool list -Hp -o {','.join(POOL_COLUMNS)}", release)
    tank = next(pool for pool in parse_pools(text) if pool.name == "tank")
    assert tank.size == 20937965568
    assert tank.allocated + tank.free == tank.size
    assert tank.fragmentation == 0
    assert tank.capacity == tank.allocated * 100 // tank.size
    assert tank.health == "ONLINE"


def test_a_pool_that_does_not_tell_its_fragmentation() -> None:
    (pool,) = parse_pools("tank\t100\t50\t50\t-\t50\tSUSPENDED\n")
    assert pool.fragmentation is None


@EVERY
def test_a_status_without_a_scrub(release: str) -> None:
    assert parse_status(said(FILE, "zpool status tank", release)) == {"tank": PoolStatus()}


def test_scrubs_and_errors() -> None:
    told = parse_status(SCRUBBED)
    assert told["tank"].scan.startswith("scrub in progress since Sat Nov 21")
    assert told["tank"].scan.endswith("0B repaired, 25.00% done, 00:00:30 to go")
    assert told["tank"].errors == "3 data errors, use '-v' for a list"
    assert told["tank2"].scan.startswith("scrub repaired 0B in 00:00:01 with 0 errors")
    assert told["tank2"].errors == ""


@EVERY
def test_a_volume(release: str) -> None:
    text = said(FILE, "zfs get -Hp -o property,value,source all tank/bv/guests/vol", release)
    values = {line.split("\t")[0]: line.split("\t")[1] for line in text.splitlines()}
    values["name"] = "tank/bv/guests/vol"
    (volume,) = parse_space("\t".join(values.get(one, "-") for one in COLUMNS) + "\n")
    assert (volume.kind, volume.volsize) == ("volume", 1 << 30)
    assert volume.used == volume.data + volume.snapshots + volume.children + volume.reserved
    assert volume.own == volume.used == 12288
    assert volume.compressratio == 1.0
    assert (volume.quota, volume.refreservation, volume.origin) == (None, None, None)


@EVERY
def test_columns_that_zfs_list_has(release: str) -> None:
    command = (
        "zfs list -Hp -r -t filesystem,volume -o name,type,used,usedbysnapshots,refer,origin,"
        "volsize,mountpoint,bsdvirt:kind tank/bv"
    )
    of = ("name", "type", "used", "usedbysnapshots", "referenced", "origin", "volsize")
    rows = []
    for line in said(FILE, command, release).splitlines():
        values = dict(zip(of, line.split("\t"), strict=False))
        rows.append("\t".join(values.get(one, "-") for one in COLUMNS))
    root = next(one for one in parse_space("\n".join(rows)) if one.name.endswith("web/root"))
    assert root.origin == "tank/bv/rel@base"
    assert root.volsize is None
    assert root.referenced > root.used == 0
