"""A plan as shell: what is pasted does what the executor does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from fakehost import FakeHost

from bsdvirt.host import tools
from bsdvirt.plan.act import act
from bsdvirt.plan.render import plan_as_shell, shell
from bsdvirt.plan.step import (
    Action,
    Command,
    MakeDirectory,
    Pipeline,
    Plan,
    RemoveFile,
    RemoveTree,
    Step,
    WriteFile,
)


def _plan(*actions: Action) -> Plan:
    return Plan("try", "web", steps=tuple(Step(action, "why") for action in actions), op="op1")


def _paste(text: str, where: Path) -> None:
    """As a user would: line by line into an interactive-like shell, stopping at an error."""
    subprocess.run(("/bin/sh", "-eu"), input=text, text=True, check=True, cwd=where, timeout=10)


def _tree(root: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(root)): (
            path.stat().st_mode & 0o777,
            path.read_text() if path.is_file() else "",
        )
        for path in sorted(root.rglob("*"))
    }


def _files(root: str) -> tuple[Action, ...]:
    return (
        # Directories on the way that are missing get the same mode from both.
        MakeDirectory(f"{root}/kept/close/deep", 0o700),
        MakeDirectory(f"{root}/made", 0o755),
        MakeDirectory(f"{root}/made/deep", 0o700),
        WriteFile(f"{root}/made/plain", "one\ntwo\n"),
        WriteFile(f"{root}/made/secret", "s\n", 0o600),
        WriteFile(f"{root}/made/it's a $HOME `name` \\", "x\n"),
        WriteFile(f"{root}/made/shell", "$HOME `id` $(id) \\ \\\\ 'a' \"b\" !x\n\ttab\n"),
        WriteFile(f"{root}/made/here", "EOF\n EOF\nEOF_\n"),
        WriteFile(f"{root}/made/utf", "Größe\n"),
        WriteFile("etc/resolv.conf", "nameserver ::1\n", beneath=root),
        WriteFile(f"{root}/old", "replaced\n", 0o640),
        RemoveFile(f"{root}/gone"),
        RemoveFile(f"{root}/never there"),
        RemoveFile("etc/gone", beneath=root),
        RemoveTree(f"{root}/tree"),
    )


def _before(root: Path) -> None:
    for name in ("etc", "tree/deep"):
        (root / name).mkdir(parents=True)
    for name in ("old", "gone", "etc/gone", "tree/deep/file"):
        (root / name).write_text("before\n")


def test_pasted_file_steps_leave_what_the_executor_leaves(tmp_path: Path) -> None:
    pasted, executed = tmp_path / "pasted", tmp_path / "executed"
    for root in (pasted, executed):
        _before(root)
    os.umask(os.umask(0o022))
    _paste(plan_as_shell(_plan(*_files(str(pasted)))), pasted)
    host = FakeHost(Path("/"))
    for action in _files(str(executed)):
        act(host, action)
    assert _tree(pasted) == _tree(executed)
    assert "made/here" in _tree(pasted)
    assert "gone" not in _tree(pasted)


@pytest.mark.parametrize(
    "word",
    ["plain", "two words", "it's", '"', "$HOME", "`id`", "a\\b", "*", "a;b", "", "--x=y z", "#no"],
)
def test_a_word_of_a_command_arrives_as_it_is(tmp_path: Path, word: str) -> None:
    out = tmp_path / "out"
    script = f'printf %s "$1" > {out}'
    _paste(plan_as_shell(_plan(Command(("/bin/sh", "-c", script, "sh", word)))), tmp_path)
    assert out.read_text() == word


def test_a_pipeline_is_one(tmp_path: Path) -> None:
    pipe = Pipeline(("/bin/echo", "a | b"), ("/bin/sh", "-c", f"cat > {tmp_path}/out"))
    _paste(plan_as_shell(_plan(pipe)), tmp_path)
    assert (tmp_path / "out").read_text() == "a | b\n"


def test_the_whole_text_of_a_plan() -> None:
    plan = Plan(
        "start",
        "web",
        steps=(Step(Command(("/sbin/ifconfig", "bvbr0", "up")), "bring it up"),),
        finish=(Step(RemoveFile("/var/run/x y"), "the note"),),
        notes=("takes hold later",),
        op="op1",
    )
    assert plan_as_shell(plan) == (
        "# start web\n"
        "# bring it up\n"
        "/sbin/ifconfig bvbr0 up\n"
        "# from here nothing is undone\n"
        "# the note\n"
        "rm -f '/var/run/x y'\n"
        "# note: takes hold later\n"
    )


def test_a_plan_of_nothing_says_why() -> None:
    text = plan_as_shell(Plan("start", "web", reason="already running"))
    assert text == "# start web: nothing to do: already running\n"


def test_a_file_is_a_here_document_with_its_mode() -> None:
    assert shell(WriteFile("/etc/x", "a\n", 0o600)) == (
        "install -m 0600 /dev/null /etc/x && cat > /etc/x <<'EOF'\na\nEOF"
    )


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


def test_a_limited_pipeline_has_a_pump(tmp_path: Path) -> None:
    pipe = Pipeline(("/bin/echo", "one"), ("/bin/sh", "-c", f"cat > {tmp_path}/out"), limit=1 << 20)
    text = plan_as_shell(_plan(pipe))
    assert " | ".join(("/bin/echo one", " ".join(tools.pump(1 << 20)), "/bin/sh -c")) in text
    _paste(text, tmp_path)
    assert (tmp_path / "out").read_text() == "one\n"


def test_a_pipeline_without_a_left_side_reads_standard_input() -> None:
    assert "\n/bin/cat -u\n" in plan_as_shell(_plan(Pipeline((), ("/bin/cat", "-u"))))
