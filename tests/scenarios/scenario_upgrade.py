"""Upgrades of jails: a new root from the release, with what is the jail's own."""

from __future__ import annotations

from pathlib import Path

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView

from bsdvirt_sim.tools.freebsdupdate import Published, publish

KEEP = "resolver.mode=keep"
SAMPLE = "one\ntwo\nthree\nfour\nfive\n"


def _renew(driver: Bsdvirt, name: str) -> None:
    """Put the release as it was added in the place of the updated one."""
    driver.ok("release", "rm", name)
    driver.ok("release", "add", "/usr/freebsd-dist")


def _update(driver: Bsdvirt, name: str, level: int, **files: str) -> None:
    assert driver.sim is not None
    changed = {path.replace("__", "/").replace("_", "."): text for path, text in files.items()}
    publish(driver.sim, name, Published(level, files=changed))
    driver.ok("release", "update", name)


def _fill(root: Path) -> None:
    (root / "usr/local/bin").mkdir()
    (root / "usr/local/bin/nginx").write_text("nginx")
    (root / "home/alice").mkdir(parents=True)
    (root / "home/alice/.profile").write_text("alice")
    (root / "etc/rc.conf").write_text('nginx_enable="YES"\n')
    (root / "etc/motd.template").unlink()
    (root / "etc/sample.conf").write_text(SAMPLE.replace("one", "mine"))
    passwd = (root / "etc/master.passwd").read_text()
    alice = "alice:$6$x:1001:1001::0:0:Alice:/home/alice:/bin/sh\n"
    (root / "etc/master.passwd").write_text(passwd + alice)
    (root / "var/log/messages").write_text("booted\n")


@scenario(sim_only=True)
def a_jail_is_upgraded_and_returns(driver: Bsdvirt, view: HostView) -> None:
    (release,) = driver.json("release", "ls")
    name = release["name"]
    _update(driver, name, 1, etc__sample_conf=SAMPLE)
    driver.ok("create", "jail", "t1", KEEP, "quota=1G")
    root = view.fs.path(view.jail_root("t1"))
    _fill(root)
    assert "up to date" in driver.ok("upgrade", "t1").stdout
    passwd = (root / "etc/master.passwd").read_text().replace("/bin/csh", "/bin/sh")
    newer = passwd.replace("alice:$6$x:1001:1001::0:0:Alice:/home/alice:/bin/sh\n", "")
    _update(
        driver, name, 2, etc__sample_conf=SAMPLE + "six\n", usr__bin__id="new\n",
        etc__master_passwd=newer,
    )  # fmt: skip
    behind = driver.json("outdated")
    assert [(one["name"], one["command"]) for one in behind] == [("t1", "bsdvirt upgrade t1")]

    driver.ok("snapshot", "create", "t1@before")
    driver.ok("start", "t1")
    driver.fails(4, "upgrade", "t1", says="t1 is running")
    shown = driver.ok("upgrade", "t1", "--restart", "-n").stdout
    assert "zfs rename" in shown
    assert "jail -f" in shown
    upgraded = driver.ok("upgrade", "t1", "--restart")
    assert f"upgraded from {name}-p1 to {name}-p2" in upgraded.stdout
    assert "merged: /etc/master.passwd, /etc/sample.conf" in upgraded.stderr
    shown = driver.json("info", "t1")
    assert (shown["state"], shown["version"]) == ("running", f"{name}-p2")
    assert shown["old_root"].endswith("/guests/t1/root.old")
    root = view.fs.path(view.jail_root("t1"))
    assert (root / "usr/bin/id").read_text() == "new\n"
    assert (root / "usr/local/bin/nginx").read_text() == "nginx"
    assert (root / "home/alice/.profile").read_text() == "alice"
    assert (root / "etc/rc.conf").read_text() == 'nginx_enable="YES"\n'
    assert (root / "etc/sample.conf").read_text() == SAMPLE.replace("one", "mine") + "six\n"
    assert (root / "etc/master.passwd").read_text() == passwd
    assert "alice:*:1001" in (root / "etc/passwd").read_text()
    assert (root / "etc/spwd.db").stat().st_mode & 0o777 == 0o600
    assert not (root / "etc/motd.template").exists()
    assert driver.json("outdated") == []

    driver.ok("stop", "t1")
    for command in (("rollback", "t1@before", "--yes"), ("clone", "t1@before", "t3")):
        said = driver.fails(4, *command, says="was taken before an upgrade")
        assert "bsdvirt upgrade t1 --back" in said.stderr
    assert "up to date" in driver.ok("upgrade", "t1").stdout
    (root / "etc/rc.conf").write_text("later\n")
    assert "back to its root" in driver.ok("upgrade", "t1", "--back").stdout
    assert "p1" in view.fs.read_text(f"{view.jail_root('t1')}/bin/freebsd-version")
    assert 'nginx_enable="YES"' in view.fs.read_text(f"{view.jail_root('t1')}/etc/rc.conf")
    driver.fails(4, "upgrade", "t1", says="kept from an earlier upgrade")
    driver.ok("upgrade", "t1", "--back")
    assert view.fs.read_text(f"{view.jail_root('t1')}/etc/rc.conf") == "later\n"
    driver.fails(2, "upgrade", "t1", "--drop", says="--yes")
    driver.ok("upgrade", "t1", "--drop", "--yes")
    driver.fails(3, "upgrade", "t1", "--back", says="no root is kept")
    driver.ok("doctor")
    driver.ok("create", "jail", "t2", KEEP, "--empty")
    driver.fails(2, "upgrade", "t2", says="not from a release")
    assert driver.json("outdated") == []
    driver.ok("destroy", "t1", "t2", "--yes")
    _renew(driver, name)


