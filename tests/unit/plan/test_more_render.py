"""A plan as shell, at its edges."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bsdvirt.plan.render import plan_as_shell
from bsdvirt.plan.step import Command, Plan, Step, WriteFile


@pytest.mark.parametrize("content", ["", "no line feed at the end", "a\nb", "\n"])
def test_a_pasted_file_is_the_same_to_the_last_byte(tmp_path: Path, content: str) -> None:
    path = tmp_path / "file"
    plan = Plan("try", "web", steps=(Step(WriteFile(str(path), content), "why"),))
    subprocess.run(("/bin/sh", "-e"), input=plan_as_shell(plan), text=True, check=True, timeout=10)
    assert path.read_text() == content


def test_a_line_feed_in_a_comment_runs_nothing(tmp_path: Path) -> None:
    """Such as in the path of an archive: `extract /tmp/a\\ntouch pwned`."""
    step = Step(Command(("/bin/echo",)), f"extract /tmp/a\ntouch {tmp_path}/ran")
    text = plan_as_shell(Plan("add release", "x", steps=(step,)))
    subprocess.run(("/bin/sh", "-e"), input=text, text=True, check=True, timeout=10)
    assert list(tmp_path.iterdir()) == []
