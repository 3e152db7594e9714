"""Clones: the same contents, nothing of the other's identity; templates; promotion."""

from __future__ import annotations

from typing import Any

from scenario_datasets import DATA, prop
from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same
from scenario_vm import finish, image

PRIVATE = ("etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_ed25519_key.pub",
           "etc/machine-id", "var/db/dhclient.leases.vtnet0")  # fmt: skip


def write(view: HostView, path: str, text: str) -> None:
    place = view.fs.path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def origins(view: HostView, name: str) -> set[str]:
    """What the datasets of a guest are clones of, without its own."""
    own = f"{view.root}/guests/{name}"
    rows = view.datasets()
    return {row[3] for key, row in rows.items() if f"{key}/".startswith(f"{own}/")}


def claims(info: dict[str, Any]) -> set[str]:
    """What no two guests may share."""
    found = {str(info["id"]), info["uuid"], *info["addresses"]}
    return found | {nic["mac"] for nic in info["nics"]}


@scenario()
def a_clone_has_the_contents_and_its_own_identity(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA, "quota=1G", "expose=tcp:8080:80", "boot.auto=yes",
              "hostname=one.example.org", "--tag", "prod", "--start")  # fmt: skip
    root = view.jail_root("t1")
    for path in PRIVATE:
        write(view, f"{root}/{path}", "of t1\n")
    write(view, f"{root}/var/db/contents", "mine\n")
    write(view, f"{root}/data/file", "data\n")
    view.fs.path(f"{root}/etc/ssh/ssh_host_dsa_key").symlink_to("/etc/master.passwd")
    said = driver.ok("clone", "t1", "t2", "limits.maxproc=77")
    assert "taken while it runs" in said.stderr
    assert "tcp:8080:80 stays t1's" in said.stderr
    mine, other = driver.json("info", "t1"), driver.json("info", "t2")
    assert not claims(mine) & claims(other)
    assert other["tags"] == ["prod"]
    assert not other["autostart"]
    copy = view.jail_root("t2")
    assert view.fs.read_text(f"{copy}/var/db/contents") == "mine\n"
    assert not [path for path in PRIVATE if view.fs.exists(f"{copy}/{path}")]
    assert all(view.fs.exists(f"{root}/{path}") for path in PRIVATE)
    # What is no file of its own is left alone, and so is what a link names.
    assert view.fs.path(f"{copy}/etc/ssh/ssh_host_dsa_key").is_symlink()
    assert prop(view, f"{view.root}/guests/t2/root", "quota") == str(1 << 30)
    assert prop(view, f"{view.root}/guests/t2/data", "jailed") == "on"
    assert prop(view, f"{view.root}/guests/t2/data", "mountpoint") == "/data"
    config = driver.json("get", "t2")
    assert config["limits"] == {"maxproc": 77}
    assert not {"expose", "hostname"} & config.keys()
    driver.ok("start", "t2")
    assert driver.ok("exec", "t2", "--", "cat", "/data/file").stdout == "data\n"
    # A clone of a clone, of a snapshot, with the keys and a name of its own.
    driver.ok("snapshot", "create", "t2@a")
    driver.ok("clone", "t2@a", "t3", "--full", "--keep-keys", "hostname=three")
    assert origins(view, "t3") == {"-"}
    assert "t3@" not in "".join(view.datasets())
    write(view, f"{copy}/etc/machine-id", "another\n")
    # A directory that is a link leads out of the root: what it names is not touched.
    (view.scratch / "ssh_host_rsa_key").write_text("of the host\n")
    local = view.fs.path(f"{copy}/usr/local/etc")
    local.mkdir(parents=True, exist_ok=True)
    (local / "ssh").symlink_to(view.scratch)
    driver.ok("clone", "t2", "t5")
    assert (view.scratch / "ssh_host_rsa_key").read_text() == "of the host\n"
    driver.ok("destroy", "t5", "--yes")
    driver.ok("clone", "t2", "t4", "--keep-keys")
    assert view.fs.read_text(f"{view.jail_root('t4')}/etc/machine-id") == "another\n"
    # What was made for clones goes with the last of them.
    driver.fails(4, "destroy", "t2", "--yes", "--force", says="t2 has clones: t4")
    driver.ok("destroy", "t4", "--yes")
    assert [row["name"] for row in driver.json("snapshot", "ls", "t2")] == ["a"]
    driver.ok("destroy", "t2", "t3", "--yes", "--force")
    assert driver.json("snapshot", "ls", "t1") == []


