"""`stats record` on a simulated host whose time the test lets pass, and what is shown of it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView

from bsdvirt.errors import ConflictError, HostError
from bsdvirt.layout import HOST_FILE
from bsdvirt.ops.history.publish import MOST_REQUEST, File, Socket, answer
from bsdvirt.ops.history.record import Recorder, record
from bsdvirt.ops.history.ring import Record
from bsdvirt.ops.history.store import HOST, Store
from bsdvirt.ops.show.prometheus import prometheus
from bsdvirt.plan.events import Event, Warned
from bsdvirt.rows.usage import Sample
from bsdvirt.tui.feed.reading import Reading
from bsdvirt_sim import SimHost

MB = 1 << 20
START = 1_800_000_000 // 3600 * 3600
STEP = 10
STATS = "zroot/bsdvirt/state/stats"


class Clocked:
    """A recorder whose clock the test sets."""

    def __init__(self, driver: Bsdvirt, view: HostView) -> None:
        assert isinstance(view.host, SimHost)
        self.driver, self.host = driver, view.host
        self.now = float(START)
        self.up = 1000.0
        self.said: list[str] = []
        self.seen: list[Sample] = []
        self.store = Store(self.host.fs, "/bsdvirt/state/stats")
        self.begin()

    def begin(self) -> None:
        """Begin as a daemon that was started again."""
        self.recorder = Recorder(
            self.host, self.sink, [self.seen.append], lambda: self.now, lambda: self.up
        )
        self.host.settings.pass_time(0)

    def sink(self, event: Event) -> None:
        assert isinstance(event, Warned)
        self.said.append(event.message)

    def wait(self, seconds: float) -> None:
        self.host.settings.pass_time(seconds)
        self.now += seconds
        self.up += seconds

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.wait(STEP)
            self.recorder.tick()

    def uuid(self, name: str) -> str:
        return str(self.driver.json("info", name)["uuid"])

    def records(self, name: str, at: int = 0) -> list[Record]:
        found = self.store.read(name)
        assert found is not None
        return found.records(found.rings[at], 0, int(self.now))


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Bsdvirt, HostView]]:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "--start")
        yield driver, view


@pytest.fixture
def clocked(world: tuple[Bsdvirt, HostView]) -> Iterator[Clocked]:
    driver, view = world
    one = Clocked(driver, view)
    one.host.fs.mkdir(one.store.directory, 0o700)
    one.host.settings.set_load("web", cpu=50, memory=64 * MB, received=3 * MB, written=MB)
    yield one
    for name in one.store.names():
        one.store.remove(name)


def test_what_a_guest_uses_is_recorded_in_its_file(clocked: Clocked) -> None:
    clocked.ticks(3)
    web = clocked.records(clocked.uuid("web"))
    first = START // STEP
    assert [one.number for one in web] == [first, first + 1, first + 2]
    cpu, memory, processes, net_in, _, read, written, _ = web[-1].mean
    assert cpu == pytest.approx(50, abs=0.5)
    assert (memory, processes, read) == (64 * MB, 2, 0)
    assert net_in == pytest.approx(3 * MB)
    assert written == pytest.approx(MB)
    # A rate needs two samples.
    assert web[0].mean[0] != web[0].mean[0]
    assert web[0].mean[1] == 64 * MB
    host = clocked.records(HOST)
    assert len(host) == 3
    assert host[-1].mean[5] == 1, "guests that ran"
    real = clocked.host.fs.path(clocked.store.directory)
    assert real.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in real.iterdir()} == {0o600}


def test_a_restart_of_the_guest_gives_no_rate(clocked: Clocked) -> None:
    clocked.ticks(2)
    clocked.driver.ok("restart", "web")
    clocked.host.settings.set_load("web", cpu=50, memory=64 * MB, received=3 * MB, written=MB)
    clocked.ticks(2)
    rates = [(one.mean[0], one.mean[3]) for one in clocked.records(clocked.uuid("web"))[1:]]
    assert [cpu != cpu for cpu, _ in rates] == [False, True, False]
    assert all(-1 < cpu < 101 and -1 < net < 4 * MB for cpu, net in rates if cpu == cpu)


def test_a_gap_is_a_gap_and_the_first_rate_after_it_is_not_known(clocked: Clocked) -> None:
    clocked.ticks(2)
    clocked.wait(600)
    clocked.ticks(2)
    web = clocked.records(clocked.uuid("web"))
    assert [one.number - START // STEP for one in web] == [0, 1, 62, 63]
    assert [one.mean[0] != one.mean[0] for one in web] == [True, False, True, False]


def test_samples_that_take_longer_than_the_interval_have_rates(clocked: Clocked) -> None:
    def slow(sample: Sample) -> None:
        clocked.wait(40)

    clocked.recorder = Recorder(
        clocked.host, clocked.sink, [slow], lambda: clocked.now, lambda: clocked.up
    )
    clocked.ticks(4)
    web = clocked.records(clocked.uuid("web"))
    assert [one.mean[0] != one.mean[0] for one in web] == [True, False, False, False]


def test_a_clock_that_is_set_back_records_again(clocked: Clocked) -> None:
    clocked.ticks(40)
    clocked.now -= 300
    clocked.ticks(1)
    web = clocked.records(clocked.uuid("web"))
    assert [one.number - START // STEP for one in web] == list(range(11))
    assert web[-1].mean[0] == pytest.approx(50, abs=0.5)


def test_periods_of_minutes_are_made_also_after_a_restart_of_the_daemon(clocked: Clocked) -> None:
    clocked.ticks(20)
    clocked.begin()
    clocked.ticks(11)
    (minutes,) = clocked.records(clocked.uuid("web"), 1)
    assert (minutes.number, minutes.samples) == (START // 300, 30)
    assert minutes.mean[0] == pytest.approx(50, abs=0.5)
    assert minutes.most[1] == 64 * MB


def test_a_new_name_is_the_same_guest_and_a_destroyed_one_leaves_nothing(
    clocked: Clocked,
) -> None:
    driver = clocked.driver
    driver.ok("create", "jail", "old", "--start")
    uuid = clocked.uuid("old")
    clocked.ticks(2)
    driver.ok("stop", "old")
    driver.ok("rename", "old", "new")
    driver.ok("start", "new")
    clocked.ticks(2)
    assert len(clocked.records(uuid)) == 4
    driver.ok("stop", "new")
    assert clocked.store.path(uuid) in driver.ok("destroy", "new", "-n").stdout
    driver.ok("destroy", "new", "--yes")
    assert uuid not in clocked.store.names()
    # Nothing of a guest without a history.
    driver.ok("create", "jail", "short")
    assert "stats" not in driver.ok("destroy", "short", "-n").stdout
    driver.ok("destroy", "short", "--yes")


def test_files_of_no_guest_are_removed(clocked: Clocked) -> None:
    clocked.ticks(1)
    stray = "00000000-0000-0000-0000-000000000001"
    with clocked.store.opened(stray, STEP):
        pass
    said = clocked.driver("doctor").stdout
    assert f"{clocked.store.path(stray)} belongs to no guest" in said
    clocked.begin()
    clocked.ticks(1)
    assert stray in clocked.store.names(), "one reading is not enough"
    clocked.ticks(30)
    assert stray not in clocked.store.names()
    with clocked.store.opened(stray, STEP):
        pass
    clocked.driver.ok("doctor", "--repair")
    assert set(clocked.store.names()) == {HOST, clocked.uuid("web")}


def test_an_error_is_logged_once_and_the_next_sample_is_taken(clocked: Clocked) -> None:
    """At whole intervals, also where the clock is set while it waits; until there is no host
    file."""
    clocked.now += 3
    file = clocked.host.fs.path(HOST_FILE)
    text = file.read_text()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clocked.wait(seconds)
        turn = len(waits)
        if turn == 2:
            file.write_text("nonsense: [")
        elif turn == 5:
            file.write_text(text)
        elif turn == 6:
            clocked.now -= 3604
        elif turn == 8:
            file.rename(file.with_suffix(".away"))

    try:
        record(clocked.recorder, clocked.host, clocked.sink, wait, lambda: clocked.now)
    finally:
        file.with_suffix(".away").rename(file)
    assert waits == [7, 10, 10, 10, 10, 10, 4, 10]
    assert len(clocked.said) == 1
    assert HOST_FILE in clocked.said[0]
    assert len(clocked.seen) == 3


def test_a_dataset_that_is_not_mounted_is_not_written_beneath(clocked: Clocked) -> None:
    clocked.ticks(1)
    clocked.host.run(("/sbin/zfs", "umount", "zroot/bsdvirt/state"), changes=True).check()
    try:
        with pytest.raises(HostError, match="not mounted"):
            clocked.ticks(1)
        assert not clocked.host.fs.exists(clocked.store.directory)
    finally:
        clocked.host.run(("/sbin/zfs", "mount", "zroot/bsdvirt/state"), changes=True).check()


def test_histories_have_a_dataset_of_their_own_that_must_be_mounted(clocked: Clocked) -> None:
    clocked.host.run(("/sbin/zfs", "create", STATS), changes=True).check()
    clocked.ticks(1)
    clocked.host.run(("/sbin/zfs", "umount", STATS), changes=True).check()
    with pytest.raises(HostError, match=f"{STATS} is not mounted"):
        clocked.ticks(1)
    clocked.driver.ok("doctor", "--repair")
    clocked.ticks(1)
    assert clocked.host.fs.listdir(clocked.store.directory)
    clocked.host.run(("/sbin/zfs", "destroy", STATS), changes=True).check()


def test_a_reader_never_sees_what_was_not_written(clocked: Clocked) -> None:
    """While another thread writes the same two records again and again."""
    values = {0: 1.0, 720: 1e9}
    ended = threading.Event()

    def writes() -> None:
        with clocked.store.opened("busy", STEP) as file:
            while not ended.is_set():
                for number, value in values.items():
                    file.write(file.rings[0], Record(number, 1, (value,) * 8, (value,) * 8))

    thread = threading.Thread(target=writes)
    thread.start()
    try:
        for _ in range(100):
            history = clocked.store.read("busy")
            for one in history.records(history.rings[0], 0, 7210) if history else ():
                assert set(one.mean) == {values[one.number]}
    finally:
        ended.set()
        thread.join()
        clocked.store.remove("busy")


@pytest.fixture
def recorded(clocked: Clocked) -> Clocked:
    """Some time that ends now, of a guest that used more and more."""
    now = int(time.time())
    for name in (HOST, clocked.uuid("web")):
        with clocked.store.opened(name, STEP) as file:
            for number in range(now // STEP - 600, now // STEP):
                value = float(number - now // STEP + 600)
                file.write(file.rings[0], Record(number, 1, (value,) * 8, (value,) * 8))
            file.fold(now, 0)
    return clocked


def test_the_past_is_drawn_and_given_to_scripts(recorded: Clocked) -> None:
    driver = recorded.driver
    shown = driver.ok("stats", "web", "--since", "1h").stdout
    for title in ("CPU, of one", "memory", "network in", "disk written"):
        assert title in shown
    assert max(map(len, shown.splitlines())) <= 80
    (web,) = driver.json("stats", "web", "--since", "1h")
    assert (web["name"], web["kind"], web["step"]) == ("web", "jail", STEP)
    assert 340 <= len(web["periods"]) <= 360
    assert web["periods"][-1]["mean"]["cpu"] <= 599
    (web,) = driver.json("stats", "web", "--since", "1d")
    assert web["step"] == 300
    assert web["periods"][-1]["most"]["cpu"] > web["periods"][-1]["mean"]["cpu"]
    (web,) = driver.json("stats", "web", "--since", "999999w")
    assert web["step"] == 3600
    assert web["end"] - web["begin"] == 60 * 86400
    lines = driver.ok("stats", "web", "--since", "10m", "--csv").lines
    assert lines[0].startswith("name,time,step,cpu,cpu_most,memory,")
    assert lines[1].startswith("web,")
    every = driver.ok("stats", "--since", "1h").lines
    assert [line.split()[0] for line in every] == ["NAME", "host", "web"]
    (host,) = driver.json("stats", "--host", "--since", "1h")
    assert host["kind"] == "host"
    assert set(host["periods"][0]["mean"]) >= {"arc", "load", "guests"}


def test_displays_begin_with_what_was_recorded(recorded: Clocked) -> None:
    """The UI's first reading, and no later one."""
    reading = Reading(recorded.host)
    lately = reading.tick("").lately["web"]
    assert lately.step == STEP
    assert [one.mean[0] for one in lately.records][-2:] == [598.0, 599.0]
    assert reading.tick("").lately == {}
    recorded.driver.fails(2, "ls", "-w", says="a terminal")


