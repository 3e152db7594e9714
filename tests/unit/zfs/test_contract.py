"""What each backend of ZFS promises: one suite for all that this machine has.

zfs(8) on the simulated host runs everywhere. py-libzfs and zfs(8) on the real host run
where BSDVIRT_TEST_POOL names a scratch pool: datasets are made in it and destroyed.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bsdvirt.errors import CommandError, NotFoundError
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.real import RealHost
from bsdvirt.zfs.base import Dataset, Zfs
from bsdvirt.zfs.cli import CliZfs
from bsdvirt.zfs.libzfs import LibZfs, binding
from bsdvirt.zfs.values import Value, read_values
from bsdvirt_sim import SimHost

POOL = os.environ.get("BSDVIRT_TEST_POOL", "")


@dataclass(frozen=True, slots=True)
class Bench:
    """A backend, and a dataset of its own to play in."""

    host: Host
    zfs: Zfs
    root: str

    def do(self, *words: str) -> None:
        self.host.run((tools.ZFS, *words), changes=True).check()

    def named(self, name: str = "") -> Dataset:
        wanted = f"{self.root}/{name}".rstrip("/")
        return next(dataset for dataset in self.zfs.datasets(self.root) if dataset.name == wanted)

    def names(self) -> list[str]:
        return [d.name.removeprefix(self.root) for d in self.zfs.datasets(self.root)]


@pytest.fixture(params=["zfs(8), simulated", "zfs(8)", "py-libzfs"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "zfs(8), simulated":
        host: Host = SimHost(tmp_path)
        made = Bench(host, CliZfs(host), "tank/suite")
    else:
        if not POOL:
            pytest.skip("BSDVIRT_TEST_POOL names no scratch pool")
        host = RealHost()
        zfs: Zfs = CliZfs(host)
        if request.param == "py-libzfs":
            module = binding()
            if module is None:
                pytest.skip("py-libzfs is not here, or /dev/zfs does not open")
            zfs = LibZfs(host, module)
        made = Bench(host, zfs, f"{POOL}/bsdvirt-{uuid.uuid4().hex[:8]}")
    made.do("create", made.root)
    try:
        yield made
    finally:
        made.do("destroy", "-r", made.root)


def test_a_filesystem(bench: Bench) -> None:
    (root,) = bench.zfs.datasets(bench.root)
    assert root.name == bench.root
    assert root.parent == bench.root.rpartition("/")[0]
    assert root.kind == "filesystem"
    assert root.mountpoint == f"/{bench.root}"
    assert root.mounted
    assert root.available > 0
    assert root.referenced > 0
    assert (root.origin, root.volsize, root.guest, root.op) == (None, None, None, None)


def test_a_volume(bench: Bench) -> None:
    bench.do("create", "-s", "-V", "1G", "-o", "volmode=dev", f"{bench.root}/disk")
    disk = bench.named("disk")
    assert (disk.kind, disk.volsize) == ("volume", 1 << 30)
    assert (disk.mountpoint, disk.mounted) == (None, False)


def test_everything_beneath_and_nothing_beside_sorted_by_name(bench: Bench) -> None:
    for name in ("web", "web/root", "web-2", "web/data", "a"):
        bench.do("create", f"{bench.root}/{name}")
    assert bench.names() == sorted(["", "/a", "/web", "/web-2", "/web/data", "/web/root"])
    beneath = bench.zfs.datasets(f"{bench.root}/web")
    assert [d.name.rpartition("/")[2] for d in beneath] == ["web", "data", "root"]


def test_a_root_that_is_not_there(bench: Bench) -> None:
    with pytest.raises(NotFoundError, match="nosuch"):
        bench.zfs.datasets(f"{bench.root}/nosuch")
    with pytest.raises(NotFoundError):
        bench.zfs.datasets("nosuchpool/x")


def test_several_roots_in_their_order_without_those_that_are_not_there(bench: Bench) -> None:
    for name in ("a", "a/x", "b", "b/y", "b-2"):
        bench.do("create", f"{bench.root}/{name}")
    a, b = f"{bench.root}/a", f"{bench.root}/b"
    gone = (f"{bench.root}/nosuch", "nosuchpool/x")
    found = [d.name for d in bench.zfs.datasets(b, gone[0], a, gone[1])]
    assert found == [b, f"{b}/y", a, f"{a}/x"]
    with pytest.raises(NotFoundError):
        bench.zfs.datasets(gone[0], a)


def test_a_clone_knows_its_origin_and_the_snapshot_its_clones(bench: Bench) -> None:
    base = f"{bench.root}/base@one"
    bench.do("create", f"{bench.root}/base")
    bench.do("snapshot", base)
    assert bench.zfs.clones(base) == []
    for name in ("x", "y"):
        bench.do("clone", base, f"{bench.root}/{name}")
    assert bench.named("x").origin == base
    assert sorted(bench.zfs.clones(base)) == [f"{bench.root}/x", f"{bench.root}/y"]
    assert bench.zfs.clones(f"{bench.root}/base@nosuch") == []
    assert bench.zfs.clones(f"{bench.root}/nosuch@one") == []
    for name in ("x", "y"):
        bench.do("destroy", f"{bench.root}/{name}")


def test_snapshots_of_a_dataset_and_beneath(bench: Bench) -> None:
    for name in ("a", "a/b", "c"):
        bench.do("create", f"{bench.root}/{name}")
    for name in ("a@one", "a/b@two", "c@three"):
        bench.do("snapshot", f"{bench.root}/{name}")
    found = bench.zfs.snapshots(f"{bench.root}/a")
    assert sorted(found) == [f"{bench.root}/a/b@two", f"{bench.root}/a@one"]
    assert bench.zfs.snapshots(f"{bench.root}/a/b") == [f"{bench.root}/a/b@two"]
    with pytest.raises(NotFoundError):
        bench.zfs.snapshots(f"{bench.root}/nosuch")


def test_none_has_no_snapshots(bench: Bench) -> None:
    assert bench.zfs.snapshots(bench.root) == []


def test_who_a_guest_is_and_what_is_under_way(bench: Bench) -> None:
    identity = '{"id":1,"uuid":"u","kind":"jail","nics":[{"network":"a b"}]}'
    words = ("-o", f"bsdvirt:guest={identity}", "-o", "bsdvirt:op=0a1b")
    bench.do("create", *words, f"{bench.root}/web")
    bench.do("create", f"{bench.root}/web/root")
    web, root = bench.named("web"), bench.named("web/root")
    assert (web.guest, web.op) == (identity, "0a1b")
    assert (root.guest, root.op) == (None, None), "inherited: not its own"
    bench.do("inherit", "bsdvirt:op", f"{bench.root}/web")
    assert bench.named("web").op is None


def test_text_of_any_form_is_the_value_of_its_own_dataset_only(bench: Bench) -> None:
    a, b = f"{bench.root}/a", f"{bench.root}/b"
    forged = (
        f"x\tlocal\n{b}\tbsdvirt:guest\tforged\tlocal\n\n{b}\tfilesystem\t1\t1\t1\n\r\v\f\x1c"
        f"\u2028{b}\tbsdvirt:op\t0a1b\tlocal\n"
    )
    place = f"/{bench.root}/p\n{b}\tmountpoint\t/etc\tlocal"
    bench.do("create", "-o", f"bsdvirt:guest={forged}", "-o", "bsdvirt:op=a\tb", a)
    bench.do("create", "-o", f"mountpoint={place}", b)
    assert (bench.named("a").guest, bench.named("a").op) == (forged, "a\tb")
    assert (bench.named("b").guest, bench.named("b").op) == (None, None)
    assert bench.named("b").mountpoint == place
    assert bench.zfs.local(a, "bsdvirt:op") == "a\tb"
    assert bench.zfs.locals(bench.root, "bsdvirt:guest") == {a: forged}
    values = read_values(bench.host, [a, b, f"{b}-gone"], ["mountpoint", "bsdvirt:guest"])
    assert values[a]["bsdvirt:guest"] == Value(forged, "local")
    assert values[b] == {"mountpoint": Value(place, "local"), "bsdvirt:guest": Value("-", "-")}
    assert bench.names() == ["", "/a", "/b"]
    assert bench.zfs.shallow(bench.root) == bench.zfs.datasets(bench.root)


def test_beneath_a_guest_no_text_is_asked_for(bench: Bench) -> None:
    bench.do("create", "-p", f"{bench.root}/guests/web/data")
    bench.do("set", "bsdvirt:guest={}", f"{bench.root}/guests/web/data")
    found = {d.name.removeprefix(f"{bench.root}/"): d for d in bench.zfs.datasets(bench.root)}
    assert found["guests/web"].mountpoint == f"/{bench.root}/guests/web"
    data = found["guests/web/data"]
    assert (data.guest, data.mountpoint, data.mounted) == (None, None, True)
    shallow = bench.zfs.shallow(bench.root)
    assert shallow == [d for d in bench.zfs.datasets(bench.root) if d.name != data.name]


def test_roots_named_twice_or_within_one_another_are_counted_once(bench: Bench) -> None:
    bench.do("create", "-p", f"{bench.root}/a/b")
    names = [d.name for d in bench.zfs.datasets(bench.root, bench.root, f"{bench.root}/a")]
    assert names == [bench.root, f"{bench.root}/a", f"{bench.root}/a/b"]


def test_a_propertys_own_value_is_not_an_inherited_one(bench: Bench) -> None:
    bench.do("create", "-o", "bsdvirt:op=0a1b", f"{bench.root}/web")
    bench.do("create", f"{bench.root}/web/root")
    assert bench.zfs.local(f"{bench.root}/web", "bsdvirt:op") == "0a1b"
    assert bench.zfs.local(f"{bench.root}/web/root", "bsdvirt:op") is None
    assert bench.zfs.local(bench.root, "bsdvirt:op") is None
    assert bench.zfs.local(f"{bench.root}/nosuch", "bsdvirt:op") is None


def test_a_foreign_property_that_is_not_utf_8_hides_nothing(bench: Bench) -> None:
    """The binding's callback raises on it, and drops the dataset and all beneath."""
    bench.do("create", "-p", f"{bench.root}/web/root")
    bench.do("create", f"{bench.root}/x")
    bench.do("set", "org.example:note=\udcff\udcfe", f"{bench.root}/web")
    assert bench.names() == ["", "/web", "/web/root", "/x"]
    assert [d.name for d in bench.zfs.shallow(f"{bench.root}/web")] == [
        f"{bench.root}/web", f"{bench.root}/web/root",
    ]  # fmt: skip


def test_a_bad_name_is_the_error_of_zfs(bench: Bench) -> None:
    with pytest.raises(CommandError, match="invalid"):
        bench.zfs.datasets(f"{bench.root}/a b|c")


def test_one_that_is_not_mounted(bench: Bench) -> None:
    bench.do("create", f"{bench.root}/web")
    bench.do("umount", f"{bench.root}/web")
    web = bench.named("web")
    assert (web.mounted, web.mountpoint) == (False, f"/{bench.root}/web")


def test_pools(bench: Bench) -> None:
    pool = next(p for p in bench.zfs.pools() if p.name == bench.root.split("/")[0])
    assert pool.health == "ONLINE"
    assert 0 < pool.free < pool.size
