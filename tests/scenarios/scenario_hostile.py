"""What a stranger wrote: guests' files, properties, names. One bad item hurts no other."""

from __future__ import annotations

import json
import re

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_pools import second_pool
from scenario_view import HostView

from bsdvirt.facts.mount import read_mounts
from bsdvirt_sim import SimHost

HOST_FILE = "/usr/local/etc/bsdvirt/bsdvirt.yaml"
GARBAGE = (
    '{"id":1e400,"uuid":"x","kind":"jail"}',
    '{"id":' + "[" * 1500 + "]" * 1500 + "}",
    "{",
    "a\tb\nc\n\n\u2028d",
)


def spoil(view: HostView, path: str) -> bytes:
    """Write bytes that are no text; what was there."""
    real = view.fs.path(path)
    before = real.read_bytes()
    real.write_bytes(b"\xff\xfe\n" + before)
    return before


@scenario()
def one_bad_file_stops_no_other_guest_and_not_the_shutdown(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3", "--start", "resolver.mode=keep")
    good = spoil(view, view.guest_file("t1"))
    before = view.fs.path(HOST_FILE).read_bytes()
    assert len(driver.json("ls")) == 3
    driver.fails(5, "get", "t1", says="not UTF-8")
    driver("doctor")
    assert "t1" in driver("doctor").stdout
    driver.ok("restart", "t2")
    driver.ok("boot", "stop")
    assert not view.jails()
    driver.ok("start", "t2", "t3")
    spoil(view, HOST_FILE)
    driver.fails(5, "ls", says="not UTF-8")
    said = driver("boot", "stop")
    assert "all are forced" in said.stderr
    assert not view.jails(), said
    view.fs.path(HOST_FILE).write_bytes(before)
    view.fs.path(view.guest_file("t1")).write_bytes(good)
    driver.ok("doctor", "--repair")
    driver.ok("start", "t1")


@scenario()
def a_file_of_the_hosts_that_is_no_text_stops_only_who_needs_it(
    driver: Bsdvirt, view: HostView
) -> None:
    driver.ok("create", "jail", "t1", "t2", "resolver.mode=keep")
    driver.ok("set", "t2", "resolver.mode=host")
    was = {}
    for path in ("/etc/resolv.conf", "/usr/local/etc/bsdvirt/sizes.yaml",
                 "/usr/local/etc/bsdvirt/images/odd.yaml"):  # fmt: skip
        real = view.fs.path(path)
        was[path] = real.read_bytes() if real.exists() else None
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_bytes(b"\xff\n")
    result = driver("start", "t1", "t2")
    assert result.status == 1
    assert "t1: " in result.stdout
    assert "/etc/resolv.conf: line 1 is not UTF-8 text" in result.stderr
    driver.ok("set", "t2", "resolver.mode=keep")
    driver.ok("start", "t2")
    rows = {row["name"]: row for row in driver.json("image", "profiles")}
    assert "not UTF-8" in rows["odd"]["description"]
    assert len(rows) > 1
    assert "/etc/resolv.conf" in driver("doctor").stdout
    driver.fails(5, "create", "vm", "t3", "--size", "small", says="sizes.yaml")
    for path, before in was.items():
        real = view.fs.path(path)
        real.unlink() if before is None else real.write_bytes(before)


@scenario()
def a_property_that_is_garbage_is_one_stray(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "resolver.mode=keep")
    driver.ok("start", "t2")
    dataset = f"{view.root}/guests/t1"
    good = view.run("/sbin/zfs", "get", "-Hp", "-o", "value", "bsdvirt:guest", dataset).stdout
    for text in GARBAGE:
        view.do("/sbin/zfs", "set", f"bsdvirt:guest={text}", dataset)
        assert [row["name"] for row in driver.json("ls")] == ["t2"]
        assert f"{dataset}" in driver("doctor").stdout
        driver.ok("restart", "t2")
        driver.ok("boot", "plan")
        driver.fails(3, "start", "t1")
        driver.fails(4, "create", "jail", "t1", says="is not a guest")
        driver.ok("boot", "stop")
        driver.ok("start", "t2")
    view.do("/sbin/zfs", "set", f"bsdvirt:guest={good.strip()}", dataset)
    driver.ok("start", "t1")


@scenario()
def what_its_making_saw_to_is_seen_to_at_each_start(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "resolver.mode=keep", "userland=linux")
    dataset = f"{view.root}/guests/t1"
    shown = view.run("/sbin/zfs", "get", "-Hp", "-o", "value", "bsdvirt:guest", dataset).stdout
    odd = "/srv/r;touch ${HOME}..pwned;"
    view.fs.path(odd).mkdir(parents=True, exist_ok=True)
    for place, says in (
        (odd, "a shell may read"),
        (f"{view.mountpoint}/guests/t2/root", "overlap"),
        ("/etc", "the host's own"),
        ("/srv/not-there", "does not exist"),
    ):
        told = json.dumps(json.loads(shown) | {"root": place})
        view.do("/sbin/zfs", "set", f"bsdvirt:guest={told}", dataset)
        driver.fails(5, "start", "t1", says=says)
        assert "pwned" not in driver("start", "-n", "t1").stdout
        assert says in driver("doctor").stdout
    view.do("/sbin/zfs", "set", f"bsdvirt:guest={shown.strip()}", dataset)
    view.fs.path(odd).rmdir()
    path = view.fs.path(view.guest_file("t1"))
    good = path.read_text()
    path.write_text("kind: vm\ncpus: 1\nmemory: 64M\n")
    driver.fails(2, "start", "t1", says="t1 is a jail, and stays one")
    path.write_text(good)


FORGED = (
    "{}\tlocal\n%(victim)s\tbsdvirt:guest\t{}\tlocal\n%(victim)s\tfilesystem\t1\t1\t1\t-\tno\n"
    "\n\r\v\f\x1c\u2028%(victim)s\tbsdvirt:op\t0a1b\tlocal\n"
)


@scenario()
def what_a_jail_writes_on_its_own_dataset_is_nobody_elses(driver: Bsdvirt, view: HostView) -> None:
    data = "datasets=[{name: data, mountpoint: /data}]"
    driver.ok("create", "jail", "t1", "t2", "resolver.mode=keep")
    driver.ok("set", "t1", data)
    driver.ok("start", "t1", "t2")
    before = driver.json("ls")
    text = FORGED % {"victim": f"{view.root}/guests/t2"}
    # As root of the jail may: it is the jail's dataset.
    for prop in ("bsdvirt:guest", "bsdvirt:op", "bsdvirt:image"):
        view.do("/sbin/zfs", "set", f"{prop}={text}", f"{view.root}/guests/t1/data")
    for odd in ("x\ny", "a b\tc", f"z\n{view.root}/guests/t2 on /etc (zfs)"):
        place = f"{view.jail_root('t2')}/mnt/{odd}"
        view.fs.path(place).mkdir(parents=True)
        view.do("/sbin/mount", "-t", "tmpfs", "tmpfs", place)
    assert driver.json("ls") == before
    driver.ok("info", "t1")
    driver.ok("doctor")
    driver.ok("tag", "t1", "x")
    driver.ok("tag", "t1", "x", "-r")
    driver.ok("doctor", "--repair")
    assert driver.json("ls") == before
    driver.ok("restart", "t1")
    driver.ok("boot", "stop")
    assert not view.jails()
    left = [m.path for m in read_mounts(view.host) if "/t2/root/mnt" in m.path]
    assert len(left) == 3, "the host mounted them: they stay"
    for path in left:
        view.do("/sbin/umount", path)
    driver.ok("start", "t2")
    driver.ok("rename", "t1", "t3")
    driver.ok("destroy", "t3", "--yes")


def received(view: HostView, source: str, name: str, *options: str) -> None:
    """A copy of a guest as `zfs send` and `zfs receive` make it, root and all."""
    for dataset in ("", "/root"):
        snapshot = f"{view.root}/guests/{source}{dataset}@sent"
        view.do("/sbin/zfs", "snapshot", snapshot)
        target = f"{view.root}/guests/{name}{dataset}"
        view.host.pipe(
            ("/sbin/zfs", "send", *options, snapshot), ("/sbin/zfs", "receive", "-u", target)
        ).check()
        view.do("/sbin/zfs", "destroy", snapshot)


@scenario()
def a_copied_identity_hurts_nobody_and_is_mended(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "resolver.mode=keep", "--start")
    driver.ok("create", "jail", "t2", "resolver.mode=keep")
    source, copy = f"{view.root}/guests/t1", f"{view.root}/guests/t2"
    shown = view.run("/sbin/zfs", "get", "-Hp", "-o", "value", "bsdvirt:guest", source).stdout
    view.do("/sbin/zfs", "set", f"bsdvirt:guest={shown.strip()}", copy)
    before = view.interfaces()
    driver.fails(4, "start", "t2", says="as has t1")
    driver.ok("stop", "t2", "--force")
    driver.ok("rename", "t2", "t3")
    assert "has the id" in driver("doctor").stdout
    assert view.interfaces() == before
    assert "t3: has another id" in driver.ok("doctor", "--repair").stdout
    assert view.interfaces() == before
    driver.ok("start", "t3")
    one, other = (driver.json("info", name) for name in ("t1", "t3"))
    for key in ("id", "uuid", "addresses"):
        assert one[key] != other[key], key
    assert one["nics"][0]["mac"] != other["nics"][0]["mac"]
    driver.ok("stop", "t3")
    assert view.interfaces() == before
    driver.ok("exec", "t1", "true")


@scenario()
def what_was_received_is_foreign_until_it_is_adopted(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "resolver.mode=keep", "boot.auto=yes", "--start")
    place = view.fs.path("/srv/hostile")
    place.mkdir(parents=True, exist_ok=True)
    driver.ok("mount", "t1", "/srv/hostile:/mnt")
    (mine,) = driver.json("ls")
    mac = driver.json("info", "t1")["nics"][0]["mac"]
    received(view, "t1", "t2", "-p")
    rows = {row["name"]: row for row in driver.json("ls")}
    assert rows["t2"]["state"] == "foreign"
    assert (rows["t2"]["id"], rows["t2"]["autostart"]) == (None, False)
    assert rows["t1"]["id"] == mine["id"]
    assert "foreign" in driver.ok("ls", "t2").stdout
    for word in ("state:foreign", "t2", "t[2-9]"):
        assert [row["name"] for row in driver.json("ls", word)] == ["t2"], word
    assert [row["name"] for row in driver.json("ls", "t*", "!t2")] == ["t1"]
    assert "t2: is foreign" in driver.ok("doctor").stdout
    interfaces = view.interfaces()
    for words in (
        ("start", "t2"), ("stop", "t2"), ("restart", "t2"), ("set", "t2", "protected=yes"),
        ("rename", "t2", "t3"), ("tag", "t2", "x"), ("get", "t2"),
    ):  # fmt: skip
        driver.fails(4, *words, says="bsdvirt adopt t2")
    driver.fails(4, "create", "jail", "t2", says="foreign")
    driver.ok("boot", "start")
    driver.ok("doctor", "--repair")
    assert view.interfaces() == interfaces
    assert [row["name"] for row in driver.json("ls", "state:running")] == ["t1"]
    view.do("/sbin/zfs", "mount", f"{view.root}/guests/t2")
    info = driver.json("info", "t2")
    assert info["state"] == "foreign"
    assert "/srv/hostile" in str(info["asks"]["mounts"])
    assert info["was"]["id"] == mine["id"]
    evil = f"{view.root}/guests/t2/evil"
    view.do("/sbin/zfs", "create", "-o", "canmount=off", "-o", "mountpoint=/srv/evil", evil)
    given = f"{view.root}/guests/t2/given"
    view.do("/sbin/zfs", "create", "-o", "jailed=on", "-o", "mountpoint=/data", given)
    assert driver.json("info", "t2")["datasets"][evil]["mountpoint"] == "/srv/evil"
    driver.fails(2, "adopt", "t2", says="--yes")
    before = view.datasets()
    assert "/sbin/zfs set" in driver.ok("adopt", "t2", "-n").stdout
    assert view.datasets() == before
    (done,) = driver.json("adopt", "t2", "--yes")
    assert done["ok"]
    assert any("/srv/hostile" in note for note in done["notes"])
    places = {name: row[1] for name, row in view.datasets().items()}
    assert places[evil] == f"{view.mountpoint}/guests/t2/evil"
    assert places[given] == "/data"
    mended = driver.json("info", "t2")
    assert (mended["state"], mended["autostart"]) == ("stopped", False)
    assert mended["id"] != mine["id"]
    assert mended["nics"][0]["mac"] != mac
    assert mended["addresses"] != mine["addresses"]
    driver.ok("start", "t2")
    driver.ok("stop", "t2")
    assert view.interfaces() == interfaces
    driver.ok("doctor")
    received(view, "t1", "t3", "-p")
    driver.ok("destroy", "t3", "--yes")
    assert f"{view.root}/guests/t3" not in view.datasets()
    received(view, "t1", "t4")
    assert "is among the guests" in driver("doctor").stdout
    view.do("/sbin/zfs", "mount", f"{view.root}/guests/t4")
    driver.ok("adopt", "t4", "--yes")
    driver.ok("start", "t4")


@scenario(sim_only=True)
def a_root_of_elsewhere_is_looked_at_before_it_is_listed(driver: Bsdvirt, view: HostView) -> None:
    with second_pool(driver, view) as dataset:
        place = f"{view.mountpoint}-2"
        driver.ok("create", "jail", "t1", "--pool", "second", "--thick", "resolver.mode=keep")
        view.fs.rename("/usr/local/etc/bsdvirt/roots/second.yaml", "/tmp/second.yaml")
        add = ("pool", "add", dataset, "--name", "second")
        for child in ("guests", "state"):
            view.fs.path(f"{place}/{child}").chmod(0o755)
            driver.fails(5, *add, says="is open to others (mode 0755)")
            view.fs.path(f"{place}/{child}").chmod(0o700)
        view.fs.write(f"{place}/state/guest.t1.abc.journal", "{}\n")
        driver.fails(4, *add, says="journals of operations cut short")
        view.fs.unlink(f"{place}/state/guest.t1.abc.journal")
        view.do("/sbin/zfs", "umount", f"{dataset}/state")
        driver.fails(5, *add, says="is not mounted")
        view.do("/sbin/zfs", "mount", f"{dataset}/state")
        assert isinstance(view.host, SimHost)
        with view.host.change() as state:
            told = state.datasets[f"{dataset}/guests/t1"].props
            told["bsdvirt:guest"] = re.sub(
                '"host":"[^"]*"', '"host":"other"', told["bsdvirt:guest"]
            )
        driver.ok(*add)
        assert driver.json("ls")[0]["state"] == "foreign"
        driver.ok("adopt", "t1", "--yes")
        driver.ok("start", "t1")


@scenario(sim_only=True)
def a_pool_that_was_moved_here_brings_foreign_guests(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1", "resolver.mode=keep", "boot.auto=yes")
    with view.host.change() as state:
        state.sysctls["kern.hostuuid"] = "11111111-2222-3333-4444-555555555555"
    (row,) = driver.json("ls")
    assert row["state"] == "foreign"
    driver.fails(4, "start", "t1", says="it is of host")
    driver.ok("boot", "start")
    assert not view.jails()
    driver.ok("adopt", "--all", "--yes")
    driver.ok("start", "t1")
    assert driver.json("ls")[0]["autostart"] is False


@scenario(sim_only=True)
def a_moved_guest_may_stay_who_it_was(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1", "t2", "resolver.mode=keep", "boot.auto=yes")
    was = driver.json("info", "t1")
    with view.host.change() as state:
        state.sysctls["kern.hostuuid"] = "11111111-2222-3333-4444-555555555555"
    driver.ok("adopt", "t1", "--keep", "--yes")
    now = driver.json("info", "t1")
    for key in ("id", "uuid", "addresses", "nics"):
        assert now[key] == was[key], key
    assert driver.json("ls", "t1")[0]["autostart"] is False
    driver.ok("start", "t1")
    driver.ok("destroy", "t2", "--yes")
    received(view, "t1", "t3", "-p")
    view.do("/sbin/zfs", "mount", f"{view.root}/guests/t3")
    driver.fails(4, "adopt", "t3", "--keep", "--yes", says="t1 has its")
    assert driver.json("ls", "t3")[0]["state"] == "foreign"
    driver.ok("adopt", "t3", "--yes")


@scenario(sim_only=True)
def a_machine_that_was_moved_here_gets_disks_of_its_own(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "vm", "t1", "disks=[{name: disk0, size: 64M}]")
    disk = f"{view.root}/guests/t1/disk0"
    view.do("/sbin/zfs", "inherit", "volmode", disk)
    was = driver.json("info", "t1")
    with view.host.change() as state:
        state.sysctls["kern.hostuuid"] = "11111111-2222-3333-4444-555555555555"
    driver.ok("adopt", "t1", "--yes")
    mode = view.run("/sbin/zfs", "get", "-Hp", "-o", "value", "volmode", disk).stdout
    assert mode == "dev\n"
    now = driver.json("info", "t1")
    assert now["uuid"] != was["uuid"]
    assert now["nics"][0]["mac"] != was["nics"][0]["mac"]
    # What lies in its directory is opened for the guest: no link there leads to the host's files.
    variables = f"{view.mountpoint}/guests/t1/uefi-vars.fd"
    view.fs.path(variables).symlink_to("/etc/master.passwd")
    refused = driver.fails(5, "start", "t1")
    assert f"{variables} is a link" in refused.stderr
    assert "is a link" in driver("doctor").stdout
    view.fs.unlink(variables)
