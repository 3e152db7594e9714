"""Objects of the host or of another jail in a guest's place: left alone, reported, refused."""

from __future__ import annotations

import threading

from scenario_driver import Bsdvirt, state
from scenario_hosts import scenario
from scenario_view import HostView, nothing_of

from bsdvirt_sim import SimHost

ZFS = "/sbin/zfs"
QUICK = ("resolver.mode=keep", "stack=inherit", "exec.start=")


def place_of(view: HostView, path: str) -> list[str]:
    """The sources of what is mounted at a path."""
    rows = (line.split(" ") for line in view.mounts())
    return [row[0] for row in rows if row[1] == path]


@scenario()
def datasets_that_the_host_mounts_in_a_root_stay(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", *QUICK)
    root = view.jail_root("t1")
    elsewhere, inherited = f"{view.pool}/tappdata", f"{view.root}/guests/t1/root/spool"
    view.do(ZFS, "create", "-p", "-o", f"mountpoint={root}/var/db/mysql", elsewhere)
    view.do(ZFS, "create", inherited)
    try:
        both = {f"{root}/var/db/mysql": [elsewhere], f"{root}/spool": [inherited]}
        said = driver.ok("doctor")
        assert elsewhere in said.stdout
        assert "umount" not in driver.ok("start", "t1", "--dry-run").stdout
        for words in (
            ("start", "t1"), ("doctor", "--repair"), ("restart", "t1"), ("stop", "t1"),
            ("start", "t1"), ("stop", "t1", "--force"), ("doctor", "--repair"),
        ):  # fmt: skip
            driver.ok(*words)
            assert {path: place_of(view, path) for path in both} == both, words
        driver.ok("start", "t1")
        view.do("/usr/sbin/jail", "-R", "t1")
        driver.ok("doctor", "--repair")
        assert {path: place_of(view, path) for path in both} == both
        with driver.faulty("fail:3"):
            assert driver("start", "t1").status != 0
        assert {path: place_of(view, path) for path in both} == both
        driver.fails(4, "destroy", "t1", "--yes", says="the host has mounted")
        driver.fails(4, "rename", "t1", "t2", says="the host has mounted")
        view.do(ZFS, "umount", elsewhere)
        driver.fails(4, "destroy", "t1", "--yes", says=inherited)
        assert "t1" in [row["name"] for row in driver.json("ls")]
        driver.ok("destroy", "t1", "--yes", "--force")
        assert elsewhere in view.run(ZFS, "list", "-Hp", "-o", "name").stdout.splitlines()
    finally:
        view.do(ZFS, "destroy", "-r", elsewhere)


@scenario()
def a_line_of_fstab_stays(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", *QUICK, "params.allow.mount=yes",
              "params.allow.mount.nullfs=yes", "params.enforce_statfs=1")  # fmt: skip
    root = view.jail_root("t1")
    (view.scratch / "data").mkdir(exist_ok=True)
    source = f"{view.host_scratch}/data"
    fstab = view.fs.path("/etc/fstab")
    before = fstab.read_text() if fstab.exists() else None
    view.fs.mkdir(f"{root}/srv")
    fstab.write_text((before or "") + f"{source}\t{root}/srv/\tnullfs\trw,late\t0\t0\n")
    try:
        driver.ok("start", "t1")
        # Mounted while the jail runs, of a kind that the jail itself may mount.
        view.do("/sbin/mount", "-t", "nullfs", source, f"{root}/srv")
        driver.ok("stop", "t1")
        assert place_of(view, f"{root}/srv") == [source]
        driver.ok("start", "t1")
        driver.ok("stop", "t1", "--force")
        assert place_of(view, f"{root}/srv") == [source]
        driver.fails(4, "destroy", "t1", "--yes", says=f"umount {root}/srv")
        view.do("/sbin/umount", f"{root}/srv")
        driver.ok("destroy", "t1", "--yes")
        assert not nothing_of(view, ["t1"])
    finally:
        if before is None:
            fstab.unlink()
        else:
            fstab.write_text(before)


@scenario()
def what_the_host_mounted_where_the_jail_mounts_refuses(driver: Bsdvirt, view: HostView) -> None:
    (view.scratch / "data").mkdir(exist_ok=True)
    source = f"{view.host_scratch}/data"
    driver.ok("create", "jail", "t1", *QUICK,
              f"mounts=[{{name: d, source: {source}, target: /opt/d}}]")  # fmt: skip
    root = view.jail_root("t1")
    view.fs.mkdir(f"{root}/opt/d")
    view.do("/sbin/mount", "-t", "tmpfs", "tmpfs", f"{root}/opt/d")
    driver.fails(4, "start", "t1", says=f"umount {root}/opt/d")
    assert place_of(view, f"{root}/opt/d") == ["tmpfs"]
    view.do("/sbin/umount", f"{root}/opt/d")
    driver.ok("start", "t1")
    driver.ok("set", "t1", "mounts=")
    # What the start mounted is known, whatever the file says since.
    view.do("/usr/sbin/jail", "-R", "t1")
    driver.ok("stop", "t1")
    assert place_of(view, f"{root}/opt/d") == []
    assert not nothing_of(view, ["t1"])


@scenario()
def a_root_in_which_another_jail_lives(driver: Bsdvirt, view: HostView) -> None:
    place = f"{view.host_scratch}/others"
    view.fs.mkdir(f"{place}/root/dev")
    view.fs.path(f"{place}/link").symlink_to(view.fs.path(f"{place}/root").name)

    def other(path: str) -> None:
        if isinstance(view.host, SimHost):
            view.host.settings.add_jail("ioc-foo", path)
        else:
            view.do("/usr/sbin/jail", "-c", "name=ioc-foo", f"path={path}", "persist")

    words = ("create", "jail", "t1", "--directory", f"{place}/root", *QUICK, "userland=none")
    for path in (f"{place}/root", place, f"{place}/root/dev", f"{place}/link/"):
        other(path)
        driver.fails(4, *words, says="ioc-foo")
        view.do("/usr/sbin/jail", "-r", "ioc-foo")
    driver.ok(*words)
    other(f"{place}/root")
    view.do("/sbin/mount", "-t", "devfs", "devfs", f"{place}/root/dev")
    try:
        failed = driver.fails(4, "start", "t1", says="jail -r ioc-foo")
        assert "the root of the running jail ioc-foo" in failed.stderr
        assert "ioc-foo" in driver("doctor").stdout
        driver("doctor", "--repair")
        driver("stop", "t1")
        driver.fails(4, "destroy", "t1", "--yes", says="ioc-foo")
        assert place_of(view, f"{place}/root/dev") == ["devfs"]
    finally:
        view.do("/usr/sbin/jail", "-r", "ioc-foo")
    view.do("/sbin/umount", f"{place}/root/dev")
    driver.ok("start", "t1")
    other(f"{place}/root/dev")
    try:
        driver.fails(4, "stop", "t1", says="ioc-foo")
        driver.ok("stop", "t1", "--force")
        assert place_of(view, f"{place}/root/dev") == ["devfs"]
    finally:
        view.do("/usr/sbin/jail", "-r", "ioc-foo")
    driver.ok("doctor", "--repair")
    assert place_of(view, f"{place}/root/dev") == []


@scenario(sim_only=True)
def a_jail_at_the_hosts_root_is_in_nobodys_way(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    view.host.settings.add_jail("svcj-sshd", "/")
    driver.ok("create", "jail", "t1", *QUICK)
    driver.ok("start", "t1")
    driver.ok("stop", "t1")
    view.do("/usr/sbin/jail", "-R", "svcj-sshd")


@scenario()
def a_running_guest_that_no_listing_shows_keeps_what_it_has(
    driver: Bsdvirt, view: HostView
) -> None:
    driver.ok("create", "jail", "t1", "t2", "resolver.mode=keep", "exec.start=", "--start")
    number = driver.json("info", "t1")["id"]
    dataset = f"{view.root}/guests/t1"
    shown = view.run(ZFS, "get", "-Hp", "-o", "value", "bsdvirt:guest", dataset).stdout.strip()
    before = view.interfaces(), view.mounts()
    view.do(ZFS, "inherit", "bsdvirt:guest", dataset)
    try:
        assert [row["name"] for row in driver.json("ls")] == ["t2"]
        planned = driver("doctor", "--repair", "--dry-run").stdout
        assert f"bv{number}n0" not in planned
        assert "umount" not in planned
        said = driver("doctor", "--repair").stdout
        assert "problem: t1: runs, but no guest of that name is listed" in said
        assert (view.interfaces(), view.mounts()) == before
    finally:
        view.do(ZFS, "set", f"bsdvirt:guest={shown}", dataset)
    driver.ok("doctor")
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario()
def a_repair_beside_starts_takes_nothing_from_them(driver: Bsdvirt, view: HostView) -> None:
    names = ("t1", "t2", "t3")
    driver.ok("create", "jail", *names, "resolver.mode=keep", "exec.start=")
    for _ in range(3):
        beside = threading.Thread(target=driver, args=("start", "--all"))
        beside.start()
        while beside.is_alive():
            driver("doctor", "--repair")
        beside.join()
        for name in names:
            if state(driver, name) != "running":
                driver.ok("start", name)
        faces = view.interfaces()
        for name in names:
            port = f"bv{driver.json('info', name)['id']}n0a"
            assert port in faces, name
            assert faces[port]["up"], name
        driver.ok("doctor")
        driver.ok("stop", *names)


@scenario()
def a_link_in_another_tools_jail_leads_no_mount_astray(driver: Bsdvirt, view: HostView) -> None:
    place = f"{view.host_scratch}/others"
    view.fs.mkdir(f"{place}/data")
    view.fs.path(f"{place}/bent").symlink_to("data")
    driver.ok("create", "jail", "t1", *QUICK,
              f"mounts=[{{name: d, source: {place}/bent, target: /opt/d}}]")  # fmt: skip
    if isinstance(view.host, SimHost):
        view.host.settings.add_jail("ioc-foo", place)
    else:
        view.do("/usr/sbin/jail", "-c", "name=ioc-foo", f"path={place}", "persist")
    try:
        driver.fails(5, "start", "t1", says="link")
    finally:
        view.do("/usr/sbin/jail", "-r", "ioc-foo")


@scenario(sim_only=True)
def a_host_that_was_updated_and_not_booted(driver: Bsdvirt, view: HostView) -> None:
    from bsdvirt_sim import SimHost

    assert isinstance(view.host, SimHost)
    settings = view.host.settings
    running = settings.release.kernel
    release = running.partition("-p")[0]
    settings.install(f"{release}-p9", f"{release}-p9")
    said = driver.ok("doctor").stdout
    assert f"{release}-p9 is installed, and {running} runs" in said
    settings.install(running, "99.0-RELEASE")
    assert f"99.0-RELEASE is newer than the running kernel {running}" in driver("doctor").stdout
    settings.install("", "")
    driver.ok("create", "jail", "t1")
    path = f"{view.jail_root('t1')}/bin/freebsd-version"
    text = view.fs.read_text(path)
    view.fs.write(path, text.replace(release, "99.0-RELEASE"), 0o555)
    started = driver.ok("start", "t1")
    assert "99.0-RELEASE is newer than this host's kernel" in started.stdout + started.stderr
    assert "newer" in driver.json("info", "t1")["differs"]
    assert "programs may fail" in driver("doctor").stdout
