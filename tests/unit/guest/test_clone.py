"""Clones: what they are made of, what is their own, and what promotion turns round."""

from __future__ import annotations

from typing import Any

import pytest

from bsdvirt.bhyve.copies.clone import VmCloner
from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.clone import MOST_DATASETS, Content, Origin, contents_now, plan_clone
from bsdvirt.guest.snapshots.promote import (
    clones_by_source,
    moved,
    owners_of,
    plan_promote,
    refuse_same_names,
    turns_of,
)
from bsdvirt.guest.snapshots.unique import without_unique
from bsdvirt.jail.copies.clone import JailCloner
from bsdvirt.jail.copies.private import PrivateFacts, clear
from bsdvirt.layout import Layout
from bsdvirt.net.files import Networks
from bsdvirt.plan.step import Command, Pipeline, RemoveFile, Step, WriteFile
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network
from bsdvirt.spec.vm import Vm
from bsdvirt.zfs.base import Dataset
from bsdvirt.zfs.snapshots import Part

LAYOUT = Layout("z/b", "/b")
NIC = {"network": "lan", "address": "10.0.0.5/24", "mac": "02:00:00:00:00:02"}


def guest(name: str, origin: str = "", *below: str) -> Guest:
    """A guest whose datasets are clones of those of `origin`, a guest and its snapshot."""
    source, _, snapshot = origin.partition("@")
    datasets = tuple(
        Dataset(f"z/b/guests/{name}{one}", "filesystem", 0, 0, 10,
                origin=f"z/b/guests/{source}{one}@{snapshot}" if origin else None)
        for one in ("", *below)
    )  # fmt: skip
    return Guest(name, LAYOUT, Identity(id=1, uuid="u", kind="jail"), datasets)


WEB = guest("web", "", "/data", "/data/x y", "/root", "/root/var", "/stray")
NEW = guest("new")


def jail(**more: Any) -> Jail:
    return decode(Jail, {"release": "15.1-RELEASE", **more})


def networks(*pools: str) -> Networks:
    found = Networks()
    found["lan"] = decode(Network, {"id": 1, "addresses": ["10.0.0.1/24"], "pools": [*pools]})
    return found


def shown(steps: tuple[Step, ...]) -> list[str]:
    """The commands of steps, without the path of zfs(8) and the mark of the operation."""
    found = []
    for step in steps:
        match step.do:
            case Command(argv=argv):
                found.append(" ".join(argv[1:]))
            case Pipeline(left=left, right=right):
                found.append(f"{' '.join(left[1:])} | {' '.join(right[1:])}")
    return [text.replace(" -o bsdvirt:op=OP", "") for text in found]


def test_a_clone_is_made_of_each_dataset_that_its_file_names() -> None:
    spec = jail(quota="1G", datasets=[{"name": "data", "mountpoint": "/data", "atime": False},
                                      {"name": "more", "mountpoint": "/more"}])  # fmt: skip
    origin = Origin(WEB, "a", contents_now(WEB))
    data = JailCloner().data(NEW, spec, origin, "OP")
    assert shown(data.steps) == [
        "clone -o quota=1073741824 z/b/guests/web/root@a z/b/guests/new/root",
        "clone -o mountpoint=/data -o jailed=on -o atime=off z/b/guests/web/data@a"
        " z/b/guests/new/data",
        "clone z/b/guests/web/root/var@a z/b/guests/new/root/var",
        "clone z/b/guests/web/data/x y@a z/b/guests/new/data/x y",
        "create -o mountpoint=/more -o jailed=on z/b/guests/new/more",
    ]
    assert all(step.undo for step in data.steps)
    assert set(data.made) == {
        f"z/b/guests/new/{one}" for one in ("root", "root/var", "data", "data/x y", "more")
    }
    assert data.notes == (
        "datasets.more is not in web@a, and is new and empty",
        "z/b/guests/web/root/var, z/b/guests/web/data/x y: properties that these have of their own"
        " are not copied",
        "z/b/guests/web/stray is not in its file, and not in the clone",
    )
    plan = plan_clone(NEW, spec, origin, "OP", data)
    assert shown(plan.steps)[0].endswith("z/b/guests/web@a z/b/guests/new")
    assert len(plan.finish) == len(data.made) + 1


def test_a_full_copy_leaves_no_snapshot_behind() -> None:
    origin = Origin(WEB, "a", contents_now(WEB), full=True)
    assert shown(JailCloner().data(NEW, jail(), origin, "OP").steps) == [
        "send -vP z/b/guests/web/root@a | receive z/b/guests/new/root",
        "destroy z/b/guests/new/root@a",
        "send -vP z/b/guests/web/root/var@a | receive z/b/guests/new/root/var",
        "destroy z/b/guests/new/root/var@a",
    ]


def test_disks_grow_and_new_ones_are_empty() -> None:
    vm = decode(Vm, {"memory": "1G", "disks": [{"name": "a", "size": "4M"},
                                               {"name": "b", "size": "2M"}]})  # fmt: skip
    contents = (Content("z/b/guests/web"), Content("z/b/guests/web/a", 0, 2 << 20))
    data = VmCloner().data(NEW, vm, Origin(WEB, "s", contents), "OP")
    assert shown(data.steps) == [
        "clone -o volmode=dev -o compression=lz4 -o sync=standard z/b/guests/web/a@s"
        " z/b/guests/new/a",
        f"set volsize={4 << 20} z/b/guests/new/a",
        f"create -s -V {2 << 20} -o volmode=dev -o compression=lz4 -o sync=standard"
        " -o volblocksize=16K z/b/guests/new/b",
    ]


