"""What the documentation has people type works: the recipes, and every example of the manual."""

from __future__ import annotations

import os
import re
import shlex
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from scenario_driver import REPOSITORY
from scenario_hosts import sim_world
from scenario_view import ETC, HostView

from bsdvirt_sim import SimHost
from bsdvirt_sim.releases import chosen
from bsdvirt_sim.tools.freebsdupdate import Published, publish

DOCS, MAN = REPOSITORY / "docs", REPOSITORY / "man"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
LITERAL = re.compile(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", re.MULTILINE | re.DOTALL)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
NIC = "vtnet0"
"""The only interface of the simulated host; the documentation has em0."""


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each block, with the heading that it stands under."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        headings = HEADING.findall(text[: found.start()])
        yield headings[-1], found[1]


CASES = [pytest.param(block, id=title) for title, block in blocks(DOCS / "networking.md")]


def add_interfaces(host: SimHost) -> None:
    """Give the host what the examples take for granted."""
    for number in (1, 2):
        host.settings.add_interface(f"em{number}", f"58:9c:fc:10:20:3{number}")
    host.run(("/sbin/ifconfig", "bridge0", "create"), changes=True)


@pytest.mark.parametrize("block", CASES)
def test_a_recipe_works(block: str) -> None:
    with sim_world() as (driver, _):
        add_interfaces(SimHost(driver.sim or ""))
        for line in block.splitlines():
            words = shlex.split(line.replace("em0", NIC))
            assert words[0] == "bsdvirt", line
            driver.ok(*words[1:])


def literals(page: str, section: str = "") -> list[str]:
    """Return the literal blocks of a manual page, or of a section of it, as they are read."""
    text = (MAN / page).read_text(encoding="utf-8")
    if section:
        text = text.partition(f".Sh {section}\n")[2].partition("\n.Sh ")[0]
    return [block.replace("\\e", "\\") for block in LITERAL.findall(text)]


def commands(block: str) -> Iterator[list[str]]:
    """Yield the commands of a block: lines that begin with bsdvirt, as root or not."""
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("# "))
        if words[0] == "bsdvirt":
            yield words[1:]


SUPPORTED = 2000000000
"""When support of the simulated release ends."""
TYPED = {"console": "hostname\nexit\n"}
ENDS: dict[tuple[str, ...], int] = {
    ("pkg", "web"): 127,
    ("service", "web"): 1,
    ("image", "fetch"): 5,
}
"""A simulated jail has no packages, as its shell says; a simulated host fetches nothing from
outside."""


def prepare(view: HostView) -> None:
    """Put on the host what the examples name, and bsdvirt does not make."""
    here = str(REPOSITORY)
    for directory in ("/srv/data", "/backup", "/root/.ssh", "/usr/src", here):
        view.fs.mkdir(directory)
    view.fs.write(f"{here}/nginx.conf", "events {}\n")
    view.fs.write("/root/.ssh/id_ed25519.pub", f"{KEY} root@host\n")
    view.fs.path(f"{here}/debian.iso").write_bytes(b"\0" * 32768 + b"\1CD001" + b"\0" * 2048)
    view.fs.path("/freebsd.raw").write_bytes(b"\xeb\x3c\x90" + os.urandom(4096))


def test_the_examples_of_bsdvirt_8_work() -> None:
    """In their order, on one host: it is set up by the first, and is as it was after the last."""
    examples = [words for block in literals("bsdvirt.8", "EXAMPLES") for words in commands(block)]
    assert len(examples) > 60
    with sim_world(bare=True) as (driver, view), sim_world() as (other, _):
        assert isinstance(view.host, SimHost)
        assert driver.sim is not None
        add_interfaces(view.host)
        prepare(view)
        view.host.settings.set_peer("backup1", str(other.sim))
        SimHost(other.sim or "").settings.set_sysctl("kern.hostuuid", str(uuid.uuid4()))
        publish(driver.sim, chosen().dist, Published(3, SUPPORTED, {"usr/bin/id": "fixed\n"}))
        for words in examples:
            done = driver(*words, stdin=TYPED.get(words[0], ""))
            assert done.status == ENDS.get(tuple(words[:2]), 0), done
            if words[0] == "pkg":
                view.fs.mkdir(f"{view.jail_root('web')}/usr/local/etc/nginx")
            if words[:2] == ["image", "fetch"]:
                driver.ok("image", "import", "/freebsd.raw", "--name", words[2], "--cloud-init")
        assert not view.fs.exists(f"{ETC}/bsdvirt.yaml")


SECTIONS = ("SNAPSHOTS BY SCHEDULE", "MOUNTS AND DATA", "POOLS")


