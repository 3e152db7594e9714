"""Samples of a simulated host: what its guests used is what they were set to use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView
from scenario_vm import SMALL, image

from bsdvirt.cpu.accounting import figures
from bsdvirt.host import tools
from bsdvirt.ops.show.kept import AT_ONCE, Kept
from bsdvirt.ops.show.sample import read_sample
from bsdvirt.rows.usage import Figures, GuestFigures, Sample
from bsdvirt.session.session import Session
from bsdvirt_sim import SimHost
from bsdvirt_sim.releases import RELEASES
from bsdvirt_sim.state import Process

MB = 1 << 20


class Counted:
    """The commands that a host ran."""

    def __init__(self, host: SimHost, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[str] = []
        run = host.run

        def counted(argv: tuple[str, ...], **rest: object) -> object:
            self.ran.append(argv[0])
            return run(argv, **rest)  # type: ignore[arg-type]

        monkeypatch.setattr(host, "run", counted)


class Clocked:
    """A host whose usage is counted only while the test lets time pass."""

    def __init__(self, view: HostView) -> None:
        assert isinstance(view.host, SimHost)
        self.host = view.host
        self.session = Session(view.host)
        self.now = 1000.0
        self.kept = Kept(clock=lambda: self.now)
        self.host.settings.pass_time(0)

    def sample(self) -> Sample:
        return read_sample(self.session, kept=self.kept)

    def over(self, seconds: float) -> Figures:
        before = self.sample()
        self.host.settings.pass_time(seconds)
        self.now += seconds
        return figures(before, self.sample())


@pytest.fixture(params=RELEASES)
def world(request: pytest.FixtureRequest) -> Iterator[tuple[Bsdvirt, HostView]]:
    with sim_world(release=request.param) as (driver, view):
        yield driver, view


def guest(made: Figures, name: str) -> GuestFigures:
    return next(row for row in made.guests if row.name == name)


def test_a_jail_is_seen_to_use_what_it_uses(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    words = ("limits.memoryuse=512M", "limits.rules=memoryuse:deny=2M/process")
    driver.ok("create", "jail", "web", *words, "cpuset=0", "--start")
    driver.ok("create", "jail", "idle", "--start")
    clocked = Clocked(view)
    clocked.host.settings.set_load(
        "web", cpu=50, memory=64 * MB, received=3 * MB, sent=2 * MB, read=5 * MB, written=MB
    )
    clocked.host.settings.set_load("idle")
    row = guest(clocked.over(10), "web")
    assert row.cpu == pytest.approx(50, abs=0.2)
    assert row.cpus == 1
    assert row.cpu_of_set == pytest.approx(50, abs=0.2)
    assert row.cpu_of_host == pytest.approx(25, abs=0.2)
    assert (row.memory, row.memory_limit) == (64 * MB, 512 * MB)
    assert row.net_in == pytest.approx(3 * MB)
    assert row.net_out == pytest.approx(2 * MB)
    assert row.read == pytest.approx(5 * MB)
    assert row.written == pytest.approx(MB)
    assert row.packets_in and row.reads
    assert (row.processes, row.threads, row.files) == (2, 2, 40)
    (nic,) = row.nics
    assert (nic.interface, nic.net_in) == ("bv1n0a", row.net_in)
    other = guest(clocked.over(10), "idle")
    assert (other.cpu, other.net_in, other.read) == (0, 0, 0)
    assert other.cpus == 2


def test_a_virtual_machine_too(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    image(driver, view)
    driver.ok("create", "vm", "v1", *SMALL, "--image", "gold", "--start")
    clocked = Clocked(view)
    clocked.host.settings.set_load("v1", cpu=80, received=MB, sent=2 * MB, read=3 * MB)
    row = guest(clocked.over(10), "v1")
    assert row.cpu == pytest.approx(80, abs=0.2)
    assert (row.cpus, row.memory_limit) == (1, 256 * MB)
    # bhyve's own memory, and that of the guest.
    assert row.memory == 19532 * 1024 + 64 * MB
    assert row.net_in == pytest.approx(MB)
    assert row.net_out == pytest.approx(2 * MB)
    assert row.read == pytest.approx(3 * MB)
    assert row.written == 0
    assert (row.threads, row.swap, row.files) == (11, None, None)


def test_a_restart_in_between_gives_no_rates(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "--start")
    clocked = Clocked(view)
    before = clocked.sample()
    driver.ok("restart", "web")
    clocked.now += 5
    row = guest(figures(before, clocked.sample()), "web")
    assert (row.cpu, row.net_in, row.read) == (None, None, None)
    assert row.processes == 2


def test_the_host_itself(world: tuple[Bsdvirt, HostView]) -> None:
    _, view = world
    clocked = Clocked(view)
    clocked.host.settings.set_load("", cpu=25)
    host = clocked.over(20).host
    assert host.cpu == pytest.approx(25, abs=0.2)
    assert host.cpu_by_cpu == [pytest.approx(25, abs=0.2)] * 2
    assert (host.cpus, host.swap, host.racct) == (2, 0, True)
    assert host.load is not None and len(host.load) == 3
    assert host.memory is not None and host.memory_used is not None
    assert 0 < host.memory_used < host.memory
    pool = next(pool for pool in host.pools if pool.name == "zroot")
    assert pool.health == "ONLINE"
    assert pool.used + pool.free == pool.size


def test_without_resource_accounting_what_can_be_known_is(
    world: tuple[Bsdvirt, HostView],
) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "--start")
    clocked = Clocked(view)
    clocked.host.settings.set_racct(False)
    clocked.host.settings.set_load("web", cpu=50, memory=64 * MB, received=MB, read=MB)
    made = clocked.over(10)
    row = guest(made, "web")
    assert not made.host.racct
    assert row.cpu == pytest.approx(50, abs=0.2)
    assert row.memory == pytest.approx(64 * MB, rel=0.01)
    assert (row.processes, row.threads) == (2, 2)
    assert row.net_in == pytest.approx(MB)
    assert row.read == pytest.approx(MB)
    assert (row.swap, row.files, row.cputime) == (None, None, None)
    shown = driver.ok("stats", "--once")
    assert "kern.racct.enable=1" in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_a_sample_costs_the_same_commands_for_any_number_of_jails(
    world: tuple[Bsdvirt, HostView], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, view = world
    driver.ok("create", "jail", "j1", "--start")
    clocked = Clocked(view)
    clocked.sample()
    counted = Counted(clocked.host, monkeypatch)
    clocked.sample()
    one, counted.ran = counted.ran, []
    driver.ok("create", "jail", "j2", "j3", "j4", "j5", "j6", "--start")
    clocked.sample()
    first, counted.ran = counted.ran, []
    sample = clocked.sample()
    assert len(sample.guests) == 6
    assert sorted(counted.ran) == sorted(one)
    assert len(one) <= 9
    # For new guests, their datasets are listed once.
    assert sorted(first) == sorted([*one, tools.ZFS])


def test_the_memory_of_virtual_machines_is_read_a_few_at_a_time(
    world: tuple[Bsdvirt, HostView], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, view = world
    image(driver, view)
    names = [f"v{number}" for number in range(AT_ONCE + 2)]
    driver.ok("create", "vm", *names, *SMALL, "--image", "gold", "--start")
    clocked = Clocked(view)
    memory = {row.name: row.memory for row in clocked.sample().guests}
    assert set(memory.values()) == {19532 * 1024 + 64 * MB}
    counted = Counted(clocked.host, monkeypatch)
    for _ in range(3):
        counted.ran = []
        clocked.sample()
        assert counted.ran.count(tools.BHYVECTL) == AT_ONCE


def test_nothing_is_kept_of_guests_that_are_gone(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    driver.ok("create", "jail", "j1", "j2", "--start")
    clocked = Clocked(view)
    clocked.sample()
    assert clocked.kept.names() == ["j1", "j2"]
    driver.ok("destroy", "j1", "--yes", "--force")
    driver.ok("stop", "j2")
    assert clocked.sample().guests == []
    assert clocked.kept.names() == []


def test_jails_in_a_jail_count_for_it(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "--start")
    clocked = Clocked(view)
    clocked.host.settings.set_racct(False)
    for name in ("web.child", "webb"):
        jid = clocked.host.settings.add_jail(name, f"/srv/{name}")
        with clocked.host.change() as state:
            state.jails[jid].processes.append(Process(9000 + jid, "sleep 1000"))
    (row,) = clocked.sample().guests
    assert (row.name, row.processes) == ("web", 3)


def test_a_change_of_the_cpuset_is_seen(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "--start")
    clocked = Clocked(view)
    assert clocked.sample().guests[0].cpus == 2
    driver.ok("set", "web", "cpuset=1")
    assert clocked.sample().guests[0].cpus == 1
    driver.ok("set", "web", "cpuset=")
    assert clocked.sample().guests[0].cpus == 2
