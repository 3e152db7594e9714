"""References to a guest: updated by rename, shown by destroy, and no obstacle to other changes."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView

QUICK = ("--empty", "stack=none", "nics=")


@scenario()
def who_waits_for_a_guest_that_goes(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "db", "app", "other", *QUICK)
    driver.ok("set", "app", "boot.after=db,other")
    said = driver.ok("destroy", "db", "--yes").stderr
    assert "app waits for db at boot" in said
    assert "bsdvirt set app boot.after=other" in said
    assert "app: is to start after db at boot, which does not exist" in driver("doctor").stdout
    driver.ok("set", "app", "description=its own affair")
    driver.ok("set", "app", "boot.auto=yes")
    driver.fails(2, "set", "app", "boot.after=nobody", says="bsdvirt set app boot.after=")
    driver.ok("set", "app", "boot.after=other")
    assert "which does not exist" not in driver("doctor").stdout
    # One that goes together with it is not spoken of.
    assert "waits for" not in driver.ok("destroy", "app", "other", "--yes").stderr


@scenario()
def a_mount_of_another_guests_directory(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "db", "app", *QUICK)
    source = f"{view.jail_root('db')}/data"
    view.fs.mkdir(source)
    driver.ok("set", "app", f"mounts.d.source={source}", "mounts.d.target=/d")
    shown = driver.ok("rename", "db", "sql", "--dry-run").stdout
    moved = source.replace("/db/", "/sql/")
    command = f"bsdvirt set app mounts.d.source={moved}"
    assert command in shown
    assert command in driver.ok("rename", "db", "sql").stderr
    driver.ok("set", "app", "description=x")
    driver.ok(*command.split()[1:])
    driver.ok("start", "app")
    driver.ok("stop", "app", "--force")
    said = driver.ok("destroy", "sql", "--yes").stderr
    assert f"app has mounts.d.source={moved}" in said


@scenario()
def a_network_that_goes_by_a_guest(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "lab", "--address", "10.88.0.1/24")
    driver.ok("network", "set", "lab", "routes=[{to: 10.5.0.0/16, via: 10.88.0.5}]")
    driver.ok("create", "jail", "gw", "--empty", "--network", "lab", "--address", "10.88.0.5")
    assert (
        "network lab has routes=10.5.0.0/16 via 10.88.0.5"
        in driver.ok("destroy", "gw", "--yes").stderr
    )
