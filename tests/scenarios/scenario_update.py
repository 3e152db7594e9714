"""Updates of releases: new jails get them, those that exist do not change."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView

from bsdvirt_sim.tools.freebsdupdate import Published, publish

KEEP = "resolver.mode=keep"


@scenario(sim_only=True, each_release=True)
def a_release_is_updated_for_new_jails(driver: Bsdvirt, view: HostView) -> None:
    assert driver.sim is not None
    (before,) = driver.json("release", "ls")
    name, patched = before["name"], f"{before['name']}-p3"
    assert before["version"] == name
    assert before["snapshots"] == ["base"]
    driver.ok("create", "jail", "t1", KEEP, "--start")
    shown = driver.ok("release", "update", "-n").stdout
    assert f"--currently-running {name} fetch" in shown
    assert "@pN" in shown
    assert driver.json("release", "ls")[0]["snapshots"] == ["base"]

    # freebsd-update(8) ends with status 1 for a release that is not supported any more.
    publish(driver.sim, name, Published(3, 1688083200, {"usr/bin/id": "fixed\n"}))
    updated = driver.ok("release", "update")
    assert f"{name}: updated to {patched}" in updated.stdout
    assert "not supported any more since 2023-06-30" in updated.stdout
    (after,) = driver.json("release", "ls")
    assert (after["version"], after["snapshots"]) == (patched, ["base", "p3"])
    assert "up to date" in driver.ok("release", "update", name).stdout
    assert driver.json("release", "ls")[0]["snapshots"] == ["base", "p3"]

    driver.ok("create", "jail", "t2", KEEP)
    driver.ok("create", "jail", "t3", KEEP, "--thick")
    files = {one: view.fs.read_text(f"{view.jail_root(one)}/usr/bin/id") for one in ("t1", "t2")}
    assert files["t2"] == "fixed\n" == view.fs.read_text(f"{view.jail_root('t3')}/usr/bin/id")
    assert files["t1"] != files["t2"]
    driver.fails(4, "release", "rm", name, says="t1")
    behind = driver.json("outdated")
    assert [(one["kind"], one["name"], one["version"], one["newest"]) for one in behind] == [
        ("release", name, patched, None),
        ("jail", "t1", name, patched),
        *(
            ("jail", one, version, None)
            for one, version in (("t1", name), ("t2", patched), ("t3", patched))
        ),
    ]
    driver.ok("destroy", "t1", "t2", "t3", "--yes", "--force")
    _renew(driver, name)


@scenario(sim_only=True)
def an_update_that_fails_leaves_the_release(driver: Bsdvirt, view: HostView) -> None:
    assert driver.sim is not None
    (before,) = driver.json("release", "ls")
    name = before["name"]
    directory = f"{view.mountpoint}/releases/{name}"
    was = view.fs.read_text(f"{directory}/bin/freebsd-version")
    publish(driver.sim, name, Published(4, broken=True))
    driver.fails(1, "release", "update", name, says="No space left on device")
    assert view.fs.read_text(f"{directory}/bin/freebsd-version") == was
    assert driver.json("release", "ls")[0]["snapshots"] == ["base"]
    driver.fails(3, "release", "update", "9.9-RELEASE", says="no release")
    conf = view.fs.path("/etc/freebsd-update.conf")
    text = conf.read_text()
    conf.write_text("ServerName update.FreeBSD.org\n")
    driver.fails(5, "release", "update", says="KeyPrint")
    conf.write_text(text)
    view.fs.rmtree(f"{view.mountpoint}/media/dist")


@scenario(sim_only=True)
def a_release_of_packages(driver: Bsdvirt, view: HostView) -> None:
    assert driver.sim is not None
    (release,) = driver.json("release", "ls")
    name = release["name"]
    driver.ok("release", "rm", name)
    driver.fails(2, "release", "fetch", "14.3", "--from", "pkgbase", says="15.0 on")
    driver.fails(5, "release", "fetch", "--from", "pkgbase", says="/usr/local/sbin/pkg")
    pkg = view.fs.path("/usr/local/sbin/pkg")
    pkg.parent.mkdir(parents=True)
    pkg.write_text("")
    driver.fails(5, "release", "fetch", "--from", "pkgbase", says="keys")
    keys = view.fs.path("/usr/share/keys/pkgbase-15/trusted")
    keys.mkdir(parents=True)
    (keys / "awskms-15").write_text("function: sha256\n")
    publish(driver.sim, name, Published(0))
    fetched = driver.ok("release", "fetch", "--from", "pkgbase", "--with", "lib32")
    assert f"{name}: added" in fetched.stdout
    assert driver.json("release", "ls")[0]["version"] == name
    driver.ok("create", "jail", "t1", KEEP, "--start")
    assert "up to date" in driver.ok("release", "update").stdout
    publish(driver.sim, name, Published(2, files={"usr/bin/id": "fixed\n"}))
    assert f"updated to {name}-p2" in driver.ok("release", "update").stdout
    assert driver.json("release", "ls")[0]["snapshots"] == ["base", "p2"]
    root = view.fs.path(f"{view.mountpoint}/releases/{name}")
    assert not list((root / "var/cache/pkg").iterdir())
    assert not (root / "var/db/pkg/repos").exists()
    driver.ok("upgrade", "t1", "--restart")
    assert view.fs.read_text(f"{view.jail_root('t1')}/usr/bin/id") == "fixed\n"
    publish(driver.sim, name, Published(3, broken=True))
    driver.fails(1, "release", "update", says="No space left on device")
    assert "-p2" in view.fs.read_text(f"{view.mountpoint}/releases/{name}/bin/freebsd-version")
    driver.ok("destroy", "t1", "--yes", "--force")
    for place in ("/usr/local/sbin", "/usr/share/keys", f"{view.mountpoint}/media/dist"):
        view.fs.rmtree(place)
    _renew(driver, name)


def _renew(driver: Bsdvirt, name: str) -> None:
    """Put the release as it was added in the place of the updated one."""
    driver.ok("release", "rm", name)
    driver.ok("release", "add", "/usr/freebsd-dist")
