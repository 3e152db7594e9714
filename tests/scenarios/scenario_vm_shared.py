"""Resources that two virtual machines must not use at the same time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from scenario_driver import Bsdvirt, state
from scenario_hosts import scenario
from scenario_view import HostView
from scenario_vm import SMALL, finish, image

GUESTS = ("t1", "t2", "t3")


@contextlib.contextmanager
def machines(driver: Bsdvirt, view: HostView) -> Iterator[None]:
    """Three that boot, each with a file for a second disk: that of t3 by another name."""
    image(driver, view)
    (view.scratch / "raw.img").write_bytes(bytes(1 << 20))
    (view.scratch / "link.img").symlink_to("raw.img")
    for name in GUESTS:
        driver.ok("create", "vm", name, "--image", "gold", *SMALL)
        file = "link.img" if name == "t3" else "raw.img"
        driver.ok("disk", "add", name, "shared", "--path", f"{view.host_scratch}/{file}")
    yield
    finish(driver, *GUESTS)


def one_runs(driver: Bsdvirt, said: str) -> str:
    """The one of them that has come to run; the others say why not."""
    running = [name for name in GUESTS if state(driver, name) == "running"]
    assert len(running) == 1, said
    assert said.count(f"is in use by {running[0]}") == len(GUESTS) - 1, said
    return running[0]


@scenario()
def one_disk_is_one_guests_when_several_start(driver: Bsdvirt, view: HostView) -> None:
    with machines(driver, view):
        # In one command, in several, at boot, and one after the other.
        first = one_runs(driver, driver("start", *GUESTS).stderr)
        driver.ok("stop", "--force", first)
        results = driver.all_at_once(*(("start", name) for name in GUESTS))
        first = one_runs(driver, "".join(result.stderr for result in results))
        driver.ok("stop", "--force", first)
        driver.ok("set", *GUESTS, "boot.auto=yes")
        first = one_runs(driver, driver("boot", "start").stderr)
        for name in set(GUESTS) - {first}:
            driver.fails(4, "start", name, says=f"is in use by {first}")


@scenario()
def a_disk_that_none_writes_is_for_all(driver: Bsdvirt, view: HostView) -> None:
    with machines(driver, view):
        driver.ok("set", *GUESTS, "disks.shared.readonly=yes")
        driver.ok("start", *GUESTS)


@scenario()
def a_disk_in_a_jails_root_is_refused(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "jail", "tj")
    file = f"{view.jail_root('tj')}/disk.img"
    view.fs.write(file, "x" * 4096)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    driver.ok("disk", "add", "t1", "more", "--path", file)
    driver.fails(4, "start", "t1", says="in the root of the jail tj")
    finish(driver, "t1", "tj")


@scenario(sim_only=True)
def one_port_is_one_guests_when_several_start(driver: Bsdvirt, view: HostView) -> None:
    for file in ("BHYVE_UEFI_CODE.fd", "BHYVE_UEFI_VARS.fd"):
        view.fs.mkdir("/usr/local/share/uefi-firmware")
        view.fs.write(f"/usr/local/share/uefi-firmware/{file}", "code")
    for name in ("t1", "t2"):
        driver.ok("create", "vm", name, "--memory", "256M", "--disk", "64M")
        driver.ok("set", name, "vnc.enabled=yes", "vnc.port=5999")
    said = driver("start", "t1", "t2").stderr
    assert said.count("VNC port 5999 is taken by") == 1, said
    driver.ok("destroy", "t1", "t2", "--yes", "--force")
    view.fs.rmtree("/usr/local/share/uefi-firmware")


@scenario(sim_only=True)
def a_zvol_is_a_jails_or_a_machines(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "jail", "tj")
    volume = f"{view.root}/guests/tj/vol"
    view.do("/sbin/zfs", "create", "-s", "-V", "67108864", "-o", "volmode=dev", volume)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    driver.ok("disk", "add", "t1", "more", "--path", f"/dev/zvol/{volume}")
    driver.ok("start", "t1")
    driver.fails(4, "start", "tj", says="is in use by t1 as its disk")
    driver.ok("stop", "t1", "--force")
    driver.ok("start", "tj")
    driver.fails(4, "start", "t1", says="the jail tj, which runs, has it")
    driver.ok("stop", "tj")
    finish(driver, "t1", "tj")
