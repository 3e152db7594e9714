"""bsdvirt as a user runs it: words in, exit status and output out.

On the simulated host the commands are run by a server that has bsdvirt imported and
forks for each one, which is a fifth of the time of a fresh interpreter; a killed
command is so a killed process. On a real host each is a fresh interpreter, or forked too
where BSDVIRT_TEST_FORK is set: for machines on which an interpreter takes seconds.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from bsdvirt.cli.main import FAULT

REPOSITORY = Path(__file__).resolve().parents[2]
TIMEOUT = 600.0
"""Seconds that any one command may take: a real release is 200 MB to extract."""
SERVER = Path(__file__).with_name("scenario_server.py")


@dataclass(frozen=True, slots=True)
class Result:
    """How one command ended."""

    words: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    def __str__(self) -> str:
        return (
            f"bsdvirt {' '.join(self.words)}: status {self.status}\n"
            f"stdout: {self.stdout}\nstderr: {self.stderr}"
        )


class Server:
    """Forks a bsdvirt for each command that it is sent."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            text=True,
        )

    def run(self, words: list[str], stdin: str, env: Mapping[str, str]) -> tuple[int, str, str]:
        """A negative status is a signal."""
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        to.write(json.dumps({"words": words, "stdin": stdin, "env": dict(env)}) + "\n")
        to.flush()
        answer = json.loads(back.readline())
        return answer["status"], answer["stdout"], answer["stderr"]

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(10)


_servers: dict[int, Server] = {}


def server() -> Server:
    """This process's own."""
    if os.getpid() not in _servers:
        made = _servers[os.getpid()] = Server()
        atexit.register(made.close)
    return _servers[os.getpid()]


@dataclass(slots=True)
class Bsdvirt:
    """Runs bsdvirt on the simulated host in `sim`, or on this machine."""

    sim: Path | None = None
    fault: str = ""
    """BSDVIRT_FAULT of the commands to come."""
    ran: list[Result] = field(default_factory=list)

    def __call__(
        self, *words: str, stdin: str = "", env: Mapping[str, str] | None = None
    ) -> Result:
        more = dict(env or {})
        if self.fault:
            more["BSDVIRT_FAULT"] = self.fault
        if self.sim is not None or os.environ.get("BSDVIRT_TEST_FORK"):
            sim = ["--sim", str(self.sim)] if self.sim is not None else []
            status, out, err = server().run([*sim, *words], stdin, more)
        else:
            done = subprocess.run(
                self.argv(*words), input=stdin, capture_output=True, text=True, check=False,
                timeout=TIMEOUT, env=self.environment(more), cwd=REPOSITORY,
            )  # fmt: skip
            status, out, err = done.returncode, done.stdout, done.stderr
        result = Result(words, status, out, err)
        self.ran.append(result)
        assert "Traceback" not in err, result
        assert FAULT not in err, result
        return result

    def ok(self, *words: str, stdin: str = "") -> Result:
        """Run what must succeed."""
        result = self(*words, stdin=stdin)
        assert result.status == 0, result
        return result

    def fails(self, status: int, *words: str, says: str = "") -> Result:
        """Run what must fail with that very status, and say why in one line."""
        result = self(*words)
        assert result.status == status, result
        assert_one_line(result)
        assert says in result.stderr, result
        return result

    def json(self, *words: str, status: int = 0) -> Any:
        result = self(*words, "--json")
        assert result.status == status, result
        return result.json()

    @contextlib.contextmanager
    def faulty(self, fault: str) -> Iterator[None]:
        """The commands within fail, or are killed, at a step: see bsdvirt/plan/fault.py."""
        self.fault = fault
        try:
            yield
        finally:
            self.fault = ""

    # ---- processes of their own ----

    def argv(self, *words: str) -> list[str]:
        sim = ["--sim", str(self.sim)] if self.sim is not None else []
        return [sys.executable, "-m", "bsdvirt", *sim, *words]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("BSDVIRT_")}
        return env | {"PYTHONPATH": str(REPOSITORY)} | dict(more or {})

    def begin(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command and go on."""
        return subprocess.Popen(
            self.argv(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=self.environment(env), cwd=REPOSITORY,
        )  # fmt: skip

    def end(self, process: subprocess.Popen[str]) -> Result:
        out, err = process.communicate(timeout=TIMEOUT)
        return Result(tuple(map(str, process.args)), process.returncode, out, err)  # type: ignore[arg-type]

    def all_at_once(self, *commands: tuple[str, ...]) -> list[Result]:
        """Several commands, each a process, at the same time."""
        return [self.end(process) for process in [self.begin(*words) for words in commands]]

    def commands_of(self, *words: str) -> tuple[Result, list[str]]:
        """Run a command; and which commands of the host it ran."""
        with tempfile.NamedTemporaryFile("r") as log:
            argv = [sys.executable, str(SERVER.with_name("scenario_counted.py")), log.name]
            sim = ["--sim", str(self.sim)] if self.sim is not None else []
            done = subprocess.run(
                [*argv, *sim, *words], capture_output=True, text=True, check=False,
                stdin=subprocess.DEVNULL, env=self.environment(), cwd=REPOSITORY,
            )  # fmt: skip
            ran = _stream_lines(log)
        return Result(words, done.returncode, done.stdout, done.stderr), ran


def _stream_lines(stream: IO[str]) -> list[str]:
    return [line.rstrip("\n") for line in stream]


def assert_one_line(result: Result) -> None:
    """An error is one line that begins with the program's name, and no traceback."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result
    assert lines[0].startswith("bsdvirt: "), result
    assert len(lines[0]) > len("bsdvirt: ") + 10, result


def state(driver: Bsdvirt, name: str) -> str:
    """A guest's state, as `ls` tells it."""
    return str(driver.json("ls", name)[0]["state"])


def wait_for(happened: Callable[[], object], seconds: float, what: str = "it") -> None:
    """Until it is so."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not come to pass in {seconds:.0f} s"
        time.sleep(0.2)