def test_a_jail_cannot_make_a_clone_endless() -> None:
    many = guest("web", "", *(f"/data/{number}" for number in range(MOST_DATASETS)))
    with pytest.raises(ConflictError, match="at most"):
        contents_now(many)


def test_a_snapshot_without_the_root_is_refused() -> None:
    with pytest.raises(ConflictError, match="web@a has no z/b/guests/web/root"):
        JailCloner().data(NEW, jail(), Origin(WEB, "a", (Content(WEB.dataset),)), "OP")


# ---- what only one guest can have ----


def test_what_only_one_guest_can_have_is_not_copied() -> None:
    before = jail(nics=[{**NIC, "aliases": ["10.0.0.6/24"]}], hostname="web.example.org",
                  expose=["tcp:80"], protected=True, template=True)  # fmt: skip
    after, notes = without_unique("web", before, before, networks("10.0.0.10-10.0.0.20"))
    assert after == jail(nics=[{"network": "lan"}])
    assert len(notes) == 5
    assert all("web" in note for note in notes)


def test_what_the_user_chose_stays() -> None:
    before = jail(nics=[NIC], hostname="web")
    given = jail(nics=[{**NIC, "address": "10.0.0.9/24", "mac": None}], hostname="mail",
                 expose=["tcp:81"])  # fmt: skip
    assert without_unique("web", before, given, networks()) == (given, ())


def test_a_fixed_address_without_a_pool_is_chosen_by_the_user() -> None:
    spec = jail(nics=[NIC])
    with pytest.raises(UsageError, match=r"nics\.0\.address: 10\.0\.0\.5/24 is web's") as error:
        without_unique("web", spec, spec, networks())
    assert error.value.hint == "add nics.0.address=ADDRESS"


def test_what_is_of_the_host_stays_with_the_source() -> None:
    spec = jail(interfaces=["em1"], datasets=[{"name": "d", "dataset": "tank/x"}])
    after, notes = JailCloner().own(WEB, spec, spec)
    assert (after.interfaces, after.datasets) == ([], [])
    assert notes == ("interfaces: em1 stays web's", "datasets.d: tank/x stays web's")
    disks = [{"name": "a", "path": "/dev/da1"}, {"name": "b", "path": "/x.iso", "readonly": True}]
    vm = decode(Vm, {"memory": "1G", "disks": disks, "vnc": {"enabled": True, "port": 5999}})
    own, notes = VmCloner().own(WEB, vm, vm)
    assert [disk.name for disk in own.disks] == ["b"]
    assert own.vnc.port is None
    assert len(notes) == 2


# ---- keys ----


def test_keys_and_ids_are_cleared_by_userland() -> None:
    files = ("etc/ssh/ssh_host_rsa_key", "etc/machine-id")
    facts = PrivateFacts(files, {"etc/rc.conf": 'hostname="web" # mine\nsshd_enable=YES\n'})
    cleared = clear(NEW, jail(), facts, ["web"])
    assert [step.do for step in cleared.steps] == [RemoveFile(f, NEW.root) for f in files]
    assert "bsdvirt sysrc new hostname=new" in cleared.notes[0]
    linux = clear(NEW, jail(userland="linux"), facts, ["other"])
    assert linux.steps[1].do == WriteFile("etc/machine-id", "", 0o444, NEW.root)
    assert "ssh-keygen -A" in linux.notes[0]
    assert not clear(NEW, jail(userland="none"), facts, ["web"]).steps


# ---- promotion ----


def part(dataset: str, name: str, txg: int) -> Part:
    return Part(f"z/b/guests/{dataset}", name, txg, 1, 0, 0, 0)


def test_promotion_turns_each_dataset_round() -> None:
    web, new = guest("web", "", "/root"), guest("new", "web@b", "/root")
    owners = owners_of([web, new])
    turns = turns_of(new, owners)
    plan = plan_promote(new, turns, "OP")
    assert shown(plan.steps) == ["promote z/b/guests/new", "promote z/b/guests/new/root"]
    undo = [undo.do for step in plan.steps for undo in step.undo]
    assert [" ".join(do.argv[1:]) for do in undo if isinstance(do, Command)] == [
        "promote z/b/guests/web", "promote z/b/guests/web/root",
    ]  # fmt: skip
    assert plan.also == ("web",)
    parts = [part("web/root", "a", 5), part("web/root", "b", 7), part("web/root", "c", 9)]
    assert [one.name for one in moved(turns[1], parts)] == ["a", "b"]
    refuse_same_names("new", turns, [*parts, part("new/root", "c", 11)])
    with pytest.raises(ConflictError, match="web/root@a would become z/b/guests/new/root@a"):
        refuse_same_names("new", turns, [*parts, part("new/root", "a", 11)])
    assert plan_promote(web, turns_of(web, owners), "OP").reason


def test_what_depends_on_a_guest_is_known_by_name() -> None:
    every = [WEB, guest("a", "web@x"), guest("b", "a@y"), guest("c", "web@x", "/root")]
    assert clones_by_source(every, owners_of(every)) == {"a": ["b"], "web": ["a", "c"]}
    # A release is no guest, and a name that only begins like one is another.
    assert turns_of(guest("d", "webserver@x"), owners_of(every)) == []
