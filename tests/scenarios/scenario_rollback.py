"""Rollback of guests to snapshots: contents, what is lost, and what refuses it."""

from __future__ import annotations

import hashlib

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same

ZFS = "/sbin/zfs"
DATA = "datasets=[{name: data, mountpoint: /data}]"
MIB = 1 << 20


def put(view: HostView, path: str, text: str) -> None:
    view.fs.path(path).write_text(text)


def content(view: HostView, path: str) -> str | None:
    """A file's text; None where there is none."""
    real = view.fs.path(path)
    return real.read_text() if real.exists() else None


def disk_sum(view: HostView, guest: str) -> str:
    """Of the first MiB of its disk."""
    device = view.fs.path(f"/dev/zvol/{view.root}/guests/{guest}/disk0")
    with open(device, "rb", buffering=0) as stream:
        return hashlib.sha256(stream.read(MIB)).hexdigest()


def write_disk(view: HostView, guest: str, seed: bytes) -> None:
    device = view.fs.path(f"/dev/zvol/{view.root}/guests/{guest}/disk0")
    with open(device, "r+b", buffering=0) as stream:
        stream.write(seed * (MIB // len(seed)))


def snapshots(view: HostView, guest: str) -> set[str]:
    prefix = f"{view.root}/guests/{guest}"
    return {name.removeprefix(prefix) for name in view.datasets() if name.startswith(f"{prefix}")
            and "@" in name}  # fmt: skip


@scenario(each_release=True)
def a_jail_is_rolled_back_with_all_its_data(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA, "description=old", "--start")
    root, inside = view.jail_root("t1"), f"{view.jail_root('t1')}/data"
    put(view, f"{root}/etc/kept", "old\n")
    put(view, f"{inside}/mark", "old\n")
    before = driver.json("info", "t1")
    driver.ok("snapshot", "create", "t1@a")
    put(view, f"{root}/etc/kept", "new\n")
    put(view, f"{root}/etc/more", "new\n")
    put(view, f"{inside}/mark", "new\n")
    driver.ok("set", "t1", "description=new", "boot.auto=yes", "nics=[{network: private},"
              " {network: private}]")  # fmt: skip
    driver.ok("snapshot", "create", "t1@b")
    view.do(ZFS, "snapshot", f"{view.root}/guests/t1/root@zfs-auto-snap_hourly")
    driver.fails(4, "rollback", "t1@a", "--yes", says="t1 is running")
    said = driver.ok("rollback", "t1@a", "-n", "--restart").stdout
    assert "later snapshot zfs-auto-snap_hourly (of another tool" in said
    assert content(view, f"{inside}/mark") == "new\n"
    driver.ok("rollback", "t1@a", "--yes", "--restart")
    assert content(view, f"{root}/etc/kept") == "old\n"
    assert content(view, f"{root}/etc/more") is None
    assert driver.ok("exec", "t1", "--", "cat", "/data/mark").stdout == "old\n"
    after = driver.json("info", "t1")
    assert "description: old\n" in view.guest_text("t1")
    assert after["uuid"] == before["uuid"]
    assert after["boot"]["auto"], "who it is and when it starts did not roll back"
    assert [nic["address"] for nic in after["nics"]] == [nic["address"] for nic in before["nics"]]
    assert snapshots(view, "t1") == {"@a", "/root@a", "/data@a"}
    assert "problem" not in driver.ok("doctor").stdout


@scenario()
def a_virtual_machine_is_rolled_back_with_its_disks(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "vm", "t1", "--disk", "8M", "--loader", "bhyveload")
    write_disk(view, "t1", b"old!")
    old = disk_sum(view, "t1")
    driver.ok("snapshot", "create", "t1@a")
    write_disk(view, "t1", b"new!")
    driver.ok("disk", "resize", "t1", "disk0", "16M")
    driver.ok("disk", "add", "t1", "more", "--size", "8M")
    assert disk_sum(view, "t1") != old
    said = driver.ok("rollback", "t1@a", "--yes")
    assert f"{view.root}/guests/t1/more was made since: it stays" in said.stdout + said.stderr
    assert disk_sum(view, "t1") == old
    (disk,) = driver.json("disk", "ls", "t1")
    assert (disk["name"], disk["size"]) == ("disk0", 8 * MIB)
    size = view.run(ZFS, "get", "-Hp", "-o", "value", "volsize", f"{view.root}/guests/t1/disk0")
    assert size.stdout.strip() == str(8 * MIB)
    assert f"{view.root}/guests/t1/more" in view.datasets()


@scenario()
def what_would_destroy_another_guests_root_is_refused(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--start")
    own = f"{view.root}/guests/t1"
    driver.ok("snapshot", "create", "t1@a")
    driver.ok("snapshot", "create", "t1@b")
    view.do(ZFS, "clone", f"{own}/root@b", f"{view.root}/images/copy")
    try:
        before = view.everything()
        driver.fails(4, "rollback", "t1@a", "--yes", "--stop", says=f"{view.root}/images/copy")
        # It was not stopped for nothing.
        assert_same(before, view.everything())
    finally:
        view.do(ZFS, "destroy", f"{view.root}/images/copy")
    view.do(ZFS, "hold", "backup", f"{own}/root@b")
    driver.fails(4, "rollback", "t1@a", "--yes", "--stop", says="b is held by backup (")
    view.do(ZFS, "release", "backup", f"{own}/root@b")
    view.do(ZFS, "bookmark", f"{own}/root@b", f"{own}/root#mark")
    assert (
        f"# note: bookmark {own}/root#mark" in driver.ok("rollback", "t1@a", "-n", "--stop").stdout
    )
    driver.fails(3, "rollback", "t1@c", "--yes", "--stop", says="available: a, b")
    driver.fails(2, "rollback", "t1@a", "--stop", says="--yes is not given")
    driver.ok("rollback", "t1@a", "--yes", "--stop")
    assert "t1" not in view.jails()
    assert view.run(ZFS, "list", "-Hp", "-t", "bookmark", "-o", "name", "-r", own).stdout == ""


@scenario()
def a_configuration_that_cannot_come_back_is_refused(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA)
    own, good = f"{view.root}/guests/t1", view.guest_text("t1")
    for text, name in (("kind: vm\n", "kind"), ("nics: 7\n", "nics"), ("a: [\n", "syntax")):
        put(view, view.guest_file("t1"), text)
        driver.ok("snapshot", "create", f"t1@{name}")
    file = view.fs.path(view.guest_file("t1"))
    file.unlink()
    file.symlink_to("/etc/master.passwd")
    driver.ok("snapshot", "create", "t1@link")
    file.unlink()
    put(view, view.guest_file("t1"), "#" * (8 << 20))
    driver.ok("snapshot", "create", "t1@large")
    put(view, view.guest_file("t1"), good.replace("private", "nowhere")
        + "hooks: {starting: {host: [gone]}}\n")  # fmt: skip
    driver.ok("snapshot", "create", "t1@hook")
    put(view, view.guest_file("t1"), good)
    driver.ok("snapshot", "create", "t1@late")
    before = view.everything()
    for name in ("kind", "nics", "syntax", "link", "large"):
        driver.fails(4, "rollback", f"t1@{name}", "--yes", says="guest.yaml")
    driver.fails(4, "rollback", "t1@hook", "--yes", "--restart", says="nowhere")
    assert_same(before, view.everything())
    said = driver.ok("rollback", "t1@hook", "--yes")
    assert "hooks.starting.host: gone: " in said.stderr
    assert "the next start will be refused: " in said.stderr
    driver.ok("rollback", "t1@nics", "--yes", "--force")
    driver.fails(2, "start", "t1", says="nics")
    put(view, view.guest_file("t1"), good)
    # What the file names and was made again since is not in the snapshot.
    driver.ok("snapshot", "create", "t1@whole")
    view.do(ZFS, "destroy", "-r", f"{own}/data")
    driver.fails(4, "rollback", "t1@whole", "--yes", says=f"{own}/data")


@scenario()
def a_rollback_that_was_interrupted_is_finished(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA)
    root = view.jail_root("t1")
    put(view, f"{root}/etc/kept", "old\n")
    driver.ok("snapshot", "create", "t1@a")
    put(view, f"{root}/etc/kept", "new\n")
    driver.ok("set", "t1", "description=new")
    driver.ok("snapshot", "create", "t1@b")
    with driver.faulty("kill-after:3"):
        assert driver("rollback", "t1@a", "--yes").status < 0
    assert "cut short" in driver("doctor").stdout
    said = driver.ok("start", "t1")
    assert "recovering roll back t1" in said.stderr
    assert content(view, f"{root}/etc/kept") == "old\n"
    assert "description" not in view.guest_text("t1")
    assert snapshots(view, "t1") == {"@a", "/root@a", "/data@a"}
    assert "problem" not in driver.ok("doctor").stdout
    # Set aside, it is reported until another rollback has ended.
    driver.ok("stop", "t1")
    driver.ok("snapshot", "create", "t1@b")
    with driver.faulty("kill-after:4"):
        assert driver("rollback", "t1@a", "--yes").status < 0
    driver.ok("doctor", "--set-aside", "t1")
    (line,) = [one for one in driver("doctor").stdout.splitlines() if "rollback to a" in one]
    assert f"{view.root}/guests/t1/data" in line
    assert f"{view.root}/guests/t1/root" not in line
    driver.ok("rollback", "t1@a", "--yes")
    assert "rollback to a" not in driver("doctor").stdout
    # One that did not run is not started where it was not rolled back.
    with driver.faulty("fail:1"):
        driver.fails(1, "rollback", "t1@a", "--yes", "--restart", says="step 1 failed")
    assert "t1" not in view.jails()
    for name in view.fs.listdir(f"{view.mountpoint}/state"):
        if name.endswith(".aside"):
            view.fs.unlink(f"{view.mountpoint}/state/{name}")
