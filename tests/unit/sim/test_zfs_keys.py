"""Keys, jailed datasets and quotas of the simulated host: what a FreeBSD 13.2 said to the
very same commands."""

from __future__ import annotations

import pytest

from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt_sim import SimHost
from bsdvirt_sim.releases import Release

from .conftest import Do

ENCRYPTED = ("-o", "encryption=on", "-o", "keyformat=raw", "-o", "keylocation=file:///tmp/key")


def said(result: Result) -> tuple[int, str]:
    return result.status, result.stderr.rstrip("\n")


@pytest.fixture
def enc(do: Do) -> str:
    do(tools.ZFS, "create", *ENCRYPTED, "tank/enc")
    do(tools.ZFS, "create", "tank/enc/child")
    return "tank/enc"


def shown(see: Do) -> list[str]:
    columns = "name,jailed,keystatus,encryptionroot,mounted,encryption"
    listed = see(tools.ZFS, "list", "-Hp", "-o", columns, "tank", "tank/enc", "tank/enc/child")
    return listed.stdout.splitlines()


def test_a_key_is_loaded_and_unloaded(host: SimHost, do: Do, see: Do, enc: str) -> None:
    assert shown(see) == [
        "tank\toff\t-\t-\tyes\toff",
        "tank/enc\toff\tavailable\ttank/enc\tyes\taes-256-gcm",
        "tank/enc/child\toff\tavailable\ttank/enc\tyes\taes-256-gcm",
    ]
    assert said(do(tools.ZFS, "unload-key", enc, ok=255)) == (
        255, "Key unload error: 'tank/enc' is busy.",
    )  # fmt: skip
    do(tools.ZFS, "umount", enc)
    do(tools.ZFS, "unload-key", enc)
    assert shown(see)[1:] == [
        "tank/enc\toff\tunavailable\ttank/enc\tno\taes-256-gcm",
        "tank/enc/child\toff\tunavailable\ttank/enc\tno\taes-256-gcm",
    ]
    assert said(do(tools.ZFS, "mount", enc, ok=1)) == (
        1, "cannot mount 'tank/enc': encryption key not loaded",
    )  # fmt: skip
    assert said(do(tools.ZFS, "create", "tank/enc/more", ok=1)) == (
        1, "cannot create 'tank/enc/more': encryption root's key is not loaded or provided",
    )  # fmt: skip
    do(tools.ZFS, "snapshot", "tank/enc@a")
    do(tools.ZFS, "load-key", enc)
    assert said(do(tools.ZFS, "load-key", enc, ok=255)) == (
        255, "Key load error: Key already loaded for 'tank/enc'.",
    )  # fmt: skip
    assert said(do(tools.ZFS, "load-key", "tank", ok=255)) == (
        255, "Key load error: 'tank' is not encrypted.",
    )  # fmt: skip
    do(tools.ZFS, "mount", "-a")
    assert [line.split("\t")[4] for line in shown(see)] == ["yes", "yes", "yes"]
    host.settings.reboot()
    assert [line.split("\t")[4] for line in shown(see)] == ["yes", "no", "no"]


def test_a_jailed_dataset_is_no_hosts(host: SimHost, do: Do, see: Do, of: Release) -> None:
    do(tools.ZFS, "create", "tank/x")
    host.fs.mkdir("/srv/x")
    do(tools.MOUNT, "-t", "nullfs", "-o", "rw", "/tank/x", "/srv/x")
    assert said(do(tools.ZFS, "set", "jailed=on", "tank/x", ok=of.zfs_set_failed)) == (
        of.zfs_set_failed, "cannot unmount '/tank/x': pool or dataset is busy",
    )  # fmt: skip
    do(tools.UMOUNT, "/srv/x")
    do(tools.ZFS, "set", "jailed=on", "tank/x")
    got = see(tools.ZFS, "get", "-Hp", "jailed,mounted,mountpoint", "tank/x").stdout
    assert got.splitlines() == [
        "tank/x\tjailed\ton\tlocal",
        "tank/x\tmounted\tno\t-",
        "tank/x\tmountpoint\t/tank/x\tdefault",
    ]
    assert said(do(tools.ZFS, "mount", "tank/x", ok=1)) == (
        1, "cannot mount 'tank/x': dataset is exported to a local zone",
    )  # fmt: skip
    assert said(do(tools.ZFS, "set", "mountpoint=/data", "tank/x", ok=of.zfs_set_failed)) == (
        of.zfs_set_failed,
        "cannot set property for 'tank/x': 'mountpoint' cannot be set on dataset in a non-global"
        " zone",
    )
    do(tools.ZFS, "set", "jailed=off", "tank/x")
    assert "tank/x" not in see(tools.MOUNT, "-p").stdout


@pytest.mark.parametrize("verb", ["jail", "unjail"])
def test_no_such_jail(do: Do, verb: str) -> None:
    assert do(tools.ZFS, verb, "nosuch", "tank", ok=2).stderr.startswith(
        f"invalid jail id or name\nusage:\n\t{verb} <jailid|jailname> <filesystem>\n"
    )


def test_what_cannot_be_inherited_is_cleared(do: Do, see: Do, of: Release) -> None:
    do(tools.ZFS, "create", "tank/x")
    assert said(do(tools.ZFS, "inherit", "quota", "tank/x", ok=1)) == (
        1,
        "'quota' property cannot be inherited\nuse 'zfs set quota=none' to clear\n"
        "use 'zfs inherit -S quota' to revert to received value",
    )
    assert said(do(tools.ZFS, "set", "recordsize=3000", "tank/x", ok=of.zfs_set_failed)) == (
        of.zfs_set_failed,
        "cannot set property for 'tank/x': 'recordsize' must be power of 2 from 512B to"
        f" {of.largest_record}",
    )
    do(tools.ZFS, "set", "quota=10G", "tank/x")
    do(tools.ZFS, "set", "refquota=1G", "reservation=10M", "compression=zstd", "tank/x")
    names = "quota,refquota,reservation,refreservation,compression,recordsize"
    got = see(tools.ZFS, "get", "-Hp", "-o", "property,value,source", names, "tank/x").stdout
    assert got.splitlines() == [
        "quota\t10737418240\tlocal",
        "refquota\t1073741824\tlocal",
        "reservation\t10485760\tlocal",
        "refreservation\t0\tdefault",
        "compression\tzstd\tlocal",
        "recordsize\t131072\tdefault",
    ]
    assert said(do(tools.ZFS, "set", "reservation=900T", "tank/x", ok=of.zfs_set_failed)) == (
        of.zfs_set_failed, "cannot set property for 'tank/x': size is greater than available space",
    )  # fmt: skip
    do(tools.ZFS, "set", "quota=none", "tank/x")
    do(tools.ZFS, "inherit", "compression", "tank/x")
    got = see(tools.ZFS, "get", "-Hp", "-o", "value", "quota,compression", "tank/x").stdout
    assert got.splitlines() == ["0", of.zfs_defaults.get("compression", "off")]
