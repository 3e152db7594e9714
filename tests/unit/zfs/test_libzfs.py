"""What py-libzfs says (datasets_serialized of libzfs.pyx) as our datasets."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import pytest

from bsdvirt.errors import NotFoundError
from bsdvirt.host.sim import SimHost
from bsdvirt.zfs import open_zfs
from bsdvirt.zfs.base import Dataset
from bsdvirt.zfs.cli import CliZfs
from bsdvirt.zfs.libzfs import LibZfs, binding

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
    """As much of the module as bsdvirt uses; `trees` by dataset."""

    def __init__(self, *trees: Tree) -> None:
        super().__init__("libzfs")
        self.trees = {tree["name"]: tree for tree in trees}
        self.opened = 0
        self.asked: list[tuple[list[str], bool]] = []
        outer = self

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
                """One tree a dataset; one that is not there is passed over in silence."""
                assert outer.opened == 1, "the handle is closed"
                outer.asked.append((list(props or ()), retrieve_children))
                for name in datasets or ():
                    if name in outer.trees:
                        yield outer.trees[name]

        self.ZFS = ZFS


def backend(tmp_path: Path, *trees: Tree) -> tuple[LibZfs, StandIn]:
    module = StandIn(*trees)
    return LibZfs(SimHost(tmp_path), module), module


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
    zfs, module = backend(tmp_path, TREE)
    found = {dataset.name: dataset for dataset in zfs.datasets("tank/bv")}
    assert found["tank/bv/web"] == Dataset(
        "tank/bv/web", "filesystem", 24576, 19049328640, 23552,
        None, "/tank/bv/web", True, None, IDENTITY, "0a1b",
    )  # fmt: skip
    assert found["tank/bv/disk"] == Dataset(
        "tank/bv/disk", "volume", 12288, 19049236480, 12288, volsize=1 << 30
    )
    root = found["tank/bv/web/root"]
    assert (root.origin, root.mounted, root.guest, root.op) == (
        "tank/rel@base", False, IDENTITY, None
    )  # fmt: skip
    assert found["tank/bv/web-2"].mountpoint is None
    assert len(module.asked) == 1
    assert module.opened == 0


def test_sorted_by_name_as_zfs_list_is(tmp_path: Path) -> None:
    zfs, _ = backend(tmp_path, TREE)
    names = [dataset.name for dataset in zfs.datasets("tank/bv")]
    assert names == [
        "tank/bv", "tank/bv/disk", "tank/bv/web", "tank/bv/web-2", "tank/bv/web/root"
    ]  # fmt: skip


def test_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    zfs, module = backend(tmp_path, TREE)
    with pytest.raises(NotFoundError, match="cannot open 'tank/nosuch': dataset does not exist"):
        zfs.datasets("tank/nosuch")
    assert module.opened == 0


def test_local_is_the_datasets_own_value(tmp_path: Path) -> None:
    inherited = filesystem("tank/a", x__y=user("v", "INHERITED"))
    received = filesystem("tank/b", x__y=user("v", "RECEIVED"))
    own = filesystem("tank/c", x__y=user("v", "LOCAL"))
    zfs, module = backend(tmp_path, inherited, received, own)
    assert zfs.local("tank/a", "x:y") is None
    assert zfs.local("tank/b", "x:y") is None
    assert zfs.local("tank/c", "x:y") == "v"
    assert zfs.local("tank/c", "no:thing") is None
    assert zfs.local("tank/nosuch", "x:y") is None
    assert not any(children for _, children in module.asked)


def test_no_binding_where_dev_zfs_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its constructor would take the process down: it must not even be imported."""
    if Path("/dev/zfs").exists():
        pytest.skip("this machine has ZFS")
    monkeypatch.setitem(sys.modules, "libzfs", StandIn())
    assert binding() is None


def test_a_simulated_host_is_asked_by_its_own_zfs(tmp_path: Path) -> None:
    assert type(open_zfs(SimHost(tmp_path))) is CliZfs
