"""Jails without a release: an empty root, an archive, or the user's own directory."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of

KEEP = "resolver.mode=keep"
QUICK = ("exec.start=", "exec.stop=", KEEP)


def mounted_in(view: HostView, root: str) -> list[str]:
    return [line for line in view.mounts() if f" {root}/" in line]


@scenario()
def an_empty_root(driver: Bsdvirt, view: HostView) -> None:
    assert "empty root" in driver.ok("create", "jail", "t1", "--empty").stdout
    assert view.fs.listdir(view.jail_root("t1")) == []
    row = driver.json("ls")[0]
    assert (row["state"], row["release"]) == ("stopped", "")
    driver.ok("start", "t1")
    assert view.jails()["t1"]["vnet"] == "new"
    assert driver.json("ls")[0]["state"] == "running"
    assert len(mounted_in(view, view.jail_root("t1"))) == 1
    driver.ok("restart", "t1")
    driver.ok("stop", "t1", "--force")
    assert not nothing_of(view, ["t1"])
    driver.ok("set", "t1", "stack=none", "nics=")
    driver.ok("start", "t1")
    driver.ok("destroy", "t1", "--yes", "--force")


@scenario()
def a_root_from_an_archive_and_from_a_directory(driver: Bsdvirt, view: HostView) -> None:
    archive = f"{view.dist}/base.txz"
    assert archive in driver.ok("create", "jail", "t1", "--root-from", archive, KEEP).stdout
    driver.ok("start", "t1")
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "t1\n"
    driver.ok("stop", "t1")
    source = f"{view.host_scratch}/src"
    view.fs.mkdir(f"{source}/etc")
    view.fs.write(f"{source}/etc/motd", "hello\n")
    driver.ok("create", "jail", "t2", "t3", "--empty", "--dry-run")
    driver.ok("create", "jail", "t2", "t3", "--root-from", source, *QUICK, "userland=none")
    for name in ("t2", "t3"):
        assert view.fs.read_text(f"{view.jail_root(name)}/etc/motd") == "hello\n"
    driver.ok("start", "t2")
    before = view.everything()
    driver.fails(3, "create", "jail", "t4", "--root-from", "/nosuch", says="does not exist")
    driver.fails(2, "create", "jail", "t4", "--root-from", source, "--thick", says="release")
    driver.fails(2, "create", "jail", "t4", "--empty", "--directory", "/srv", says="together")
    driver.fails(2, "create", "jail", "t4", "--linux", says="--root-from")
    wrong = f"{view.host_scratch}/src/etc/motd"
    driver.fails(1, "create", "jail", "t4", "--root-from", wrong)
    assert_same(before, view.everything())


@scenario()
def a_directory_of_the_users(driver: Bsdvirt, view: HostView) -> None:
    place = f"{view.host_scratch}/jail"
    view.fs.mkdir(f"{place}/etc")
    view.fs.write(f"{place}/etc/motd", "mine\n")
    words = ("create", "jail", "t1", "--directory", place, *QUICK, "userland=none")
    assert place in driver.ok(*words).stdout
    driver.ok("start", "t1")
    assert view.jails()["t1"]["path"] == place
    assert driver.json("info", "t1")["root"] == place
    assert driver.json("ls")[0]["state"] == "running"
    driver.ok("cp", "t1:/etc/motd", f"{view.host_scratch}/copy")
    assert (view.scratch / "copy").read_text() == "mine\n"
    view.fs.path(f"{view.host_scratch}/link").symlink_to(place)
    for status, other in (
        (4, place), (4, f"{place}/etc"), (4, view.host_scratch), (2, f"{view.host_scratch}/link"),
        (2, "/usr"), (2, "/etc"), (2, "/"), (2, f"{view.mountpoint}/guests/t1"),
        (3, f"{view.host_scratch}/absent"),
    ):  # fmt: skip
        driver.fails(status, "create", "jail", "t2", "--directory", other)
    driver.ok("restart", "t1")
    view.do("/usr/sbin/jail", "-R", "t1")
    assert mounted_in(view, place)
    driver.ok("start", "t1")
    driver.ok("stop", "t1", "--force")
    assert not mounted_in(view, place)
    driver.ok("rename", "t1", "t2")
    driver.ok("start", "t2")
    assert view.jails()["t2"]["path"] == place
    driver.ok("destroy", "t2", "--yes", "--force")
    assert view.fs.read_text(f"{place}/etc/motd") == "mine\n"
    assert not mounted_in(view, place)


@scenario()
def what_the_user_mounted_in_it_stays(driver: Bsdvirt, view: HostView) -> None:
    place = f"{view.host_scratch}/jail"
    view.fs.mkdir(f"{place}/data")
    driver.ok("create", "jail", "t1", "--directory", place, *QUICK, "userland=none")
    view.do("/sbin/mount", "-t", "tmpfs", "tmpfs", f"{place}/data")
    try:
        driver.ok("start", "t1")
        driver.ok("stop", "t1")
        assert len(mounted_in(view, place)) == 1
        driver.ok("start", "t1")
        view.do("/usr/sbin/jail", "-R", "t1")
        driver.ok("doctor", "--repair")
        assert len(mounted_in(view, place)) == 1
    finally:
        view.do("/sbin/umount", f"{place}/data")
    view.fs.path(f"{place}/data").rmdir()
    view.fs.path(f"{place}/dev").rmdir()
    view.fs.path(place).rmdir()
    driver.fails(5, "start", "t1", says="does not exist")


@scenario()
def a_dataset_of_the_users(driver: Bsdvirt, view: HostView) -> None:
    dataset = f"{view.pool}/adopted-{view.root.rpartition('/')[2]}"
    view.do("/sbin/zfs", "create", dataset)
    place = view.run("/sbin/zfs", "get", "-Hp", "-o", "value", "mountpoint", dataset).stdout.strip()
    try:
        view.fs.mkdir(f"{place}/etc")
        words = ("create", "jail", "t1", "--dataset", dataset, *QUICK, "userland=none")
        assert dataset in driver.ok(*words).stdout
        driver.ok("start", "t1")
        assert view.jails()["t1"]["path"] == place
        driver.fails(4, "create", "jail", "t2", "--dataset", dataset, says="t1")
        driver.fails(3, "create", "jail", "t2", "--dataset", f"{view.pool}/nosuch")
        driver.fails(2, "create", "jail", "t2", "--dataset", view.root, says="belongs to bsdvirt")
        assert driver.json("info", "t1")["root_dataset"] == dataset
        driver.fails(2, "set", "t1", "quota=1G", says="quota")
        driver.fails(2, "create", "jail", "t2", "--directory", f"{view.host_scratch}", "quota=1G")
        driver.ok("stop", "t1")
        view.do("/sbin/zfs", "umount", dataset)
        driver.fails(5, "start", "t1", says="zfs mount")
        assert dataset in driver("doctor").stdout
        view.do("/sbin/zfs", "mount", dataset)
        driver.ok("start", "t1")
        driver.ok("destroy", "t1", "--yes", "--force")
        assert view.fs.is_dir(f"{place}/etc")
    finally:
        view.do("/sbin/zfs", "destroy", "-r", dataset)


@scenario(sim_only=True, each_release=True)
def a_linux_userland(driver: Bsdvirt, view: HostView) -> None:
    source = f"{view.host_scratch}/deb"
    for path in ("bin", "etc"):
        view.fs.mkdir(f"{source}/{path}")
    view.fs.write(f"{source}/bin/sh", "")
    driver.ok("create", "jail", "t1", "--linux", "--root-from", source, KEEP)
    created = view.everything()
    driver.ok("start", "t1")
    root = view.jail_root("t1")
    assert sorted(" ".join(line.split()[1:]) for line in mounted_in(view, root)) == [
        f"{root}/dev devfs", f"{root}/dev/fd fdescfs", f"{root}/dev/shm tmpfs",
        f"{root}/proc linprocfs", f"{root}/sys linsysfs",
    ]  # fmt: skip
    assert view.run("/sbin/sysctl", "-n", "kern.elf64.fallback_brand").stdout == "3\n"
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "t1\n"
    address = driver.json("ls")[0]["addresses"][0]
    assert address in driver.ok("exec", "t1", "--", "ifconfig").stdout
    assert "t1" in driver.ok("console", "t1", stdin="hostname\nexit\n").stdout
    driver.ok("stop", "t1")
    assert_same(created, view.everything())
    driver.ok("start", "t1")
    driver.ok("stop", "t1", "--force")
    assert_same(created, view.everything())