def test_a_file_that_cannot_be_read_stops_no_other(recorded: Clocked) -> None:
    driver = recorded.driver
    real = recorded.host.fs.path(recorded.store.path(recorded.uuid("web")))
    real.unlink()
    real.mkdir()
    try:
        assert "host" in driver.ok("stats", "--since", "1h").stdout
        assert driver("stats", "web", "--since", "1h").status == 1
        with pytest.raises(IsADirectoryError):
            recorded.ticks(1)
        recorded.store.remove(HOST)
        with pytest.raises(IsADirectoryError):
            recorded.ticks(1)
        assert len(recorded.records(HOST)) == 1
    finally:
        real.rmdir()


def test_what_is_not_recorded_says_what_to_do(clocked: Clocked) -> None:
    driver = clocked.driver
    driver.fails(3, "stats", "web", "--since", "1h", says="bsdvirt_stats_enable=YES")
    driver.fails(3, "stats", "--since", "1h", says="service bsdvirt_stats start")


@pytest.mark.parametrize(
    "words",
    [
        ("--until", "1h"), ("--csv",), ("--host",), ("--since", "soon"), ("--since", "0m"),
        ("--since", "1h", "--prometheus"), ("--since", "1h", "--csv", "--json"),
        ("--since", "0001-01-01T00:00+14:00"), ("--since", "1h", "-H"),
        ("--since", "1h", "--until", "2h"),
        ("--host", "web", "--since", "1h"),
        ("record", "--prometheus-group", "wheel"),
        ("record", "--prometheus-group", "nosuch", "--prometheus-file", "/x"),
        ("record", "web"),
    ],
)  # fmt: skip
def test_words_that_do_not_fit(world: tuple[Bsdvirt, HostView], words: tuple[str, ...]) -> None:
    world[0].fails(2, "stats", *words)


