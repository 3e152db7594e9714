"""Forms of networks, releases, media: what is typed is checked, shown as a command, and run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, bare, cli, drive

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import Desk
from bsdvirt.tui.forms.open import open_form

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])
Flow = Callable[[Ui], Awaitable[None]]


def desk(ui: Ui) -> Desk:
    return ui.app


@SIZES
def test_a_network_is_created(tmp_path: Path, size: tuple[int, int]) -> None:
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
        await ui.press(*["down"] * 5)
        assert "Translate guests' addresses" in ui.screen
        await ui.press("right", "down")
        await ui.type("10.9.0.1/24")
        await ui.press("ctrl+s")
        await ui.sees("bsdvirt network create lan nat=yes addresses=10.9.0.1/24", "ifconfig")
        await ui.press("enter")
        await ui.until(lambda: "lan" in cli(sim, "network", "ls"), "no network lan")
        assert '"nat": "active"' in cli(sim, "network", "info", "lan", "--json")

    drive(sim, flow, size=size)