@scenario()
def what_only_one_guest_can_have_is_chosen(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "nics.0.address=10.77.0.20", "nics.0.mac=02:00:00:00:00:20",
              "nics.0.aliases=10.77.0.21")  # fmt: skip
    driver.ok("clone", "t1", "t2")
    (nic,) = driver.json("info", "t2")["nics"]
    assert nic["address"] not in ("", "10.77.0.20/24")
    assert nic["mac"] != "02:00:00:00:00:20"
    assert nic["aliases"] == []
    driver.ok("clone", "t1", "t3", "nics.0.address=10.77.0.33")
    assert driver.json("info", "t3")["addresses"] == ["10.77.0.33"]
    driver.ok("network", "create", "lan", "--address", "10.79.1.1/24")
    driver.ok("create", "jail", "n1", "--network", "lan", "--address", "10.79.1.20")
    driver.ok("create", "jail", "s1", "--shared", "lo0", "--address", "10.99.9.9")
    before = view.everything()
    driver.fails(2, "clone", "n1", "t4", says="add nics.0.address=ADDRESS")
    driver.fails(2, "clone", "t1", "t1", says="a clone of itself")
    driver.fails(3, "clone", "t1@none", "t4", says="no snapshot t1@none")
    driver.fails(4, "clone", "t1", "t3", says="t3 already exists")
    driver.fails(2, "clone", "s1", "s2", says="add addresses.0.address=ADDRESS")
    assert_same(before, view.everything())
    driver.ok("clone", "n1", "n2", "nics.0.address=10.79.1.21")
    driver.ok("clone", "s1", "s2", "addresses.0.address=10.99.9.10")
    driver.ok("destroy", "n1", "n2", "--yes")
    driver.ok("network", "destroy", "lan")


@scenario()
def ten_clones_at_once_each_undone_on_its_own(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "busy")
    names = [f"c{number}" for number in range(4)]
    result = driver("clone", "t1", *names, "busy")
    assert result.status == 1
    assert "guest busy already exists" in result.stderr
    infos = [driver.json("info", name) for name in names]
    every = [claim for info in infos for claim in claims(info)]
    assert len(every) == len(set(every))
    (snapshot,) = driver.json("snapshot", "ls", "t1")
    assert len(snapshot["clones"]) == 2 * len(names)

    # Several commands do not refuse each other.
    ended = driver.all_at_once(*(("clone", "t1", name) for name in ("d0", "d1", "d2")))
    assert [result.status for result in ended] == [0, 0, 0], ended
    driver.ok("destroy", *names, "d0", "d1", "--yes")
    (snapshot,) = driver.json("snapshot", "ls", "t1")
    # Clones go before what they were made of.
    driver.ok("clone", "d2", "a1")
    driver.ok("destroy", "t1", "a1", "d2", "--yes")