def asked(path: Path, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


def test_prometheus_asks_a_socket_while_the_daemon_waits(clocked: Clocked) -> None:
    clocked.ticks(1)
    path = "/var/run/p.sock"
    real = clocked.host.fs.path(path)
    served = Socket(clocked.host.fs, path)
    assert real.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConflictError):
        Socket(clocked.host.fs, path)
    ended = threading.Event()

    def waits() -> None:
        while not ended.is_set():
            served.wait(0.05)

    thread = threading.Thread(target=waits)
    thread.start()
    try:
        get = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        assert asked(real, get).startswith(b"HTTP/1.0 503 ")
        served.publish(clocked.seen[-1])
        head, _, body = asked(real, get).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain")
        assert body.decode() == prometheus(clocked.seen[-1])
        assert asked(real, b"x" * MOST_REQUEST).startswith(b"HTTP/1.0 400 ")
    finally:
        ended.set()
        thread.join()
        served.close()
    assert not real.exists()
    real.write_text("mine")
    with pytest.raises(ConflictError, match="not a socket"):
        Socket(clocked.host.fs, path)
    real.unlink()


def test_a_client_that_is_slow_neither_blocks_nor_stays(
    clocked: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsdvirt.ops.history.publish.PATIENCE", 0.05)
    path = "/var/run/p.sock"
    served = Socket(clocked.host.fs, path)
    with socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(clocked.host.fs.path(path)))
        slow.send(b"GET")
        served.wait(0.5)
        slow.settimeout(30)
        assert slow.recv(1) == b""
    served.close()


