"""Mounts of jails: mounted before their first command, unmounted after the last."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of

KINDS = {"t": "tmpfs", "p": "procfs", "f": "fdescfs", "lp": "linprocfs", "ls": "linsysfs"}


def shared(view: HostView, name: str = "shared") -> str:
    """A directory of the host with a file in it."""
    (view.scratch / name).mkdir(exist_ok=True)
    (view.scratch / name / "file").write_text(f"of {name}\n")
    return f"{view.host_scratch}/{name}"


def mounted(view: HostView, name: str) -> dict[str, str]:
    """What is mounted in a jail's root: the place, and its kind."""
    root = view.jail_root(name)
    rows = (line.split(" ") for line in view.mounts())
    return {row[1][len(root) :]: row[2] for row in rows if row[1].startswith(root + "/")}


@scenario()
def a_directory_of_the_host_is_in_the_jail(driver: Bsdvirt, view: HostView) -> None:
    source = shared(view)
    inner = shared(view, "inner")
    (view.scratch / "shared/in").mkdir()
    driver.ok(
        "create", "jail", "t1",
        f"mounts=[{{name: in, source: {inner}, target: /opt/data/in, readonly: yes}},"
        f" {{name: data, source: {source}, target: /opt/data}}]",
    )  # fmt: skip
    before = view.everything()
    assert "/opt/data" in driver.ok("start", "t1", "--dry-run").stdout
    assert_same(before, view.everything())
    driver.ok("start", "t1")
    assert mounted(view, "t1") == {"/opt/data": "nullfs", "/opt/data/in": "nullfs", "/dev": "devfs"}
    assert driver.ok("exec", "t1", "--", "cat", "/opt/data/file").stdout == "of shared\n"
    assert driver.ok("exec", "t1", "--", "cat", "/opt/data/in/file").stdout == "of inner\n"
    driver.ok("restart", "t1")
    assert len(mounted(view, "t1")) == 3
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])
    driver.ok("start", "t1")
    driver.ok("destroy", "t1", "--yes", "--force")
    assert (view.scratch / "shared/file").read_text() == "of shared\n"
    source = shared(view, "with a blank")
    driver.ok("create", "jail", "t1", f"mounts=[{{name: b, source: {source}, target: /opt/a b}}]")
    driver.ok("start", "t1")
    assert driver.json("mount", "t1")[0]["mounted"] is True
    view.do("/usr/sbin/jail", "-R", "t1")
    assert "opt/a b" in view.run("/sbin/mount", "-p").stdout
    driver.ok("start", "t1")
    driver.ok("stop", "t1", "--force")
    assert "opt/a b" not in view.run("/sbin/mount", "-p").stdout


@scenario(each_release=True)
def every_kind_is_mounted_and_gone_again(driver: Bsdvirt, view: HostView) -> None:
    driver.ok(
        "create", "jail", "t1",
        "mounts=[{name: t, type: tmpfs, target: /mnt, size: 8M, mode: 1777, options: [nosuid]},"
        " {name: p, type: procfs}, {name: f, type: fdescfs}, {name: lp, type: linprocfs},"
        " {name: ls, type: linsysfs}]",
    )  # fmt: skip
    driver.ok("start", "t1")
    assert mounted(view, "t1") == {
        "/mnt": "tmpfs", "/proc": "procfs", "/dev": "devfs", "/dev/fd": "fdescfs",
        "/compat/linux/proc": "linprocfs", "/compat/linux/sys": "linsysfs",
    }  # fmt: skip
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])
    driver.ok("start", "t1")
    driver.ok("stop", "t1", "--force")
    assert not nothing_of(view, ["t1"])


