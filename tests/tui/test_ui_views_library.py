"""The view of releases, images and media."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, cli, drive, made

from bsdvirt.tui.forms.known import Known
from bsdvirt.tui.forms.wizard import wizard

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


@SIZES
def test_what_is_there_comes_before_what_can_be_fetched(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    sim = made(tmp_path)
    (sim / "root/tmp").mkdir(exist_ok=True)
    (sim / "root/tmp/boot.iso").write_bytes(b"\0" * (1 << 20))
    cli(sim, "media", "add", "/tmp/boot.iso")

    async def flow(ui: Ui) -> None:
        await ui.press("5")
        await ui.sees("15.1-RELEASE", "boot.iso", "debian-12")
        assert "present" in ui.line(" 15.1-RELEASE  ")
        assert "1M" in ui.line("boot.iso")
        assert "available" in ui.line("debian-12")
        order = [ui.screen.index(word) for word in ("15.1-RELEASE", "boot.iso", "debian-12")]
        assert order == sorted(order)
        await ui.press("right")
        await ui.sees(" web ")
        assert "running" in ui.line(" web ")

    drive(sim, flow, size=size)


def test_a_jail_is_created_from_a_release(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("5")
        await ui.sees("debian-12")
        await ui.press("n")
        await ui.sees("Create a guest", "15.1-RELEASE")
        await ui.press("down")
        await ui.type("fresh")
        await ui.press("ctrl+s")
        await ui.sees("bsdvirt create jail fresh --release 15.1-RELEASE")
        await ui.press("enter")
        # It is listed among the users of the release.
        await ui.until(lambda: ui.line(" 15.1-RELEASE  ").split()[6:7] == ["4"], "not created")

    drive(sim, flow, size=WIDE)
    assert '"fresh"' in cli(sim, "ls", "--json")


def test_a_virtual_machine_is_created_from_an_image_or_a_medium() -> None:
    known = Known(guests=set(), images=["deb"], profiles=[], free={})
    image = wizard(known, "image", "deb").draft
    assert [image.value(path) for path in ("kind", "source", "image")] == ["vm", "image", "deb"]
    medium = wizard(known, "media", "boot.iso").draft
    assert [medium.value(path) for path in ("kind", "source", "iso")] == ["vm", "iso", "boot.iso"]


def test_what_a_guest_uses_is_not_removed(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("5")
        await ui.sees("debian-12")
        await ui.press("D")
        await ui.sees("used by db, old, web")

    drive(sim, flow)
    assert "15.1-RELEASE" in cli(sim, "release", "ls")
