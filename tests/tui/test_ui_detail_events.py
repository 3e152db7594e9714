"""What was done to a guest, why its last start failed, and what waits for its next."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, cli, drive, made

from bsdvirt.rows.events import Operation
from bsdvirt.tui.detail.events import failure, pending

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


@SIZES
def test_operations_and_what_waits_for_the_next_start(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    sim = made(tmp_path, "restart", "web")
    cli(sim, "set", "web", "hostname=elsewhere")
    cli(sim, "set", "web", "description=said")

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("end", "up", "enter")
        await ui.sees("at next start", "set web hostname=elsewhere")
        assert "at next start" not in ui.line("description=said")
        for _ in range(9):
            if ui.app.main.detail.tab.title == "Events":
                break
            await ui.press("right_square_bracket")
        await ui.sees("set web description=said", "start web", "ok")

    drive(sim, flow, size=size)


def test_a_failed_start_shows_its_command_and_the_end_of_the_console(tmp_path: Path) -> None:
    sim = made(tmp_path)
    log = sim / "root/var/log/bsdvirt/win/console.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(f"booted {number}\n" for number in range(99)))

    async def flow(ui: Ui) -> None:
        await ui.sees("win")
        await ui.press("end", "s")
        await ui.until(lambda: "failed" in ui.line(" win "), "win has not failed")
        await ui.press("enter")
        await ui.sees("The last start failed:", "there is no UEFI firmware", "booted 98")
        assert "booted 50" not in ui.screen

    drive(sim, flow, size=WIDE)


def test_a_failure_has_argv_status_stderr_and_what_was_undone() -> None:
    one = Operation(
        time="2026-11-27T10:00:00Z", verb="start", subject="web", ok=False, message="it failed",
        argv=["/sbin/zfs", "mount", "a b"], status=1, stderr="cannot mount\x1b[2J\n",
        undone=["zfs unmount a"],
    )  # fmt: skip
    lines = ["".join(text for text, _ in line) for line in failure(one)]
    text = "\n".join(lines)
    assert "/sbin/zfs mount 'a b'  (exit status 1)" in text
    assert "cannot mount\\x1b[2J" in text
    assert "undone: zfs unmount a" in text


def _set(*words: str) -> Operation:
    return Operation(
        time="2026-11-27T10:00:00Z", verb="set", subject="web", ok=True,
        command=["set", "web", *words],
    )  # fmt: skip


def test_only_what_does_not_take_hold_at_once_waits() -> None:
    start = Operation(time="2026-11-27T09:00:00Z", verb="start", subject="web", ok=True)
    before, later, now = _set("hostname=a"), _set("hostname=b"), _set("description=c")
    assert pending([before, start, later, now], "jail") == ["set web hostname=b"]
    assert pending([later], "jail") == []
