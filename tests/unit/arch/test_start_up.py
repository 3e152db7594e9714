"""What a command imports before it does anything, and how many commands it runs: both are most of
the time that it takes on a real host. bench/imports.py counts, bench/overhead.py measures."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bsdvirt.cli.live.daemon import START, Job, argv

ROOT = Path(__file__).resolve().parents[3]
COUNTER = ROOT / "bench/imports.py"


@dataclass(frozen=True)
class Counted:
    modules: frozenset[str]
    ran: list[list[str]]
    status: int

    @property
    def ours(self) -> set[str]:
        return {name for name in self.modules if name.split(".")[0] == "bsdvirt"}

    def has(self, *rooms: str) -> set[str]:
        """Return what was imported of these packages and modules."""
        inner = tuple(f"{room}." for room in rooms)
        return {name for name in self.modules if name in rooms or name.startswith(inner)}


def counted(*words: str) -> Counted:
    argv = (sys.executable, str(COUNTER), *words)
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    told = json.loads(ended.stderr.splitlines()[-1])
    return Counted(frozenset(told["modules"]), told["ran"], ended.returncode)


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counted]:
    """Each command once, on a simulated host with one jail."""
    sim = ("--sim", str(tmp_path_factory.mktemp("start-up") / "sim"))
    counted(*sim, "init", "--pool", "zroot")
    # The first one adds the release.
    counted(*sim, "create", "jail", "first")
    found = {
        "create": counted(*sim, "create", "jail", "web"),
        "start": counted(*sim, "start", "web"),
        "ls": counted(*sim, "ls"),
        "exec": counted(*sim, "exec", "web", "--", "true"),
        "stats": counted(*sim, "stats", "--counters", "--json"),
        "doctor": counted(*sim, "doctor"),
        "stop": counted(*sim, "stop", "web"),
    }
    assert {name: one.status for name, one in found.items()} == dict.fromkeys(found, 0)
    return found


PLANNERS = (
    "bsdvirt.bhyve", "bsdvirt.jail.kind", "bsdvirt.jail.conf", "bsdvirt.cpu", "bsdvirt.library",
    "bsdvirt.net", "bsdvirt.plan.execute", "bsdvirt.plan.render", "bsdvirt.ops.power",
)  # fmt: skip
LIBRARIES = (
    "jinja2", "yaml", "rich", "urllib3", "textual", "libzfs",
    # Of the standard library, what loads many others or large ones.
    "asyncio", "secrets", "hashlib", "random", "shutil", "tempfile", "pickle", "http", "email",
    "difflib", "glob", "logging", "unittest",
)  # fmt: skip


def test_listing_imports_no_planner_and_no_guests_file(commands: dict[str, Counted]) -> None:
    ls = commands["ls"]
    assert not ls.has(*PLANNERS, *LIBRARIES)
    assert not ls.has("bsdvirt.spec.jail", "bsdvirt.spec.vm", "bsdvirt.spec.network")
    assert not ls.has("bsdvirt.facts.ifconfig", "bsdvirt.facts.mount", "bsdvirt.facts.rctl")


INTROSPECTION = ("typing_extensions", "dataclasses", "inspect", "ast", "dis", "tokenize")
"""Together a third of what msgspec and dataclasses would import."""


COSTLY = (
    "msgspec", "argparse", "re", "enum", "typing", "collections", "functools", "contextlib",
    "subprocess", "threading", "signal", "json", "locale", "uuid", "datetime", "ipaddress",
)  # fmt: skip
"""Each takes at least a tenth of the time of Python itself to import; msgspec, three times that."""


@pytest.mark.parametrize("command", ["ls", "exec"])
def test_what_is_run_most_imports_almost_nothing_of_a_library(
    command: str, commands: dict[str, Counted]
) -> None:
    assert not commands[command].has(*INTROSPECTION, *COSTLY)
    libraries = {name for name in commands[command].modules if not name.startswith("bsdvirt")}
    # The simulated host works with paths.
    assert libraries <= {
        "__future__", "_json", "_signal", "errno", "fcntl", "io", "os", "pathlib", "select", "stat",
        "sys", "time",
    }  # fmt: skip


def test_nothing_imports_typing_extensions(commands: dict[str, Counted]) -> None:
    assert not any(one.has("typing_extensions") for one in commands.values())


def test_a_sample_imports_no_planner_and_no_kind(commands: dict[str, Counted]) -> None:
    stats = commands["stats"]
    assert stats.has("bsdvirt.cpu") == {"bsdvirt.cpu", "bsdvirt.cpu.accounting"}
    assert not stats.has(*(room for room in PLANNERS if room != "bsdvirt.cpu"), *LIBRARIES)
    assert not stats.has("bsdvirt.jail", "bsdvirt.spec.jail", "bsdvirt.spec.vm")


def test_entering_a_jail_imports_no_planner(commands: dict[str, Counted]) -> None:
    assert not commands["exec"].has(*PLANNERS, *LIBRARIES)


@pytest.mark.parametrize("command", ["create", "start", "stop"])
def test_a_jail_needs_nothing_of_virtual_machines(
    command: str, commands: dict[str, Counted]
) -> None:
    assert not commands[command].has("bsdvirt.bhyve.kind", "bsdvirt.bhyve.devices")


@pytest.mark.parametrize("command", ["create", "stop"])
def test_jinja2_is_imported_for_a_start_only(command: str, commands: dict[str, Counted]) -> None:
    assert not commands[command].has("jinja2")
    assert commands["start"].has("jinja2")


@pytest.mark.parametrize(
    ("command", "most"),
    [("ls", 48), ("stats", 82), ("exec", 32), ("stop", 135), ("start", 161), ("create", 163)],
)
def test_a_command_imports_few_modules(
    command: str, most: int, commands: dict[str, Counted]
) -> None:
    """Of ours. These numbers only get lower."""
    assert len(commands[command].ours) <= most


@pytest.mark.parametrize(
    ("command", "most"),
    [
        ("ls", 2),
        ("stats", 10),
        ("exec", 2),
        ("stop", 9),
        ("start", 17),
        ("create", 6),
        ("doctor", 24),
    ],
)
def test_a_command_runs_few_commands(command: str, most: int, commands: dict[str, Counted]) -> None:
    """Each is a process on a real host. These numbers only get lower."""
    ran = commands[command].ran
    assert len(ran) <= most, "\n".join(" ".join(words[:6]) for words in ran)


def test_doctor_reads_nothing_twice(commands: dict[str, Counted]) -> None:
    ran = commands["doctor"].ran
    assert len(ran) == len({tuple(words) for words in ran})


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_what_reads_nothing_imports_nothing(word: str) -> None:
    found = counted(word)
    assert found.status == 0
    assert not found.has("argparse", "msgspec", "typing", "pathlib", *INTROSPECTION)
    assert not found.has("re", "enum", "collections", "functools", "contextlib", "types")
    assert found.ours == {
        "bsdvirt", "bsdvirt.__main__", "bsdvirt.cli", "bsdvirt.cli.main", "bsdvirt.cli.streams",
        "bsdvirt.cli.words", "bsdvirt.errors", "bsdvirt.host", "bsdvirt.host.sanitize",
    }  # fmt: skip


def test_what_records_stays_small() -> None:
    """Its memory is that of its modules: bench/record.py measures it."""
    words = argv(Job())
    at = words.index(START)
    start, _, _ = START.rpartition(" main(")
    shows = f"{start} print(*(name for name, one in sys.modules.items() if one))"
    asked = [*words[:at], shows, *words[at + 1 :]]
    modules = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    found = Counted(frozenset(modules), [], 0)
    rooms = [room for room in PLANNERS if room != "bsdvirt.cpu"]
    assert not found.has(*rooms, *LIBRARIES, "argparse", "socket", "typing_extensions", "site")
    assert not found.has("bsdvirt.tui", "bsdvirt.cli.output", "bsdvirt.ops.history.publish")
    assert len(found.ours) <= 73
