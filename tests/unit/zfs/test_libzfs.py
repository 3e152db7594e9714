"""What py-libzfs says (datasets_serialized of libzfs.pyx) as our datasets."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import pytest

from bsdvirt.errors import NotFoundError
from bsdvirt.host import tools
from bsdvirt.zfs import open_listing, open_zfs
from bsdvirt.zfs.base import Dataset
from bsdvirt.zfs.cli import CliZfs
from bsdvirt.zfs.libzfs import LibZfs, binding
from bsdvirt_sim import SimHost

Tree = dict[str, Any]


def native(value: str, raw: str, source: str = "NONE") -> Tree:
    return {"parsed": value, "rawvalue": raw, "value": value, "source": source, "source_info": None}


def user(value: str, source: str) -> Tree:
    return {"value": value, "rawvalue": value, "source": source, "parsed": value}


def filesystem(name: str, children: Sequence[Tree] = (), **properties: Tree) -> Tree:
    shown = {
        "type": native("filesystem", "filesystem"),
        "used": native("24K", "24576"),
        "available": native("17.7G", "19049328640"),
        "referenced": native("23K", "23552"),
        "origin": native("", ""),
        "mountpoint": native(f"/{name}", f"/{name}", "DEFAULT"),
        "mounted": native("yes", "yes"),
    }
    named = {key.replace("__", ":"): value for key, value in properties.items()}
    return {
        "properties": shown | named,
        "id": name,
        "type": "FILESYSTEM",
        "name": name,
        "pool": name.split("/")[0],
        "children": list(children),
    }


def volume(name: str) -> Tree:
    shown = {
        "type": native("volume", "volume"),
        "used": native("12K", "12288"),
        "available": native("17.7G", "19049236480"),
        "referenced": native("12K", "12288"),
        "origin": native("", ""),
        "volsize": native("1G", "1073741824", "LOCAL"),
    }
    return {
        "properties": shown, "id": name, "type": "VOLUME", "name": name,
        "pool": name.split("/")[0], "children": [],
    }  # fmt: skip


class StandIn(ModuleType):
    """As much of the module as bsdvirt uses; `trees` by dataset. As the binding does, it
    drops the datasets in `lost`, and all beneath, without a word."""

    def __init__(self, *trees: Tree, lost: Sequence[str] = ()) -> None:
        super().__init__("libzfs")
        self.trees = {tree["name"]: tree for tree in trees}
        self.opened = 0
        self.asked: list[list[str]] = []
        outer = self

        def whole(tree: Tree) -> Tree:
            children = [whole(child) for child in tree["children"] if child["name"] not in lost]
            return tree | {"children": children}

        class ZFS:
            def __init__(self, history: bool = True) -> None:
                assert not history

            def __enter__(self) -> ZFS:
                outer.opened += 1
                assert outer.opened == 1, "its lock does not nest"
                return self

            def __exit__(
                self,
                kind: type[BaseException] | None,
                error: BaseException | None,
                trace: TracebackType | None,
            ) -> None:
                outer.opened -= 1

            def datasets_serialized(
                self,
                props: list[str] | None = None,
                user_props: bool = True,
                datasets: list[str] | None = None,
                snapshots: bool = False,
                retrieve_children: bool = True,
            ) -> Iterator[Tree]:
                """One tree a dataset; one that does not exist is passed over in silence."""
                assert outer.opened == 1, "the handle is closed"
                outer.asked.append(list(props or ()))
                for name in datasets or ():
                    if name in outer.trees:
                        yield whole(outer.trees[name])

        self.ZFS = ZFS


class Bench:
    """A host whose datasets are those of TREE, and the backend with a binding that may lose
    some of them."""

    def __init__(self, tmp_path: Path, *lost: str) -> None:
        self.module = StandIn(TREE, lost=lost)
        self.told: list[str] = []
        host = SimHost(tmp_path)
        web = ("-o", f"bsdvirt:guest={IDENTITY}", "-o", "bsdvirt:op=0a1b")
        for words in (
            ("tank/bv",), (*web, "tank/bv/web"), ("tank/bv/web/root",),
            ("-s", "-V", "1G", "tank/bv/disk"), ("-o", "mountpoint=none", "tank/bv/web-2"),
        ):  # fmt: skip
            host.run((tools.ZFS, "create", *words), changes=True).check()
        self.zfs = LibZfs(host, self.module, self.told.append)
        self.plain = CliZfs(host)


IDENTITY = '{"id":1,"uuid":"u","kind":"jail"}'
TREE = filesystem(
    "tank/bv",
    [
        filesystem(
            "tank/bv/web",
            [
                filesystem(
                    "tank/bv/web/root",
                    origin=native("tank/rel@base", "tank/rel@base"),
                    mounted=native("no", "no"),
                    bsdvirt__guest=user(IDENTITY, "INHERITED"),
                )
            ],
            bsdvirt__guest=user(IDENTITY, "LOCAL"),
            bsdvirt__op=user("0a1b", "LOCAL"),
        ),
        volume("tank/bv/disk"),
        filesystem("tank/bv/web-2", mountpoint=native("none", "none", "LOCAL")),
    ],
)


def test_the_whole_tree_flat(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    found = {dataset.name: dataset for dataset in bench.zfs.datasets("tank/bv")}
    assert found["tank/bv/web"] == Dataset(
        "tank/bv/web", "filesystem", 24576, 19049328640, 23552,
        None, "/tank/bv/web", True, None, IDENTITY, "0a1b",
    )  # fmt: skip
    assert found["tank/bv/disk"] == Dataset(
        "tank/bv/disk", "volume", 12288, 19049236480, 12288, volsize=1 << 30
    )
    root = found["tank/bv/web/root"]
    assert (root.origin, root.mounted, root.guest, root.op) == (
        "tank/rel@base", False, None, None
    )  # fmt: skip
    assert found["tank/bv/web-2"].mountpoint is None
    assert (len(bench.module.asked), bench.module.opened, bench.told) == (1, 0, [])


def test_sorted_by_name_as_zfs_list_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    names = [dataset.name for dataset in bench.zfs.datasets("tank/bv")]
    assert names == [dataset.name for dataset in bench.plain.datasets("tank/bv")]
    assert names[-2:] == ["tank/bv/web-2", "tank/bv/web/root"]


def test_a_listing_that_came_out_short_is_not_believed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "tank/bv/web")
    assert bench.zfs.datasets("tank/bv") == bench.plain.datasets("tank/bv")
    assert bench.told == ["py-libzfs does not list what zfs(8) does, tank/bv/web: zfs(8) is used"]


def test_a_binding_that_fails_is_told_of(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.module.ZFS = lambda history: 1 / 0  # type: ignore[assignment,misc]
    assert bench.zfs.datasets("tank/bv") == bench.plain.datasets("tank/bv")
    assert bench.told == ["py-libzfs: ZeroDivisionError: division by zero: zfs(8) is used"]


def test_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(NotFoundError, match="cannot open 'tank/nosuch': dataset does not exist"):
        bench.zfs.datasets("tank/nosuch")
    assert bench.module.opened == 0


def test_what_was_received_or_inherited_is_not_its_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    web = copy.deepcopy(TREE)["children"][0]
    bench.module.trees["tank/bv"] = TREE | {"children": [web, *TREE["children"][1:]]}
    web["properties"]["bsdvirt:guest"] = user(IDENTITY, "RECEIVED")
    web["properties"]["bsdvirt:op"] = user("0a1b", "INHERITED")
    found = {dataset.name: dataset for dataset in bench.zfs.datasets("tank/bv")}
    mine = found["tank/bv/web"]
    assert (mine.guest, mine.op, mine.received) == (None, None, IDENTITY)


def test_no_binding_where_dev_zfs_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its constructor would take the process down: it must not even be imported."""
    if Path("/dev/zfs").exists():
        pytest.skip("this machine has ZFS")
    monkeypatch.setitem(sys.modules, "libzfs", StandIn())
    assert binding() is None


def test_a_simulated_host_is_asked_by_its_own_zfs(tmp_path: Path) -> None:
    assert type(open_zfs(SimHost(tmp_path))) is CliZfs


def test_no_binding_for_a_simulated_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The binding would list this machine's pools."""
    monkeypatch.setitem(sys.modules, "libzfs", StandIn())
    said: list[str] = []
    assert type(open_listing(SimHost(tmp_path), said.append)) is CliZfs
    assert said == ["py-libzfs is not installed, or /dev/zfs cannot be opened: using zfs(8)"]