@scenario()
def a_mount_that_cannot_be_refuses_the_start(driver: Bsdvirt, view: HostView) -> None:
    source = shared(view)
    driver.ok("create", "jail", "t1", f"mounts=[{{name: d, source: {source}, target: /opt/d}}]")
    driver.ok("set", "t1", "resolver.mode=keep")
    (view.scratch / "shared/file").unlink()
    (view.scratch / "shared").rmdir()
    before = view.everything()
    driver.fails(5, "start", "t1", says="does not exist (make it")
    (view.scratch / "shared").write_text("")
    view.fs.mkdir(f"{view.jail_root('t1')}/opt/d")
    driver.fails(5, "start", "t1", says="but the source is")
    view.fs.rmtree(f"{view.jail_root('t1')}/opt")
    (view.scratch / "shared").unlink()
    shared(view)
    # What the jail's administrator might do: lead a mount of the host's elsewhere.
    opt = view.fs.path(view.jail_root("t1")) / "opt"
    opt.symlink_to("/etc")
    driver.fails(5, "start", "t1", says="link")
    opt.unlink()
    driver.ok("start", "t1")
    driver.ok("stop", "t1")
    opt.joinpath("d").rmdir()
    opt.rmdir()
    assert_same(before, view.everything())


@scenario()
def a_mount_from_another_guest_follows_no_link(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2")
    data = view.fs.path(view.jail_root("t1")) / "data"
    data.symlink_to("/etc")
    driver.ok(
        "set", "t2", f"mounts=[{{name: d, source: {view.jail_root('t1')}/data, target: /mnt}}]"
    )
    driver.fails(5, "start", "t2", says="link")
    data.unlink()
    data.mkdir()
    driver.ok("start", "t2")
    assert mounted(view, "t2")["/mnt"] == "nullfs"
    before = view.everything()
    driver.fails(4, "destroy", "t1", "--yes", "--force", says="which is t1's, is mounted at")
    assert_same(before, view.everything())


@scenario()
def mounts_that_contradict_each_other_are_refused(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1")
    before = view.everything()
    for words, says in {
        "{name: a}": "nullfs needs",
        "{name: a, source: relative}": "absolute path",
        "{name: a, source: /srv/../etc}": "absolute path",
        "{name: a, source: /srv, target: /dev/x}": "hidden by the jail's own /dev",
        "{name: a, source: /srv, size: 1M}": "only tmpfs",
        "{name: a, source: /srv}, {name: a, source: /mnt}": "twice",
        "{name: a, source: /srv}, {name: b, source: /mnt, target: /srv}": "also the target of a",
        "{name: a, type: tmpfs, target: /tmp}, {name: b, source: /mnt, target: /tmp/x}": "no such",
        "{name: a, type: tmpfs, target: /tmp, mode: rwx}": "mode",
        "{name: a, type: procfs, source: /proc}": "does not take one",
        "{name: a, type: ext2fs, target: /mnt}": "nullfs",
    }.items():
        driver.fails(2, "set", "t1", f"mounts=[{words}]", says=says)
    assert_same(before, view.everything())


@scenario()
def a_destroy_touches_no_file_of_what_is_mounted(driver: Bsdvirt, view: HostView) -> None:
    """Whatever was mounted, by whom and when: in its root, and in the place of its logs."""
    source = shared(view)
    driver.ok("create", "jail", "t1", f"mounts=[{{name: d, source: {source}, target: /opt/d}}]")
    driver.ok("start", "t1")
    view.fs.path(f"{view.jail_root('t1')}/mine").mkdir()
    mine = f"{view.jail_root('t1')}/mine"
    view.do("/sbin/mount", "-t", "nullfs", source, mine)
    driver.fails(4, "destroy", "t1", "--yes", "--force", says=f"umount {mine}")
    view.do("/sbin/umount", mine)
    driver.ok("destroy", "t1", "--yes", "--force")
    assert (view.scratch / "shared/file").read_text() == "of shared\n"
    driver.ok("create", "jail", "t1", "--start")
    driver.ok("stop", "t1")
    view.fs.path(f"{view.jail_root('t1')}/mine").mkdir()
    view.do("/sbin/mount", "-t", "nullfs", source, mine)
    driver.fails(4, "destroy", "t1", "--yes", says=f"umount {mine}")
    view.do("/sbin/umount", mine)
    driver.ok("destroy", "t1", "--yes")
    assert (view.scratch / "shared/file").read_text() == "of shared\n"


@scenario()
def mount_and_unmount_by_their_verbs(driver: Bsdvirt, view: HostView) -> None:
    source = shared(view)
    driver.ok("create", "jail", "t1")
    driver.ok("mount", "t1", f"{source}:/opt/d", "--ro")
    driver.ok("mount", "t1", f"{source}:/srv/d")
    driver.fails(4, "mount", "t1", f"{source}:/srv/d", says="also the target of d2")
    driver.fails(
        5, "mount", "t1", f"{source}/none", says="neither a directory nor a file of the host"
    )
    driver.fails(4, "mount", "t1", "relative", says="absolute path")
    assert driver.json("get", "t1", "mounts.d.readonly", "mounts.d2.target") == {
        "mounts.d.readonly": True, "mounts.d2.target": "/srv/d",
    }  # fmt: skip
    rows = driver.json("mount", "t1")
    assert [(row["name"], row["target"], row["mounted"]) for row in rows] == [
        ("d", "/opt/d", False), ("d2", "/srv/d", False),
    ]  # fmt: skip
    driver.ok("start", "t1")
    shown = driver.ok("mount", "t1", "-H").lines
    assert f"d\tnullfs\t{source}\t/opt/d\tyes\tyes" in shown
    assert any("devfs" in line and "/dev" in line for line in shown)
    said = driver.ok("unmount", "t1", "d2")
    assert "next start" in said.stdout + said.stderr
    driver.ok("unmount", "t1", "/opt/d")
    driver.fails(3, "unmount", "t1", "d", says="no mount d")
    driver.ok("restart", "t1")
    assert mounted(view, "t1") == {"/dev": "devfs"}


@scenario()
def one_file_of_the_hosts(driver: Bsdvirt, view: HostView) -> None:
    source = f"{view.host_scratch}/cert.pem"
    view.fs.write(source, "a certificate\n")
    driver.ok("create", "jail", "t1", "resolver.mode=keep")
    driver.ok("mount", "t1", f"{source}:/etc/ssl/own/cert.pem", "--ro")
    driver.ok("start", "t1")
    place = f"{view.jail_root('t1')}/etc/ssl/own/cert.pem"
    assert f"{source} {place} nullfs" in view.mounts()
    driver.ok("stop", "t1")
    assert not any(place in line for line in view.mounts())
    assert view.fs.read_text(source) == "a certificate\n"
    # What is of another kind is not mounted on, nor taken away.
    view.fs.unlink(place)
    view.fs.mkdir(place)
    driver.fails(5, "start", "t1", says="is not a plain file, but the source is")
    assert view.fs.is_dir(place)
    view.fs.rmtree(place)
    driver.ok("set", "t1", "mounts.certpem.target=/nowhere/cert.pem", "exec.start=false")
    driver.fails(1, "start", "t1")
    assert not view.fs.exists(f"{view.jail_root('t1')}/nowhere")


@scenario()
def what_linux_programs_in_a_freebsd_jail_see(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "resolver.mode=keep")
    driver.fails(2, "set", "t1", "mounts.fd.type=fdescfs", "mounts.fd.options=linrdlnk",
                 says="linrdlnk")  # fmt: skip
    driver.ok("set", "t1", "mounts.ld.type=devfs", "mounts.lf.type=fdescfs",
              "mounts.lf.target=/compat/linux/dev/fd", "mounts.lf.options=linrdlnk")  # fmt: skip
    driver.ok("start", "t1")
    root = view.jail_root("t1")
    kinds = {"/dev": "devfs", "/compat/linux/dev": "devfs", "/compat/linux/dev/fd": "fdescfs"}
    assert mounted(view, "t1") == kinds
    shown = driver.ok("start", "t1", "--dry-run").stdout
    assert "already running" in shown
    driver.ok("stop", "t1")
    assert not any(root + "/" in line for line in view.mounts())
    text = driver.ok("start", "t1", "--dry-run").stdout
    assert f"devfs {root}/compat/linux/dev devfs rw,ruleset=5" in text
    assert f"fdescfs {root}/compat/linux/dev/fd fdescfs rw,linrdlnk" in text
