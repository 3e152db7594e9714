"""The real host, with real small processes on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bsdvirt.errors import CommandError, Interrupted
from bsdvirt.host.base import Result
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.host.real import RealHost

SH = "/bin/sh"
PATIENCE = 4.0
"""Seconds that none of these may take; what they wait for would take far longer."""


@pytest.fixture
def host() -> RealHost:
    return RealHost()


def _sh(host: RealHost, script: str, timeout: float = 30.0) -> Result:
    return host.run((SH, "-c", script), changes=True, timeout=timeout)


def _gone(pid: int) -> bool:
    """Whether the process has ended: it may take a moment, and be a zombie of init's."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_outputs_are_kept_apart(host: RealHost) -> None:
    result = _sh(host, "echo out; echo err >&2; exit 3")
    assert (result.status, result.stdout, result.stderr) == (3, "out\n", "err\n")
    assert not result.timed_out


def test_check_tells_argv_status_and_the_last_words(host: RealHost) -> None:
    script = "for i in 1 2 3 4 5 6; do echo line $i >&2; done; exit 7"
    with pytest.raises(CommandError) as raised:
        _sh(host, script).check()
    assert "exit status 7" in raised.value.message
    assert "line 3 / line 4 / line 5 / line 6" in raised.value.message
    assert "line 2 " not in raised.value.message
    assert raised.value.argv[:2] == (SH, "-c")
    _sh(host, "exit 7").check(ok=(0, 7))


def test_a_missing_tool_is_127(host: RealHost) -> None:
    result = host.run(("/nosuch/tool", "x"), changes=False)
    assert result.status == 127
    assert result.stderr == "/nosuch/tool: No such file or directory\n"


def test_a_signal_is_negative(host: RealHost) -> None:
    assert _sh(host, "kill -KILL $$").status == -signal.SIGKILL


def test_much_output_on_both_sides_blocks_nothing(host: RealHost) -> None:
    script = "head -c 300000 /dev/zero | tr '\\0' e >&2; head -c 300000 /dev/zero | tr '\\0' o"
    result = _sh(host, script)
    assert (len(result.stdout), len(result.stderr)) == (300000, 300000)


def test_bytes_that_are_no_text(host: RealHost) -> None:
    assert _sh(host, "printf 'caf\\351'").stdout == "caf\ufffd"


