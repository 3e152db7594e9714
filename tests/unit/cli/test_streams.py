"""What is printed does no harm to the terminal, and whether it can be printed does not decide
what is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bsdvirt import __version__
from bsdvirt.cli.output import cell, print_json, print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.host.sanitize import Screen, shown, shown_line
from bsdvirt.plan.render import shell
from bsdvirt.plan.step import Command, WriteFile
from bsdvirt.rows.guest import BootRow
from bsdvirt.spec.types import ImageName

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = "a\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\r\u202eb\u2028\udc80"


def _bsdvirt(
    sim: Path, *words: str, script: str = '"$@"', env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    argv = (sys.executable, "-m", "bsdvirt", "--sim", str(sim), *words)
    return subprocess.run(
        ("/bin/sh", "-c", script, "sh", *argv), cwd=ROOT, capture_output=True, check=False,
        env={**os.environ, **(env or {})},
    )  # fmt: skip


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("streams") / "sim"
    assert _bsdvirt(place, "init", "--pool", "zroot").returncode == 0
    assert _bsdvirt(place, "create", "jail", "web").returncode == 0
    return place


def _harmless(data: bytes) -> bool:
    text = data.decode("utf-8")
    return shown(text) == text


# ---- words ----


def test_controls_are_shown_as_escapes() -> None:
    assert shown("a\x1b[31mb\x07\x7f\x9b\rc\u202e\udc80") == (
        "a\\x1b[31mb\\x07\\x7f\\x9b\\rc\\u202e\\x80"
    )
    assert shown("tab\tand\nline é ü 漢") == "tab\tand\nline é ü 漢"
    assert shown_line("a\tb\nc") == "a\\tb\\nc"


def test_what_is_shown_is_plain_text() -> None:
    """The logs are JSON, which has no other types of text."""
    assert {type(show(ImageName("gold"))) for show in (shown, shown_line)} == {str}


def test_a_cell_is_one_cell_of_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    row = BootRow(
        name="a\tb\nroot\t0", after=["x\ny", "z"], starts=True, auto=True, order=1, ready="",
        state="running",
    )  # fmt: skip
    print_rows([row], ("name", "after"), Globals(headless=True))
    assert capsys.readouterr().out == "a\\tb\\nroot\\t0\tx\\ny,z\n"
    assert cell({"a": "\n"}).count("\n") == 0


def test_json_is_valid_and_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    value: dict[str, Any] = {"é": HOSTILE, "nested": [HOSTILE, {"\n": "\t"}]}
    print_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert shown(out) == out
    assert "é" in out


def test_a_program_on_its_terminal_is_told_as_text() -> None:
    screen = Screen()
    said = "\x1b[1;32mok\x1b[0m\r\n\x1b]0;title\x07x\x1b[2Jy\x08\rz"
    whole = screen.feed(said) + screen.close()
    assert whole == "ok\nxy\\x08\\rz"
    for cut in range(len(said)):
        screen = Screen()
        assert screen.feed(said[:cut]) + screen.feed(said[cut:]) + screen.close() == whole


def test_a_sequence_without_end_is_not_kept() -> None:
    screen = Screen()
    assert len(screen.feed("\x1b]0;" + "x" * 5000)) > 4000


def test_a_dry_run_can_be_pasted_whatever_stands_in_it() -> None:
    line = shell(Command(("/bin/echo", "a\x1b[31m'\\b")))
    assert "\x1b" not in line
    done = subprocess.run(("/bin/bash", "-c", line), capture_output=True, text=True, check=True)
    assert done.stdout == "a\x1b[31m'\\b\n"
    assert "\x1b" not in shell(WriteFile("/a", "one\x1b\n"))


# ---- the process ----


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_stop_nothing(sim: Path, closed: str) -> None:
    place = sim.parent / "closed"
    subprocess.run(("cp", "-R", str(sim), str(place)), check=True)
    try:
        done = _bsdvirt(place, "start", "web", script=f'"$@" {closed}')
        assert done.returncode == 0
        assert b"running" in _bsdvirt(place, "ls").stdout
    finally:
        subprocess.run(("rm", "-rf", str(place)), check=True)


def test_a_reader_that_has_gone_stops_no_change(sim: Path) -> None:
    script = '{ sleep 0.5; "$@"; echo $? >&2; } | true'
    done = _bsdvirt(sim, "set", "web", "description=x", script=script)
    assert done.stderr.split()[-1] == b"0"
    assert _bsdvirt(sim, "get", "web", "description").stdout == b"x\n"


def test_a_reader_that_has_gone_ends_a_reading_verb_in_silence(sim: Path) -> None:
    done = _bsdvirt(sim, "properties", script='{ sleep 0.3; "$@"; } | true')
    assert done.stderr == b""


def test_a_full_disk_behind_the_output_is_a_failure(sim: Path) -> None:
    done = _bsdvirt(sim, "ls", script='"$@" > /dev/full')
    assert done.returncode == 1
    assert done.stderr == b"bsdvirt: standard output: No space left on device\n"


def _words(*words: str) -> Sequence[str]:
    return words


@pytest.mark.parametrize(
    "words",
    [
        _words("ls", "a\x1b[31m"),
        _words("start", HOSTILE[:-1]),
        _words("set", "web", f"{HOSTILE[:-1]}=1"),
        _words("cp", "/nosuch\x1b[31m", "web:/tmp"),
        _words("release", "rm", "\x1b[31m"),
        _words("\x1b[31m"),
        _words("ls", "\udc80"),
        _words("set", "web", "description=\udc80"),
        _words("set", "web", "description=a\x1b[31m"),
        _words("cp", "/\udc80", "web:/tmp"),
        _words("create", "jail", "\udcff"),
    ],
)
def test_what_the_user_types_comes_back_harmless(sim: Path, words: Sequence[str]) -> None:
    done = _bsdvirt(sim, *words)
    assert done.returncode in (2, 3, 5)
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(b"bsdvirt: ")
    assert _harmless(done.stderr), done.stderr
    assert _harmless(done.stdout)


def test_a_log_is_harmless_and_raw_where_that_is_asked_for(sim: Path) -> None:
    log = sim / "root/var/log/bsdvirt/web"
    log.mkdir(parents=True, exist_ok=True)
    said = b"\x1b[31mred\x1b[0m\r\nbell\x07 \xff\n"
    (log / "console.log").write_bytes(said)
    assert _bsdvirt(sim, "logs", "web").stdout == "red\nbell\\x07 \ufffd\n".encode()
    assert _bsdvirt(sim, "logs", "--raw", "web").stdout == (
        said.decode("utf-8", "replace").encode()
    )
    assert _bsdvirt(sim, "logs", "-l", "1", "web").stdout == "bell\\x07 \ufffd\n".encode()


def test_a_failure_is_a_harmless_line_in_the_log_of_events(sim: Path) -> None:
    root = sim / "root/bsdvirt/guests/web/root"
    (root / "a\x1b[31m\nb").write_text("x")
    os.mkfifo(root / "etc/c\x1b[2Jd")
    done = _bsdvirt(sim, "cp", "-r", "web:/etc", "/tmp/copied")
    assert done.returncode != 0
    assert _harmless(done.stderr)
    assert b"\\x1b[2Jd" in done.stderr
    events = (sim / "root/var/log/bsdvirt/events.log").read_bytes()
    assert b"\x1b" not in events


def test_the_log_in_another_encoding_is_valid_json(sim: Path) -> None:
    env = {"PYTHONIOENCODING": "latin-1"}
    assert _bsdvirt(sim, "set", "web", "description=Zoë 漢").returncode == 0
    out = _bsdvirt(sim, "get", "web", "description", "--json", env=env).stdout
    assert json.loads(out.decode("latin-1")) == {"description": "Zoë 漢"}


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ("", f"bsdvirt {__version__}\n"),
        ("import atexit; atexit.register(print, 'end')", f"bsdvirt {__version__}\nend\n"),
    ],
)
def test_what_waits_for_the_end_is_waited_for(before: str, shown: str) -> None:
    """Where nothing does, the interpreter is left as it is."""
    program = f"import sys; {before}\nsys.argv[1:] = ['--version']\n"
    program += "from bsdvirt.__main__ import main; main()"
    ended = subprocess.run(
        (sys.executable, "-S", "-c", program), cwd=ROOT, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, shown, "")