@scenario(sim_only=True)
def conflicts_are_decided_by_the_user(driver: Bsdvirt, view: HostView) -> None:
    (release,) = driver.json("release", "ls")
    name = release["name"]
    _update(driver, name, 1, etc__sample_conf=SAMPLE)
    for jail in ("t1", "t2"):
        driver.ok("create", "jail", jail, KEEP, *(("--thick",) if jail == "t2" else ()))
        file = view.fs.path(f"{view.jail_root(jail)}/etc/sample.conf")
        file.write_text(SAMPLE.replace("two", "mine"))
    _update(driver, name, 2, etc__sample_conf=SAMPLE.replace("two", "theirs"))
    before = view.everything()
    said = driver.fails(4, "upgrade", "t1", says="/etc/sample.conf: changed by both at line 2")
    assert "--conflicts ours" in said.stderr
    assert view.everything() == before
    driver.ok("upgrade", "t1", "--conflicts", "ours")
    driver.ok("upgrade", "t2", "--conflicts", "theirs")
    assert "mine" in view.fs.read_text(f"{view.jail_root('t1')}/etc/sample.conf")
    assert "theirs" in view.fs.read_text(f"{view.jail_root('t2')}/etc/sample.conf")
    assert "p2" in view.fs.read_text(f"{view.jail_root('t2')}/bin/freebsd-version")
    driver.ok("start", "t1", "t2")
    driver.ok("destroy", "t1", "t2", "--yes", "--force")
    _renew(driver, name)


@scenario(sim_only=True)
def an_upgrade_follows_no_link_of_a_jail(driver: Bsdvirt, view: HostView) -> None:
    (release,) = driver.json("release", "ls")
    name = release["name"]
    driver.ok("create", "jail", "t1", KEEP)
    root = view.fs.path(view.jail_root("t1"))
    (root / "etc/master.passwd").unlink()
    (root / "etc/master.passwd").symlink_to("/etc/master.passwd")
    for file in (root / "etc/rc.d").iterdir():
        file.unlink()
    (root / "etc/rc.d").rmdir()
    (root / "etc/rc.d").symlink_to("/etc")
    (root / "usr/local/-C").write_text("a name that looks like an option")
    (root / "usr/local/line\nfeed").write_text("two lines")
    _update(driver, name, 1, usr__bin__id="new\n")
    etc = {path: path.read_bytes() for path in view.fs.path("/etc").iterdir() if path.is_file()}
    driver.ok("upgrade", "t1")
    assert etc == {path: path.read_bytes() for path in etc}
    root = view.fs.path(view.jail_root("t1"))
    assert (root / "etc/master.passwd").is_symlink()
    assert (root / "usr/local/-C").exists()
    assert (root / "usr/local/line\nfeed").exists()
    driver.ok("destroy", "t1", "--yes")
    _renew(driver, name)