@scenario()
def a_promoted_clone_is_independent(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA)
    driver.ok("snapshot", "create", "t1@old")
    driver.ok("clone", "t1", "t2")
    driver.ok("snapshot", "create", "t2@old")
    driver.fails(4, "promote", "t2", says="which exists")
    driver.ok("snapshot", "rm", "t2@old", "--yes")
    driver.fails(4, "snapshot", "rm", "t1@clone-t2", "--yes", says="bsdvirt promote t2")
    said = driver.fails(4, "destroy", "t1", "--yes", says="t1 has clones: t2")
    assert "bsdvirt promote t2" in said.stderr
    assert "t1 depends on it now" in driver.ok("promote", "t2").stdout
    assert sorted(row["name"] for row in driver.json("snapshot", "ls", "t2")) == ["clone-t2", "old"]
    assert all(row["by"] == "bsdvirt" for row in driver.json("snapshot", "ls", "t2"))
    assert driver.json("snapshot", "ls", "t1") == []
    assert "does not depend" in driver.ok("promote", "t2").stdout
    driver.ok("destroy", "t1", "--yes")
    driver.ok("start", "t2")
    driver.ok("stop", "t2")
    assert [row["name"] for row in driver.json("snapshot", "ls", "t2")] == ["old"]


@scenario()
def a_template_is_cloned_and_not_started(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "boot.auto=yes", "--start")
    driver.fails(4, "set", "t1", "template=yes", says="t1 is running")
    driver.ok("stop", "t1")
    driver.ok("set", "t1", "template=yes")
    assert [row["state"] for row in driver.json("ls")] == ["template"]
    driver.fails(4, "start", "t1", says="bsdvirt clone t1 NEW --start")
    assert "t1" not in driver.ok("boot", "plan").stdout
    driver.ok("start", "--all")
    driver.ok("clone", "t1", "t2", "t3")
    driver.ok("clone", "t1", "t4", "--start")
    assert driver.json("info", "t4")["state"] == "running"
    # Nothing has changed: no other snapshot was taken.
    assert len(driver.json("snapshot", "ls", "t1")) == 1
    driver.ok("set", "t1", "description=another")
    driver.ok("clone", "t1", "t5")
    assert driver.json("get", "t5")["description"] == "another"
    assert len(driver.json("snapshot", "ls", "t1")) == 2
    driver.fails(4, "destroy", "t1", "--yes", says="t1 has clones")


@scenario()
def a_virtual_machine_is_another_instance(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", "--loader", "bhyveload", "--memory", "256M",
              "--disk", "512M", "cloud.user=me", "vnc.port=5999")  # fmt: skip
    driver.ok("disk", "add", "t1", "data", "--size", "8M")
    write(view, f"{view.mountpoint}/guests/t1/uefi-vars.fd", "variables")
    driver.ok("clone", "t1", "t2", "disks.data.size=16M")
    one, two = driver.json("info", "t1"), driver.json("info", "t2")
    assert not claims(one) & claims(two)
    assert not {d["serial"] for d in one["disks"]} & {d["serial"] for d in two["disks"]}
    assert [disk["size"] for disk in two["disks"]] == [512 << 20, 16 << 20]
    place = f"{view.mountpoint}/guests/t2"
    assert two["uuid"] in view.fs.read_text(f"{place}/seed/meta-data")
    assert view.fs.read_text(f"{place}/uefi-vars.fd") == "variables"
    devices = [view.fs.path(f"/dev/zvol/{view.root}/guests/{name}/disk0") for name in ("t1", "t2")]
    first, second = (path.open("rb").read(4096) for path in devices)
    assert first == second
    driver.ok("destroy", "t2", "--yes")
    finish(driver, "t1")


@scenario()
def a_full_pool_leaves_nothing_of_a_clone(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1")
    guests = f"{view.root}/guests"
    room = int(prop(view, guests, "used")) + (40 << 10 if view.simulated else 10 << 20)
    view.do("/sbin/zfs", "set", f"quota={room}", guests)
    before = view.everything()
    driver.fails(1, "clone", "t1", "t2", "--full", says="space")
    assert_same(before, view.everything())
    assert driver("clone", "t1", "t2", "t3", "--full").status == 1
    assert_same(before, view.everything())
    view.do("/sbin/zfs", "set", "quota=none", guests)
    driver.ok("clone", "t1", "t2", "--full")
