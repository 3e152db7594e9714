"""stats and top, as a user and a script see them."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator

import msgspec
import pytest
from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView

from bsdvirt.rows.usage import Figures, Sample

PATIENCE = 30.0


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Bsdvirt, HostView]]:
    """Two jails that run, of which `busy` is the busier."""
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "busy", "calm", "--start")
        view.host.settings.set_load("busy", cpu=90, memory=1 << 20)  # type: ignore[attr-defined]
        view.host.settings.set_load("calm", cpu=1, memory=9 << 20)  # type: ignore[attr-defined]
        yield driver, view


def test_stats_are_rates_of_the_moment(world: tuple[Bsdvirt, HostView]) -> None:
    driver, _ = world
    busy, calm = driver.json("stats")
    assert (busy["name"], calm["name"]) == ("busy", "calm")
    assert 60 < busy["cpu"] < 120
    assert calm["cpu"] < 20
    assert [row["name"] for row in driver.json("stats", "calm")] == ["calm"]
    lines = driver.ok("stats", "-H").lines
    assert [line.split("\t")[0] for line in lines] == ["busy", "calm"]
    assert len(lines[0].split("\t")) == 10


def test_counters_are_a_sample(world: tuple[Bsdvirt, HostView]) -> None:
    driver, _ = world
    sample = msgspec.convert(driver.json("stats", "--counters"), type=Sample)
    assert [guest.name for guest in sample.guests] == ["busy", "calm"]
    assert "busy_by_cpu" in driver.ok("stats", "--counters").stdout


def test_prometheus_gets_counters(world: tuple[Bsdvirt, HostView]) -> None:
    driver, _ = world
    lines = driver.ok("stats", "--prometheus").lines
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['bsdvirt_guest_memory_bytes{name="calm",kind="jail"}'] == str(9 << 20)
    assert values['bsdvirt_pool_healthy{pool="zroot"}'] == "1"
    assert "# HELP bsdvirt_pool_healthy Whether its health is ONLINE." in lines
    labels = 'name="busy",kind="jail",nic="0",interface="bv1n0a"'
    assert float(values[f"bsdvirt_guest_received_bytes_total{{{labels}}}"]) >= 0
    for line in lines:
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            assert (kind == "counter") == name.endswith("_total")
    assert len({line for line in lines if line.startswith("# TYPE")}) == sum(
        line.startswith("# TYPE") for line in lines
    )


@pytest.mark.parametrize(
    "words", [("--prometheus", "--json"), ("--counters", "--prometheus"), ("--counters", "-H")]
)
def test_forms_that_exclude_each_other(
    world: tuple[Bsdvirt, HostView], words: tuple[str, ...]
) -> None:
    world[0].fails(2, "stats", *words)


def test_top_prints_a_line_of_json_each_time(world: tuple[Bsdvirt, HostView]) -> None:
    driver, _ = world
    lines = driver.ok("top", "--json", "-d", "0.2", "-c", "3").lines
    made = [msgspec.json.decode(line, type=Figures) for line in lines]
    assert len(made) == 3
    assert made[0].time < made[1].time < made[2].time
    assert all(figures.seconds > 0 for figures in made)
    assert [guest.name for guest in made[0].guests] == ["busy", "calm"]
    assert set(json.loads(lines[0])) == {"time", "seconds", "host", "guests"}


def test_top_prints_tables_in_the_order_asked_for(world: tuple[Bsdvirt, HostView]) -> None:
    driver, _ = world
    shown = driver.ok("top", "-b", "-d", "0.2", "-c", "2", "-o", "memory").lines
    heads = [number for number, line in enumerate(shown) if line.startswith("NAME")]
    assert len(heads) == 2
    assert [shown[heads[0] + at].split()[0] for at in (1, 2)] == ["calm", "busy"]
    one = driver.ok("top", "-b", "-d", "0.2", "-c", "1", "-o", "memory", "-r", "busy").lines
    assert one[-1].startswith("busy")
    assert not any(line.startswith("calm") for line in one)


@pytest.mark.parametrize("words", [("-c", "0"), ("-d", "0"), ("-o", "nosuch"), ("tnone",)])
def test_top_refuses_what_it_does_not_know(
    world: tuple[Bsdvirt, HostView], words: tuple[str, ...]
) -> None:
    assert world[0]("top", "-c", "1", *words).status in (2, 3)


class OnTerminal:
    """A command on a terminal of 80 by 24."""

    def __init__(self, driver: Bsdvirt, *words: str) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            driver.argv(*words), stdin=self.slave, stdout=self.slave, stderr=self.slave,
            env=driver.environment(), start_new_session=True,
        )  # fmt: skip
        self.seen = ""

    def until(self, text: str) -> None:
        """Read until the text was seen, after what was seen before."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, self.seen
            if select.select([self.master], [], [], left)[0]:
                self.seen += os.read(self.master, 4096).decode()
        self.seen = self.seen.partition(text)[2]

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def ends(self) -> int:
        """Return the exit status; the terminal must be as it was."""
        self.until("\x1b[?1049l")
        status = self.process.wait(PATIENCE)
        assert termios.tcgetattr(self.slave) == self.before
        os.close(self.master)
        os.close(self.slave)
        return status


def test_top_on_a_terminal_takes_keys(world: tuple[Bsdvirt, HostView]) -> None:
    terminal = OnTerminal(world[0], "top", "-d", "0.3")
    terminal.until("by CPU; ? for keys, q quits")
    terminal.until("busy")
    terminal.until("calm")
    terminal.press("m")
    terminal.until("by MEMORY")
    terminal.until("calm")
    terminal.until("busy")
    terminal.press("?")
    terminal.until("sort by NET-IN")
    terminal.press("q")
    assert terminal.ends() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_top_leaves_the_terminal_as_it_was(
    world: tuple[Bsdvirt, HostView], number: signal.Signals
) -> None:
    terminal = OnTerminal(world[0], "top", "-d", "0.3")
    terminal.until("by CPU")
    terminal.process.send_signal(number)
    assert terminal.ends() == (0 if number == signal.SIGINT else 1)


def test_stats_on_a_terminal_is_the_same(world: tuple[Bsdvirt, HostView]) -> None:
    terminal = OnTerminal(world[0], "stats", "-d", "0.3")
    terminal.until("by CPU")
    terminal.press("q")
    assert terminal.ends() == 0


def test_the_list_is_shown_again_and_again(world: tuple[Bsdvirt, HostView]) -> None:
    terminal = OnTerminal(world[0], "ls", "-w", "-d", "0.3", "busy")
    terminal.until("NAME")
    for _ in range(2):
        terminal.until("busy")
        terminal.until("%")
        terminal.until("q quits")
    assert "calm" not in terminal.seen
    terminal.press("q")
    assert terminal.ends() == 0