def test_a_socket_for_a_group_follows_no_link(
    clocked: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory may be of another user, who puts a link in the socket's place."""
    fs, path = clocked.host.fs, "/var/run/q.sock"
    victim = fs.path("/var/run/victim")
    victim.write_text("mine")
    victim.chmod(0o600)
    bind = socket.socket.bind
    seen: list[int] = []

    def and_replaced(self: socket.socket, real: str) -> None:
        bind(self, real)
        seen.append(os.stat(real).st_mode & 0o777)
        os.unlink(real)
        os.symlink(victim, real)

    with monkeypatch.context() as patched:
        patched.setattr("bsdvirt.ops.history.publish.socket.socket.bind", and_replaced)
        Socket(fs, path, os.getgid()).close()
    assert seen == [0o660]
    assert victim.stat().st_mode & 0o777 == 0o600


def test_only_get_and_head_are_answered() -> None:
    assert answer(b"POST / HTTP/1.0\r\n\r\n", None).startswith(b"HTTP/1.0 400 ")
    assert answer(b"GET /", None).startswith(b"HTTP/1.0 400 ")
    assert answer(b"HEAD / HTTP/1.0\r\n\r\n", None).startswith(b"HTTP/1.0 503 ")


def test_the_file_for_node_exporter_is_replaced(clocked: Clocked) -> None:
    clocked.ticks(1)
    path = "/var/run/bsdvirt.prom"
    real = clocked.host.fs.path(path)
    for group, mode in ((None, 0o600), (os.getgid(), 0o640)):
        File(clocked.host.fs, path, group).publish(clocked.seen[-1])
        assert real.read_text() == prometheus(clocked.seen[-1])
        assert real.stat().st_mode & 0o777 == mode
    assert [one.name for one in real.parent.iterdir() if ".prom" in one.name] == [real.name]
    real.unlink()