def test_standard_input_is_closed_and_the_environment_is_plain(
    host: RealHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("BSDVIRT_FAULT", "fail:1")
    result = _sh(host, 'cat; echo "$LC_ALL ${BSDVIRT_FAULT-unset} $PWD $PATH"')
    assert result.stdout == "C unset / /sbin:/bin:/usr/sbin:/usr/bin\n"


def test_a_command_has_a_session_of_its_own(host: RealHost) -> None:
    """So that a ^C on the terminal reaches us and not the commands under way."""
    session = _sh(host, "cut -d' ' -f6 /proc/self/stat").stdout.strip()
    assert int(session) != os.getsid(0)


def test_lines_of_standard_error_as_they_come(host: RealHost) -> None:
    seen: list[tuple[str, float]] = []
    began = time.monotonic()
    result = host.run(
        (SH, "-c", "echo one >&2; sleep 0.4; echo two >&2; printf rest >&2"),
        changes=True,
        on_line=lambda line: seen.append((line, time.monotonic() - began)),
    )
    assert [line for line, _ in seen][:2] == ["one", "two"]
    assert seen[1][1] - seen[0][1] > 0.2
    assert result.stderr == "one\ntwo\nrest"


def test_a_timeout_ends_the_command_and_its_children(host: RealHost) -> None:
    began = time.monotonic()
    result = _sh(host, "sleep 60 & echo $!; wait", timeout=0.3)
    assert result.timed_out
    assert result.status != 0
    assert time.monotonic() - began < PATIENCE
    assert _gone(int(result.stdout))
    with pytest.raises(CommandError, match="timed out"):
        result.check()


def test_a_timeout_counts_when_the_outputs_are_closed(host: RealHost) -> None:
    began = time.monotonic()
    result = _sh(host, "exec >&- 2>&-; sleep 60", timeout=0.3)
    assert result.timed_out
    assert time.monotonic() - began < PATIENCE


def test_a_timeout_is_told_even_by_a_command_that_ends_well_on_sigterm(host: RealHost) -> None:
    result = _sh(host, "trap 'exit 0' TERM; while :; do sleep 0.05; done", timeout=0.3)
    assert result.timed_out


def test_one_that_ignores_sigterm_is_killed(
    host: RealHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsdvirt.host.children.KILL_AFTER_SECONDS", 0.2)
    result = _sh(host, "trap '' TERM; while :; do sleep 0.05; done", timeout=0.3)
    assert result.timed_out
    assert result.status == -signal.SIGKILL


def test_a_daemon_that_holds_the_pipes_is_not_waited_for(host: RealHost) -> None:
    began = time.monotonic()
    result = _sh(host, "setsid sleep 20 & echo $!; echo done >&2")
    try:
        assert time.monotonic() - began < PATIENCE
        assert (result.status, result.stderr, result.timed_out) == (0, "done\n", False)
    finally:
        os.kill(int(result.stdout), signal.SIGKILL)


def test_pipe_moves_all_and_tells_the_lines_of_the_sender(host: RealHost, tmp_path: Path) -> None:
    seen: list[str] = []
    target = tmp_path / "out"
    result = host.pipe(
        (SH, "-c", "echo sent 1 >&2; head -c 500000 /dev/zero"),
        (SH, "-c", f"cat > {target}"),
        on_line=seen.append,
    )
    result.check()
    assert target.stat().st_size == 500000
    assert seen == ["sent 1"]
    assert "|" in result.argv


def test_a_limited_pipe_moves_all(host: RealHost, tmp_path: Path) -> None:
    out = tmp_path / "out"
    moved = host.pipe(
        ("/bin/sh", "-c", "echo told >&2; head -c 300000 /dev/zero"),
        ("/usr/bin/env", "tee", str(out)), limit=1 << 30,
    )  # fmt: skip
    assert (moved.status, moved.stderr) == (0, "told\n")
    assert out.read_bytes() == bytes(300000)
    lost = host.pipe(("/bin/sh", "-c", "exit 3"), ("/usr/bin/env", "cat"), limit=1 << 30)
    assert lost.status == 3


def test_a_pipe_without_a_sender_reads_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ("/usr/bin/env", "tee", str(out))
    program = f"from bsdvirt.host.real import RealHost; RealHost().pipe((), {argv!r}).check()"
    subprocess.run((sys.executable, "-c", program), input=b"from outside", check=True)
    assert out.read_bytes() == b"from outside"


def test_a_command_reads_what_it_is_given(host: RealHost) -> None:
    given = b"x" * 200_000
    counted = host.run(("/usr/bin/env", "wc", "-c"), changes=False, stdin=given)
    assert int(counted.stdout) == len(given)
    assert host.run(("/usr/bin/env", "wc", "-c"), changes=False).stdout.strip() == "0"


def test_pipe_fails_where_the_sender_does(host: RealHost) -> None:
    result = host.pipe((SH, "-c", "echo lost >&2; exit 4"), ("/bin/cat",))
    assert result.status == 4
    assert "lost" in result.stderr


def test_pipe_fails_where_the_receiver_does_and_ends_the_sender(host: RealHost) -> None:
    began = time.monotonic()
    result = host.pipe(
        (SH, "-c", "cat /dev/zero"), (SH, "-c", "echo cannot receive >&2; exit 5"), timeout=20
    )
    assert time.monotonic() - began < PATIENCE
    assert result.status == 5
    assert "cannot receive" in result.stderr


def test_pipe_times_out(host: RealHost) -> None:
    began = time.monotonic()
    result = host.pipe((SH, "-c", "sleep 60"), ("/bin/cat",), timeout=0.3)
    assert result.timed_out
    assert time.monotonic() - began < PATIENCE


def _ask_soon(interrupt: Interrupt, after: float = 0.3) -> None:
    threading.Timer(after, interrupt.ask, ("SIGTERM",)).start()


def test_an_interrupt_ends_the_command_under_way() -> None:
    interrupt = Interrupt()
    _ask_soon(interrupt)
    began = time.monotonic()
    with pytest.raises(Interrupted, match="interrupted by SIGTERM"):
        _sh(RealHost(interrupt), "sleep 60")
    assert time.monotonic() - began < PATIENCE


def test_after_an_interrupt_nothing_more_is_changed(tmp_path: Path) -> None:
    interrupt = Interrupt()
    interrupt.ask("SIGINT")
    host = RealHost(interrupt)
    with pytest.raises(Interrupted, match="SIGINT"):
        _sh(host, f"touch {tmp_path}/made")
    assert list(tmp_path.iterdir()) == []
    with interrupt.shielded():
        assert _sh(host, f"touch {tmp_path}/made").status == 0
    assert (tmp_path / "made").exists()
    with pytest.raises(Interrupted):
        interrupt.check()


def test_a_shield_is_one_threads_own() -> None:
    interrupt = Interrupt()
    interrupt.ask("SIGHUP")
    seen: list[bool] = []
    with interrupt.shielded():
        other = threading.Thread(target=lambda: seen.append(interrupt.pending))
        other.start()
        other.join()
        assert not interrupt.pending
    assert seen == [True]


def test_a_signal_is_taken_as_the_request_to_end() -> None:
    before = {number: signal.getsignal(number) for number in (1, 2, 15)}
    interrupt = Interrupt()
    try:
        interrupt.install()
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(Interrupted, match="SIGHUP"):
            interrupt.check()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_attach_gives_the_status_as_a_shell_would(host: RealHost) -> None:
    assert host.attach((SH, "-c", "exit 9")) == 9
    assert host.attach((SH, "-c", "kill -TERM $$")) == 128 + signal.SIGTERM
    assert host.attach(("/nosuch/tool",)) == 127


def test_attach_survives_a_keyboard_interrupt_meant_for_the_command(host: RealHost) -> None:
    assert host.attach((SH, "-c", f"kill -INT {os.getpid()}; exit 4")) == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_pipe_reads_what_the_receiver_says_meanwhile(host: RealHost) -> None:
    """More than a pipe holds: a receiver that tells its progress must not have to wait."""
    seen: list[str] = []
    talk = "i=0; while [ $i -lt 3000 ]; do printf '%s %050d\\r' line $i >&2; i=$((i+1)); done; cat"
    host.pipe(
        (SH, "-c", "echo begun >&2; echo x"), (SH, "-c", talk), timeout=60, on_line=seen.append
    ).check()
    assert "begun" in seen
    assert len([line for line in seen if line.startswith("line ")]) == 3000


def test_lines_that_draw_over_themselves_are_told(host: RealHost) -> None:
    seen: list[str] = []
    host.run((SH, "-c", "printf '1%%\\r2%%\\r'"), changes=True, on_line=seen.append).check()
    assert seen == ["1%", "2%"]


SH = "/bin/sh"
PATIENCE = 4.0


@pytest.mark.parametrize("missing", ["left", "right"])
def test_pipe_without_one_of_its_tools(host: RealHost, missing: str) -> None:
    """The other one must not be left running."""
    tools = {"left": ("/bin/sleep", "61.5"), "right": ("/bin/cat",), missing: ("/nosuch/tool",)}
    began = time.monotonic()
    result = host.pipe(tools["left"], tools["right"])
    assert result.status == 127
    assert "/nosuch/tool: No such file" in result.stderr
    assert time.monotonic() - began < PATIENCE
    assert _left_running("sleep\x0061.5") == []


def _left_running(words: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if words in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
            except OSError:
                continue
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return found


def test_an_interrupt_ends_both_ends_of_a_pipe() -> None:
    interrupt = Interrupt()
    threading.Timer(0.3, interrupt.ask, ("SIGTERM",)).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        RealHost(interrupt).pipe(("/bin/sleep", "62.5"), (SH, "-c", "cat; sleep 63.5"))
    assert time.monotonic() - began < PATIENCE
    assert _left_running("sleep\x0062.5") == []
    assert _left_running("sleep\x0063.5") == []


def test_no_descriptor_is_left_by_commands(host: RealHost) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        host.pipe(("/bin/echo", "x"), ("/bin/cat",))
        host.pipe(("/bin/sleep", "0.1"), ("/nosuch/tool",))
    assert len(os.listdir("/proc/self/fd")) == before