@pytest.mark.parametrize("section", SECTIONS)
def test_the_commands_in_a_section_of_bsdvirt_8_work(section: str) -> None:
    with sim_world() as (driver, view):
        assert isinstance(view.host, SimHost)
        prepare(view)
        view.host.settings.add_pool("tank2", 10 << 30)
        found = [words for block in literals("bsdvirt.8", section) for words in commands(block)]
        assert found
        if section != "POOLS":
            driver.ok("create", "jail", "web", "--start")
        for words in found:
            driver.ok(*words)


ELSEWHERE = {"RECORDED USAGE": "test_sim_history.py::test_the_past_is_drawn_and_given_to_scripts"}
"""Sections whose commands are run by other tests, which make what they show."""


def test_no_command_of_bsdvirt_8_is_left_out() -> None:
    """Each block of commands is in a section that a test runs."""
    every = [block for block in literals("bsdvirt.8") if [*commands(block)]]
    sections = (*SECTIONS, "EXAMPLES", *ELSEWHERE)
    run = [one for section in sections for one in literals("bsdvirt.8", section)]
    assert not [one for one in every if one not in run], "add the section to SECTIONS"
    for test in ELSEWHERE.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (Path(__file__).parent / file).read_text(encoding="utf-8")


def test_guests_can_have_the_files_in_the_manual(tmp_path: Path) -> None:
    """The examples of bsdvirt-guest(5), by `edit`."""
    jail, vm = literals("bsdvirt-guest.5", "EXAMPLES")
    with sim_world() as (driver, _):
        driver.ok("network", "create", "lan", "--address", "192.168.1.1/24")
        driver.ok("create", "jail", "web")
        driver.ok("create", "vm", "db")
        for name, text in (("web", jail), ("db", vm)):
            (tmp_path / name).write_text(text, encoding="utf-8")
            env = {"VISUAL": shlex.join(("cp", str(tmp_path / name)))}
            assert (done := driver("edit", name, "--yes", env=env)).status == 0, done
        driver.ok("start", "web")
        assert driver.json("limits", "web")[0]["resource"]
        assert [disk["bus"] for disk in driver.json("disk", "ls", "db")] == ["virtio", "nvme"]


def test_a_network_can_have_the_file_in_the_manual() -> None:
    """The examples of bsdvirt-network(5): their files are written, and brought up."""
    with sim_world() as (driver, view):
        assert isinstance(view.host, SimHost)
        add_interfaces(view.host)
        for name, text in zip("ab", literals("bsdvirt-network.5", "EXAMPLES"), strict=True):
            view.fs.write(f"{ETC}/networks/{name}.yaml", text)
        driver.ok("boot", "network")
        states = {row["name"]: row["state"] for row in driver.json("network", "ls")}
        assert states == {"a": "up", "b": "up", "private": "up"}
        driver.ok("create", "jail", "web", "--network", "a", "--network", "b", "--start")
        assert driver.json("ls", "web")[0]["addresses"] == ["10.88.0.10", "192.168.20.100"]


def test_image_profiles_and_sizes_can_have_the_files_in_the_manual() -> None:
    profile, sizes = literals("bsdvirt.yaml.5", "EXAMPLES")
    with sim_world() as (driver, view):
        view.fs.mkdir(f"{ETC}/images")
        view.fs.write(f"{ETC}/images/app.yaml", profile)
        view.fs.write(f"{ETC}/sizes.yaml", sizes)
        (app,) = [row for row in driver.json("image", "profiles") if row["name"] == "app"]
        assert app["system"] == "linux"
        driver.ok("create", "vm", "vm", "--size", "tiny", "--loader", "bhyveload")
        assert driver.ok("get", "vm", "memory").stdout.strip().endswith("512M")


def test_the_first_steps_of_the_readme_work() -> None:
    """Those of "Start" and of "What it touches on the host", from a bare host to a bare host."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    text = text.partition("## Start\n")[2].partition("## Reporting")[0]
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    steps = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("bsdvirt ")]
    assert len(steps) > 6
    with sim_world(bare=True) as (driver, view):
        prepare(view)
        view.fs.mkdir(str(Path.home() / ".ssh"))
        view.fs.write(str(Path.home() / ".ssh/id_ed25519.pub"), f"{KEY} root@host\n")
        for words in steps:
            if words[:2] == ["--sim", "DIR"]:
                continue
            if "--image" in words:
                name = words[words.index("--image") + 1]
                options = ("--name", name, "--loader", "bhyveload", "--cloud-init")
                driver.ok("image", "import", "/freebsd.raw", *options)
            words = [one.replace("~", str(Path.home())) for one in words]
            if words == ["uninit", "-n"]:
                driver.fails(4, *words, says="--destroy-guests")
                continue
            if words[0] == "uninit":
                words.append("--yes")
            driver.ok(*words, stdin=TYPED.get(words[0], ""))
        assert not view.fs.exists(f"{ETC}/bsdvirt.yaml")
