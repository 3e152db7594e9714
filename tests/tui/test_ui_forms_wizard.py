"""The wizard: what is typed, what its review shows, and the guest that is created."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, cli, drive, made

from bsdvirt.cli.parser import parse
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.rows.host import NetworkRow
from bsdvirt.spec.sizes import VmSize
from bsdvirt.spec.types import Memory, Space
from bsdvirt.tui.forms.form import Form
from bsdvirt.tui.forms.known import Known, next_free, own_keys
from bsdvirt.tui.forms.wizard import wizard
from bsdvirt_sim import SimHost

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"
KNOWN = Known(guests={"web"}, images=["deb"], profiles=["debian-13"], free={"private": "10.77.0.9"})


def typed(values: dict[str, str], known: Known = KNOWN) -> Form:
    """Return the wizard with these values, as if typed one after the other."""
    form = wizard(known)
    for path, text in values.items():
        form.draft.set(path, text)
        assert form.anew is not None
        form.draft.sections = list(form.anew(form.draft))
    return form


def words(values: dict[str, str], known: Known = KNOWN) -> str:
    """Return the command for these values, which the command line takes."""
    form = typed(values, known)
    assert form.draft.problems() == {}
    order = form.order(form.draft).words
    parse((), order[0], order[1:])
    return " ".join(order)


def test_a_jail_of_its_name_alone() -> None:
    assert words({"kind": "jail", "name": "one"}) == "create jail one"


def test_everything_of_a_jail() -> None:
    values = {
        "kind": "jail", "name": "one", "release": "14.3-RELEASE", "limits.memoryuse": "2G",
        "cpuset": "0-1", "network": "lan\nprivate", "address": "10.9.0.5/24", "auto": "yes",
        "tags": "prod\nweb", "properties": "description=the web server\nallow.raw_sockets=true",
        "thick": "yes", "quota": "10G",
    }  # fmt: skip
    assert words(values) == (
        "create jail one limits.memoryuse=2G quota=10G description=the web server"
        " allow.raw_sockets=true --release 14.3-RELEASE --thick --cpuset 0-1"
        " --address 10.9.0.5/24 --autostart --tag prod --tag web --network lan --network private"
    )


def test_virtual_machines() -> None:
    vm = {"kind": "vm", "name": "v"}
    assert words(vm | {"image": "deb"}) == "create vm v --image deb"
    # An image that is missing is fetched.
    assert words(vm | {"image": "debian-13"}) == "create vm v --image debian-13 --fetch"
    assert words(vm | {"source": "empty", "disk": "40G", "bus": "nvme", "cpus": "4"}) == (
        "create vm v --cpus 4 --disk 40G --bus nvme"
    )
    installed = vm | {"source": "iso", "iso": "win.iso", "os": "windows", "size": "large"}
    assert words(installed) == "create vm v --iso win.iso --os windows --size large"
    more = {"source": "empty", "disks.add": "yes", "disks.disk1.size": "5G"}
    assert words(vm | more) == "create vm v disks.disk1.size=5G"
    keys = Known(images=["deb"], keys=[KEY])
    assert words(vm | {"image": "deb", "user": "me"}, keys) == (
        f"create vm v cloud.ssh_keys=[{KEY}] --user me --image deb"
    )


def test_the_size_profile_gives_the_defaults() -> None:
    sizes = {"small": VmSize(cpus=1, memory=Memory(2 << 30), disk=Space(20 << 30))}
    form = typed({"kind": "vm", "name": "v", "source": "empty"}, Known(sizes=sizes))
    size = next(one for one in form.draft.sections if one.title == "size")
    assert [field.default for field in size.fields[:3]] == ["1", "2G", "20G"]


def test_what_is_wrong_is_said_at_its_field() -> None:
    assert typed({"kind": "jail"}).draft.problems() == {"name": "it is missing"}
    problems = typed({"kind": "vm", "name": "web", "memory": "1Q", "properties": "x"})
    assert problems.draft.problems() == {
        "name": "there is a guest web already",
        "image": "it is missing",
        "memory": "'1Q' is not a size: write it as 512M, with K, M, G or T"
        " (Memory size, such as 512M or 4G.)",
        "properties": "'x' sets no property (write it as property=value)",
    }


def test_the_next_free_address() -> None:
    row = NetworkRow(
        name="n", state="up", addresses=["10.0.0.1/24"], pools=["10.0.0.1-10.0.0.9"],
        gateway="10.0.0.1",
    )  # fmt: skip
    assert next_free(row, {"10.0.0.2"}) == "10.0.0.3"
    assert next_free(row, {f"10.0.0.{n}" for n in range(10)}) == ""


def test_the_keys_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text(f"{KEY}\n")
    (tmp_path / "authorized_keys").write_text(f"# mine\n{KEY}\nnot a key\n")
    assert own_keys(tmp_path) == [KEY]


@SIZES
def test_a_virtual_machine_from_an_image_takes_few_keys(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """From the overview 7 keys, and its name and the image's: n v down down down ^s enter."""
    sim = with_image(tmp_path)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519.pub").write_text(KEY)

    async def flow(ui: Ui) -> None:
        await ui.sees(" web ")
        await ui.press("n")
        await ui.sees("Create a guest", "release")
        await ui.press("v", "down")
        await ui.sees("source", "image")
        await ui.type("cloud1")
        await ui.press("down", "down")
        await ui.type("deb")
        await ui.press("ctrl+s")
        await ui.sees("bsdvirt create vm cloud1 'cloud.ssh_keys=[ssh-ed25519", "--image deb")
        # The file first, then the commands.
        await ui.sees("kind: vm", "memory: 2G", "image: deb", "create and start")
        await ui.press("enter")
        await ui.until(lambda: "stopped" in ui.line(" cloud1 "), "it is not created")
        assert " vm " in ui.line(" cloud1 ")
        assert KEY in cli(sim, "get", "cloud1", "cloud.ssh_keys")

    drive(sim, flow, size=size)


def test_an_error_of_the_command_leads_back_with_what_was_typed(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees(" web ")
        await ui.press("n")
        await ui.sees("Create a guest")
        await ui.press("down")
        await ui.type("new")
        # Forward to the network, back, and forward again: nothing is lost.
        await ui.press("pagedown", "pagedown")
        await ui.press("down")
        await ui.sees("Next free: 10.77.0.6 on private")
        await ui.press("up")
        await ui.type("nowhere")
        await ui.press("pageup", "pagedown")
        await ui.sees("nowhere")
        await ui.press("ctrl+s")
        await ui.sees("bsdvirt create jail new --network nowhere", "no network nowhere")
        await ui.press("enter")
        await ui.sees("Create a guest", "no network nowhere", "new")
        await ui.press("pagedown", "pagedown")
        await ui.sees("nowhere")
        # Of what the host has, ^n puts the next in its place.
        await ui.sees("^n: private")
        await ui.press("ctrl+n", "ctrl+s")
        await ui.sees("bsdvirt create jail new --network private", "zfs clone")
        await ui.press("s")
        await ui.until(lambda: "running" in ui.line(" new "), "it does not run")

    drive(sim, flow)


def with_image(tmp_path: Path) -> Path:
    """Return a host with the image deb, for cloud-init."""
    sim = made(tmp_path)
    place = SimHost(str(sim), Interrupt()).fs.path("/tmp/deb.raw")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"\0" * (1 << 20))
    cli(sim, "image", "import", "--name", "deb", "--cloud-init", "--loader", "bhyveload",
        "--user", "debian", "/tmp/deb.raw")  # fmt: skip
    return sim
