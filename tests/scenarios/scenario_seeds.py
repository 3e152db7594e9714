"""Seeds: all that a guest's file, its claims and its networks say reaches what reads it."""

from __future__ import annotations

from typing import Any

import yaml
from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView
from scenario_vm import finish, image

SMALL = ("--loader", "bhyveload", "--memory", "256M", "--disk", "512M", "--image", "gold")
HASH = "$6$saltsalt$" + "h" * 86


def seed(view: HostView, name: str) -> dict[str, Any]:
    place = f"/bsdvirt/guests/{name}/seed"
    files = {file: view.fs.read_text(f"{place}/{file}") for file in view.fs.listdir(place)}
    assert not any("\n---" in text for text in files.values())
    return {file: yaml.safe_load(text) for file, text in files.items()}


@scenario()
def every_address_and_route_is_in_the_seed(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    wanted = ("nics.0.aliases=10.77.0.50", "nics.0.routes.0.to=172.16.0.0/12",
              "nics.0.routes.0.via=10.77.0.8", f"cloud.password={HASH}")  # fmt: skip
    driver.ok("network", "set", "private", "routes=[{to: 10.5.0.0/16, via: 10.77.0.9}]")
    driver.ok(
        "create", "vm", "t_1", *SMALL, "cloud.system=linux", "hostname=a.example.org", *wanted
    )
    driver.ok("create", "vm", "t2", *SMALL, "cloud.system=freebsd", *wanted[1:])
    driver.ok("set", "t2", "nics.0.aliases=10.77.0.51")
    driver.ok("start", "t_1", "t2")
    entry = seed(view, "t_1")["network-config"]["ethernets"]["eth0"]
    assert "10.77.0.50/24" in entry["addresses"]
    assert [(route["to"], route["via"]) for route in entry["routes"]] == [
        ("0.0.0.0/0", "10.77.0.1"), ("172.16.0.0/12", "10.77.0.8"), ("10.5.0.0/16", "10.77.0.9"),
    ]  # fmt: skip
    assert seed(view, "t_1")["user-data"]["fqdn"] == "a.example.org"
    written = seed(view, "t2")["user-data"]["write_files"]
    text = "".join(file["content"] for file in written)
    assert 'ifconfig_vtnet0_aliases="inet 10.77.0.51/24"' in text
    assert "-net 172.16.0.0/12 10.77.0.8" in text
    assert "-net 10.5.0.0/16 10.77.0.9" in text
    for name, alias in (("t_1", "10.77.0.50/24"), ("t2", "10.77.0.51/24")):
        (told,) = driver.json("info", name)["installer"]["interfaces"]
        assert alias in told["addresses"]
        assert {"to": "10.5.0.0/16", "via": "10.77.0.9"} in told["routes"]
    driver.ok("network", "set", "private", "routes=[]")
    finish(driver, "t_1", "t2")


@scenario()
def what_a_seed_lacks_is_said(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    made = driver.ok("create", "vm", "t_1", *SMALL, "cloud.system=freebsd")
    assert "nobody" in made.stderr
    assert seed(view, "t_1")["meta-data"]["local-hostname"] == "t-1"
    assert "nobody" not in driver.ok("set", "t_1", f"cloud.password={HASH}").stderr
    assert "note" not in driver.ok("start", "t_1").stderr
    driver.ok("stop", "t_1", "--force")
    for told in (
        driver.ok("set", "t_1", "nics.0.address=10.77.0.77"), driver.ok("start", "t_1")
    ):  # fmt: skip
        assert "/firstboot" in told.stderr
    driver.fails(
        2, "set", "t_1", "cloud.password=", "cloud.user_data=#cloud-config", "hostname=a_b"
    )
    driver.fails(2, "create", "vm", "t2", *SMALL, "hostname=t2.example.org", says="cloud")
    finish(driver, "t_1")


@scenario()
def freebsd_is_told_its_network_whatever_its_user_data(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    script = view.scratch / "script"
    script.write_text("#!/bin/sh\ntouch /done\n", encoding="utf-8")
    data = view.scratch / "data"
    data.write_text("#cloud-config\npackages: [nginx]\n", encoding="utf-8")
    system = "cloud.system=freebsd"
    driver.ok("create", "vm", "t1", *SMALL, system, "--user-data", f"{view.host_scratch}/script")
    told = driver.ok(
        "create", "vm", "t2", *SMALL, system, "--user-data", f"{view.host_scratch}/data"
    )
    assert "names no users" in told.stderr
    for name in ("t1", "t2"):
        found = seed(view, name)
        assert found["user-data"]["network"] == found["network-config"]
    assert seed(view, "t1")["user-data"]["runcmd"]
    assert seed(view, "t2")["user-data"]["users"] == []
    finish(driver, "t1", "t2")


@scenario()
def a_virtual_machine_asks_for_its_address(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", *SMALL, "cloud.system=linux", "--address", "dhcp",
              f"cloud.password={HASH}")  # fmt: skip
    assert seed(view, "t1")["network-config"]["ethernets"]["eth0"]["dhcp4"] is True
    assert driver.json("nic", "ls", "t1")[0]["address"] is None
    started = driver.ok("start", "t1").stdout
    assert "started" in started
    assert "10.77" not in started
    driver.ok("stop", "t1", "--force")
    ready = ("nics.0.address6=slaac", "boot.ready=tcp:22")
    driver.fails(2, "set", "t1", *ready, says="its address is not known")
    driver.ok("set", "t1", *ready, "nics.0.address=pool")
    assert driver.json("nic", "ls", "t1")[0]["address"].startswith("10.77.0.")
    driver.fails(2, "create", "jail", "t2", "--address", "dhcpd")
    finish(driver, "t1")


@scenario(sim_only=True)
def doctor_says_who_is_told_no_name_server(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    before = view.fs.read_text("/etc/resolv.conf")
    view.fs.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    made = driver.ok("create", "vm", "t1", *SMALL, "cloud.system=linux", f"cloud.password={HASH}")
    assert "cloud.dns=ADDRESS" in made.stderr
    assert "no name server" in driver("doctor").stdout
    driver.ok("set", "t1", "cloud.dns=9.9.9.9")
    assert "no name server" not in driver("doctor").stdout
    view.fs.write("/etc/resolv.conf", before)
    finish(driver, "t1")
