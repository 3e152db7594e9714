"""Forms of networks, releases, media: what is typed is checked, shown as a command, and run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, bare, cli, drive, made

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import Desk
from bsdvirt.tui.forms.open import open_form, open_property_form
from bsdvirt.tui.forms.screens.form import PAUSE

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])
Flow = Callable[[Ui], Awaitable[None]]


def desk(ui: Ui) -> Desk:
    return ui.app


def file_of(sim: Path, name: str) -> str:
    """Return the text of a guest's file."""
    (file,) = sim.rglob(f"guests/{name}/guest.yaml")
    return file.read_text()


async def cursor_on(ui: Ui, name: str) -> None:
    """Go to a guest in the overview."""
    await ui.sees(f" {name} ")
    while not ui.app.main.current() or ui.app.main.current()[0].name != name:
        await ui.press("down")


def test_a_network_is_created(tmp_path: Path) -> None:
    sim = bare(tmp_path)

    async def flow(ui: Ui) -> None:
        open_form(desk(ui), "network create", Subject("", "network", ""))
        await ui.sees("Create a network", "addresses", "gateway6")
        await ui.type("Lan")
        # The message is the command line's own, beside the field and in full below.
        await ui.sees("'Lan' is not a name: it is a lower-case letter")
        await ui.press("home", "delete")
        await ui.type("l")
        await ui.misses("is not a name")
        await ui.press("down", "down")
        # The host's interfaces, without bsdvirt's own bridges.
        await ui.until(lambda: ui.line("^n: ").strip() == "^n: vtnet0", "no interfaces")
        await ui.press(*["down"] * 3)
        assert "Translate guests' addresses" in ui.screen
        await ui.press("right", "down")
        await ui.type("10.9.0.1/24")
        await ui.press("ctrl+s")
        await ui.sees("bsdvirt network create lan nat=yes addresses=10.9.0.1/24", "ifconfig")
        await ui.press("enter")
        await ui.until(lambda: list(sim.rglob("networks/lan.yaml")), "no network lan")
        assert '"nat": "active"' in cli(sim, "network", "info", "lan", "--json")

    drive(sim, flow)


@SIZES
def test_a_guest_is_edited_in_a_form(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await cursor_on(ui, "web")
        await ui.press("e")
        await ui.sees("Edit web", "limits", "hooks.snapshotting", "release")
        # Another command changes it meanwhile.
        cli(sim, "set", "web", "protected=yes")
        await ui.press("ctrl+f")
        for char in "resid":
            # The rows of one search are gone before those of the next are awaited.
            await ui.type(char)
            await ui.pilot.pause(PAUSE * 2)
        await ui.sees("limits.memoryuse")
        await ui.press("enter")
        await ui.type("2Q")
        await ui.sees("'2Q' is not a size")
        await ui.press("backspace")
        await ui.type("G")
        await ui.sees("at once", "*limits.memoryuse", "1 changed")
        await ui.press("ctrl+s")
        await ui.sees("web has been changed meanwhile: protected.")
        await ui.press("ctrl+s")
        await ui.sees("bsdvirt set web limits.memoryuse=2G", "rctl")
        await ui.press("enter")
        await ui.until(lambda: "memoryuse: 2G" in file_of(sim, "web"), "not set")
        assert "protected: true" in file_of(sim, "web")

    drive(sim, flow, size=size)


def test_elements_of_lists_are_added_and_removed(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await cursor_on(ui, "win")
        await ui.press("e")
        await ui.sees("Edit win", "disks.disk0")
        screen = ui.app.screen
        form = screen.form  # type: ignore[attr-defined]
        titles = [section.title for section in form.draft.sections]
        for _ in range(titles.index("disks")):
            await ui.press("pagedown")
        await ui.sees("Add another to disks.")
        await ui.press("y")
        await ui.sees("disks.disk1", "sectorsize")
        await ui.type("2G")
        await ui.press("down", "down", "right", "right")
        await ui.press("ctrl+s")
        await ui.sees("bsdvirt set win disks.disk1.size=2G disks.disk1.bus=nvme", "zfs create")
        await ui.press("enter")
        await ui.until(lambda: "name: disk1" in file_of(sim, "win"), "no disk")

    drive(sim, flow)


def test_a_password_is_neither_shown_nor_in_an_argv(tmp_path: Path) -> None:
    sim = made(tmp_path)
    cli(sim, "set", "win", "vnc.enabled=yes", "vnc.auth=own", "vnc.password=before12")

    async def flow(ui: Ui) -> None:
        await cursor_on(ui, "win")
        await ui.sees("win")
        open_property_form(desk(ui), ui.app.main.current()[0], "vnc.password")
        await ui.sees("win: vnc.password", "The password, with `own`".replace("`", ""))
        assert "before12" not in ui.screen
        await ui.press("end", *["backspace"] * 8)
        await ui.type("after123")
        await ui.press("enter")
        await ui.sees("bsdvirt set win vnc.password=-", "password: ********")
        assert "after123" not in ui.screen
        await ui.press("enter")
        await ui.until(lambda: "after123" in file_of(sim, "win"), "not set")

    drive(sim, flow)


def test_a_file_with_an_error_is_edited_as_a_file(tmp_path: Path) -> None:
    sim = made(tmp_path)
    (file,) = sim.rglob("guests/web/guest.yaml")
    file.write_text(file.read_text() + "memry: 2G\n")

    async def flow(ui: Ui) -> None:
        await cursor_on(ui, "web")
        await ui.press("e")
        await ui.sees("The file of web has an error", "memry: no such property", "edit the file")

    drive(sim, flow)
