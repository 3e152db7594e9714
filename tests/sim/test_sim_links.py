"""Links in the dataset of a guest that came from elsewhere: what they lead to stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView
from scenario_vm import SMALL, image

from bsdvirt.zfs.base import SWAP
from bsdvirt_sim.tools.freebsdupdate import Published, publish

CRON = "#!/bin/sh\n* * * * * root touch /pwned\n"


def _etc(view: HostView) -> tuple[Path, Path]:
    """Return a directory and a file of the host's."""
    directory, file = view.fs.path("/etc/cron.d"), view.fs.path("/etc/rc.conf")
    directory.mkdir(parents=True, exist_ok=True)
    file.touch()
    return directory, file


def test_a_new_seed_is_not_written_through_links() -> None:
    with sim_world() as (driver, view):
        directory, file = _etc(view)
        before = file.read_text()
        image(driver, view)
        driver.ok(
            "create", "vm", "vm", "--image", "gold", *SMALL, "cloud.system=linux", "cloud.user=al",
        )  # fmt: skip
        own = view.fs.path(view.guest_file("vm")).parent
        (own / "seed.new").symlink_to(directory)
        (own / "seed.iso.new").symlink_to(file)
        driver.ok("set", "vm", "cloud.user=", f"cloud.user_data={CRON}")
        driver.ok("start", "vm")
        driver.ok("stop", "vm", "--force")
        assert list(directory.iterdir()) == []
        assert file.read_text() == before
        assert "pwned" in (own / "seed/user-data").read_text()
        assert not (own / "seed.new").is_symlink()


def test_an_upgrade_does_not_work_in_a_directory_of_the_host() -> None:
    with sim_world() as (driver, view):
        directory, _ = _etc(view)
        _publish(driver, 1)
        driver.ok("create", "jail", "web", "resolver.mode=keep")
        _publish(driver, 2)
        own = view.fs.path(view.guest_file("web")).parent
        (own / "upgrade").symlink_to(directory)
        assert "upgraded" in driver.ok("upgrade", "web").stdout
        assert list(directory.iterdir()) == []
        assert not (own / "upgrade").is_symlink()


def _publish(driver: Bsdvirt, level: int) -> None:
    assert driver.sim is not None
    (release,) = driver.json("release", "ls")
    publish(driver.sim, release["name"], Published(level, files={"etc/sample.conf": f"{level}\n"}))
    driver.ok("release", "update", release["name"])


def test_no_volume_of_a_guest_becomes_swap_of_the_host() -> None:
    """rc.d/zvol takes each volume that says so, whoever has set it."""

    def named() -> set[str]:
        argv = ("/sbin/zfs", "get", "-Hp", "-r", "-s", "local,received", "-o", "name", SWAP, guests)
        return set(view.run(*argv).stdout.split())

    with sim_world() as (driver, view):
        guests = f"{view.root}/guests"
        driver.ok("create", "jail", "web", "datasets.d.mountpoint=/d", "--start")
        data = f"{guests}/web/d"
        view.do("/sbin/zfs", "create", "-s", "-V", "64M", f"{data}/v")
        view.do("/sbin/zfs", "set", f"{SWAP}=on", f"{data}/v")
        told = driver("doctor")
        assert f"{data}/v" in told.stdout
        assert "swap" in told.stdout
        driver.ok("stop", "web")
        assert named() == set()
        view.do("/sbin/zfs", "set", f"{SWAP}=on", data)
        driver("doctor", "--repair")
        assert named() == set()
        # A guest from elsewhere that is adopted.
        identity = view.run("/sbin/zfs", "get", "-Hp", "-o", "value", "bsdvirt:guest",
                            f"{guests}/web").stdout.strip()  # fmt: skip
        other = json.dumps(json.loads(identity) | {"host": "another"})
        view.do("/sbin/zfs", "set", f"bsdvirt:guest={other}", f"{guests}/web")
        view.do("/sbin/zfs", "set", f"{SWAP}=on", f"{data}/v")
        assert SWAP in json.dumps(driver.json("info", "web")["datasets"])
        driver.ok("adopt", "web", "--yes")
        assert named() == set()
