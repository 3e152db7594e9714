"""The view of releases, images and media."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, cli, drive, made

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
