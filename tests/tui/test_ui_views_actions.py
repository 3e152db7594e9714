"""Actions on networks, pools, disks, releases and images."""

from __future__ import annotations

import json
from pathlib import Path

from test_ui_views import IFCONFIG, tool
from uitest import WIDE, Ui, cli, drive, made


def _network(sim: Path, name: str) -> str:
    return str(json.loads(cli(sim, "network", "info", name, "--json"))["state"])


def test_a_network_that_is_down_is_brought_up(tmp_path: Path) -> None:
    sim = made(tmp_path)
    cli(sim, "network", "create", "lab", "--address", "10.99.0.1/24")
    tool(sim, IFCONFIG, "bvbr1", "destroy")

    async def flow(ui: Ui) -> None:
        await ui.press("3")
        await ui.sees("bvbr1 does not exist")
        await ui.press("s")
        # The view is read again once the task has ended.
        await ui.until(lambda: " up " in ui.line(" lab "), "lab is not up")

    drive(sim, flow)
    assert _network(sim, "lab") == "up"


def test_a_network_in_use_says_so_before_it_is_destroyed(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("3")
        await ui.sees("10.77.0.3/24")
        await ui.press("enter")
        await ui.sees("network private", "pools", "10.77.0.2-10.77.0.254")
        # Four guests are on it: the first three are named.
        await ui.sees("Destroy (used by db, old, web and 1 more)", "Change")
        await ui.press("D")
        await ui.press("escape")
        await ui.sees("NETWORK")

    drive(sim, flow)
    assert _network(sim, "private") == "up"


def test_a_moved_address_is_confirmed(tmp_path: Path) -> None:
    sim = made(tmp_path)
    cli(sim, "network", "create", "lan", "--uplink", "vtnet0", "--take-address", "--within", "600")

    async def flow(ui: Ui) -> None:
        await ui.press("3")
        await ui.sees("unconfirmed", "bsdvirt network confirm lan")
        await ui.press("c")
        await ui.until(lambda: " up " in ui.line(" lan "), "it is not confirmed")

    drive(sim, flow)
    assert _network(sim, "lan") == "up"


def test_a_forwarded_port_is_ended(tmp_path: Path) -> None:
    sim = made(tmp_path, "expose", "web", "tcp:8080:80")

    async def flow(ui: Ui) -> None:
        await ui.press("3")
        await ui.sees("tcp:8080:80 web")
        await ui.press("end", "D")
        await ui.misses("tcp:8080:80 web")

    drive(sim, flow)
    assert json.loads(cli(sim, "expose", "--json")) == []


def test_the_first_pool_is_not_removed(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("4")
        await ui.sees("ONLINE")
        await ui.press("D")
        await ui.sees("the host file names it")

    drive(sim, flow)


def test_a_disk_is_grown_from_the_storage_view(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("4")
        await ui.sees(" win ")
        await ui.press("slash")
        await ui.type("disk0")
        await ui.press("enter", "down", "down")
        await ui.sees("zvol")
        await ui.press("e")
        await ui.type("2G")
        await ui.press("enter")
        await ui.until(lambda: " 2G " in ui.line(" disk0 "), "the disk was not grown")

    drive(sim, flow)


def test_an_image_that_can_be_fetched_says_what_it_is(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("5")
        await ui.sees("debian-12")
        await ui.press("down", "enter")
        await ui.sees("profile of an image debian-12", "https://", "Fetch")

    drive(sim, flow)


def test_a_guest_is_opened_from_its_network(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("3")
        await ui.sees("10.77.0.3/24")
        await ui.press("down", "down", "enter")
        await ui.sees("Summary", "zroot/bsdvirt/guests/db")
        # The detail stays with its guest where the cursor is on no other.
        await ui.press("up")
        await ui.sees("zroot/bsdvirt/guests/db")

    drive(sim, flow, size=WIDE)
