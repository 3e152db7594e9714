"""What the message of a failed command says."""

from __future__ import annotations

from bsdvirt.errors import CommandError


def test_progress_of_a_stream_does_not_hide_why_it_failed() -> None:
    progress = "".join(f"10:30:0{n}\t{n}\ttank/a@s\n" for n in range(9))
    why = "cannot receive new filesystem stream: out of space\n"
    error = CommandError(("zfs",), 1, f"{why}full\ttank/a@s\t9\nsize\t9\n{progress}")
    assert error.message == f"zfs: exit status 1: {why.strip()}"
    assert "tank/a@s" in CommandError(("zfs",), 1, progress).message
