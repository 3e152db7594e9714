"""The crash matrix: every verb fails, or its process is killed, at every step.

After a kill, `doctor --repair` or the next command of the same kind mends: what is
there is what was there before, or what would have been there after. After a failure
the same holds at once, with one line that says why.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from scenario_driver import Bsdvirt, Result
from scenario_hosts import fast_directory, fast_place, sim_template, sim_view
from scenario_view import Facts, HostView, differences, without_numbers

from bsdvirt_sim.releases import RELEASES, chosen

RELEASE = chosen().dist
MOST_STEPS = 60
"""No verb here has more: a run that is still hit then would go on for ever."""
Words = tuple[str, ...]

SHARED = ("create", "jail", "web", "resolver.mode=keep", "--shared", "lo0",
          "--address", "10.99.9.9")  # fmt: skip
LINUX = ("create", "jail", "web", "resolver.mode=keep", "--linux",
         "--root-from", "/usr/freebsd-dist")  # fmt: skip
NET = ("network", "create", "lan", "--address", "10.79.1.1/24", "--pool", "10.79.1.2-10.79.1.9",
       "--address", "fd00:79::1/64", "--pool", "fd00:79::2-fd00:79::99")  # fmt: skip
VLAN = ("network", "create", "wan", "--uplink", "vtnet0", "--vlan", "20", "--private",
        "--subnet", "10.79.3.0/24", "--pool", "10.79.3.9-10.79.3.19")  # fmt: skip
TRUNK = ("network", "create", "wan", "--vlanfilter", "--vlan", "20", "--address", "10.79.3.1/24")
NAT = ("network", "create", "out", "--nat", "--address", "10.79.5.1/24",
       "--address", "fd00:79:5::1/64")  # fmt: skip
EXPOSED = (("create", "jail", "web", "expose=tcp:8080:80"), ("start", "web"))
JAIL = ("create", "jail", "web", "limits.maxproc=99", "limits.pcpu=50", "cpuset=0",
        "--network", "private", "--network", "lan")  # fmt: skip

DATA = ("create", "jail", "web", "quota=1G", "datasets=[{name: data, mountpoint: /data}]")
MOUNTS = ("create", "jail", "web", "mounts=[{name: d, source: /usr/freebsd-dist, target: /opt/d},"
          " {name: t, type: tmpfs, target: /tmp, size: 8M}, {name: f, type: fdescfs}]")  # fmt: skip

FILE = "/usr/freebsd-dist/MANIFEST"
"""Any file will do: what is in a raw image is nobody's business."""
POOL = ("pool", "add", "tank/bsdvirt")
"""On the other pool."""
ELSEWHERE = ("create", "jail", "web", "--pool", "tank")
ROOMY = ("create", "vm", "web", "--image", "gold", "--pool", "tank", "--loader", "bhyveload")
IMAGE = ("image", "import", FILE, "--name", "gold")
MEDIUM = ("media", "add", FILE, "--name", "a.iso")

UPDATED = (("create", "jail", "web"), ("release", "update"))
"""A jail that is behind its release."""

VM = ("create", "vm", "web", "--image", "gold", "--loader", "bhyveload", "--memory", "64M",
      "--disk", "64M", "cloud.user=web", "expose=tcp:8080:80")  # fmt: skip

SNAPSHOTS = (("snapshot", "create", "web@a"), ("set", "web", "description=later"),
             ("snapshot", "create", "web@b"))  # fmt: skip
BACK = ("rollback", "web@a", "--yes")

ARCHIVE = "/scratch/web.bsdvirt"
EXPORT = ("export", "web", ARCHIVE)


@dataclass(frozen=True, slots=True)
class Case:
    """A verb, what came before it, and where else than before or after it may end."""

    name: str
    verb: Words
    prepare: tuple[Words, ...] = ()
    between: tuple[tuple[Words, ...], ...] = ()
    """Verbs of several operations: commands that lead to where one of them ends."""
    done: tuple[int, str] = (0, "")
    """What the same verb says again, once all of it is there."""
    bare: bool = False
    again: bool = True
    """Whether the same verb mends a kill: see test_open_crash.py."""
    release: str | None = None
    """The host's, where it is not the newest."""

    @property
    def id(self) -> str:
        return "-".join([*self.name.split(), *([self.release] if self.release else [])])


CASES = (
    Case("create vm", VM, (IMAGE,), done=(4, "already exists")),
    Case("disk add", ("disk", "add", "web", "data", "--size", "8M", "--bus", "nvme"),
         (IMAGE, VM), done=(4, "has a disk data")),
    Case("disk rm", ("disk", "rm", "web", "disk0", "--destroy", "--yes"), (IMAGE, VM),
         done=(3, "no disk disk0")),
    Case("disk resize", ("disk", "resize", "web", "disk0", "96M"), (IMAGE, VM)),
    Case("rename vm", ("rename", "web", "www"), (IMAGE, VM), done=(3, "no guest web")),
    Case("destroy vm", ("destroy", "web", "--yes"), (IMAGE, VM), done=(3, "no guest web"),
         again=False),
    Case("create", ("create", "jail", "web"), done=(4, "already exists")),
    Case("create thick", ("create", "jail", "web", "--thick"), done=(4, "already exists")),
    Case("start", ("start", "web"), (NET, JAIL)),
    Case("start plain", ("start", "web"), (("create", "jail", "web"),)),
    Case("create empty", ("create", "jail", "web", "--empty"), done=(4, "already exists")),
    Case("create copy", ("create", "jail", "web", "--root-from", "/usr/freebsd-dist"),
         done=(4, "already exists")),
    Case("create on directory", ("create", "jail", "web", "--directory", "/usr/freebsd-dist"),
         done=(4, "already exists")),
    Case("start linux", ("start", "web"), (LINUX,)),
    Case("stop linux", ("stop", "web"), (LINUX, ("start", "web"))),
    Case("stop linux force", ("stop", "web", "--force"), (LINUX, ("start", "web"))),
    Case("start shared", ("start", "web"), (SHARED,)),
    Case("stop shared", ("stop", "web"), (SHARED, ("start", "web"))),
    Case("stop shared force", ("stop", "web", "--force"), (SHARED, ("start", "web"))),
    Case("set shared", ("set", "web", "addresses.0.address=10.99.9.8"), (SHARED,)),
    Case("create data", DATA, done=(4, "already exists")),
    Case("start data", ("start", "web"), (DATA,)),
    Case("stop data", ("stop", "web", "--force"), (DATA, ("start", "web"))),
    Case("destroy data", ("destroy", "web", "--yes", "--force"), (DATA, ("start", "web")),
         ((("stop", "web"),),), (3, "no guest web"), again=False),
    Case("set data", ("set", "web", "datasets.data.mountpoint=/data", "datasets.data.quota=1G",
                      "quota=2G", "compression=zstd", "atime="),
         (("create", "jail", "web", "atime=yes"),)),
    Case("start mounts", ("start", "web"), (MOUNTS,)),
    Case("stop mounts", ("stop", "web"), (MOUNTS, ("start", "web"))),
    Case("stop", ("stop", "web"), (NET, JAIL, ("start", "web"))),
    Case("stop force", ("stop", "web", "--force"), (NET, JAIL, ("start", "web"))),
    Case("restart", ("restart", "web"), (NET, JAIL, ("start", "web")), ((("stop", "web"),),)),
    Case(
        "destroy", ("destroy", "web", "--yes"), (NET, JAIL), done=(3, "no guest web"),
        again=False,
    ),
    Case(
        "destroy force", ("destroy", "web", "--yes", "--force"), (NET, JAIL, ("start", "web")),
        ((("stop", "web"),),), (3, "no guest web"), again=False,
    ),
    Case("set", ("set", "web", "nics.0.address=10.77.0.99", "limits.maxproc=7"), (NET, JAIL)),
    Case(
        "set live",
        ("set", "web", "limits.maxproc=7", "limits.pcpu=", "limits.readbps=1M", "cpuset=1"),
        (NET, JAIL, ("start", "web")),
    ),
    Case("set exclusive", ("set", "web", "placement=exclusive", "cpus=1"),
         (("create", "jail", "web", "db", "--start"),), again=False),
    Case("rebalance", ("cpu", "rebalance"),
         (("create", "jail", "web", "db", "www", "placement=shared", "cpus=1", "--start"),
          ("destroy", "db", "--yes", "--force"))),
    Case("destroy exclusive", ("destroy", "web", "--yes"),
         (("create", "jail", "db", "--start"),
          ("create", "jail", "web", "placement=exclusive", "cpus=1")),
         done=(3, "no guest web"), again=False),
    Case(
        "rename", ("rename", "web", "www"),
        (("create", "jail", "web"), ("start", "web"), ("stop", "web"),
         ("create", "jail", "db", "zoo"), ("set", "db", "zoo", "boot.after=web")),
        done=(3, "no guest web"),
    ),
    Case(
        "start with hooks", ("start", "web"),
        (("create", "jail", "web", "hooks.started.guest=true", "hooks.stopping.guest=true",
          "hooks.started.policy=fail"),),
    ),
    Case("start main", ("start", "web"), (("create", "jail", "web", "run=sleep 1000"),)),
    Case(
        "stop with hooks", ("stop", "web"),
        (("create", "jail", "web", "hooks.stopping.guest=true", "hooks.stopping.policy=fail"),
         ("start", "web")),
    ),
    Case(
        "snapshot create", ("snapshot", "create", "web@a"),
        (("create", "jail", "web", "hooks.snapshotting.guest=true",
          "hooks.snapshotted.guest=true", "hooks.snapshotting.policy=fail"), ("start", "web")),
        done=(4, "already exists"),
    ),
    Case("snapshot hold", ("snapshot", "hold", "web@a"),
         (("create", "jail", "web"), ("snapshot", "create", "web@a"))),
    Case("snapshot rm", ("snapshot", "rm", "web@*", "--yes"),
         (("create", "jail", "web"), ("snapshot", "create", "web@a"),
          ("snapshot", "create", "web@b")), done=(3, "matches no snapshot")),
    Case("clone", ("clone", "web", "c1"), (DATA,), done=(4, "already exists")),
    Case("clone to pool", ("clone", "web", "c1", "--pool", "tank"), (POOL, DATA), again=False),
    Case("clone vm", ("clone", "web", "c1", "disks.disk0.size=96M"), (IMAGE, VM), again=False),
    Case("promote", ("promote", "c1"), (DATA, ("clone", "web", "c1"))),
    Case("set boot", ("set", "web", "boot.auto=yes"), (("create", "jail", "web"),)),
    Case(
        "release add", ("release", "add", "/usr/freebsd-dist"),
        (("release", "rm", RELEASE),), done=(4, "already exists"),
    ),
    Case("release update", ("release", "update"), done=(0, "")),
    Case("upgrade", ("upgrade", "web"), UPDATED, done=(0, "")),
    Case("upgrade back", ("upgrade", "web", "--back"), (*UPDATED, ("upgrade", "web")), again=False),
    Case("release rm", ("release", "rm", RELEASE), done=(3, "no release")),
    Case("network create", NET, done=(4, "already exists")),
    Case("network destroy", ("network", "destroy", "lan"), (NET,), done=(3, "no network lan")),
    Case("network create vlan", VLAN, done=(4, "already exists")),
    Case("network destroy vlan", ("network", "destroy", "wan"), (VLAN,), done=(3, "no network")),
    Case("network set mtu", ("network", "set", "wan", "mtu=1400"), (VLAN,)),
    Case("network set", ("network", "set", "wan", "vlan=30", "addresses=10.79.4.1/24"), (VLAN,)),
    Case("network create trunk", TRUNK, done=(4, "already exists")),
    Case("network set trunk", ("network", "set", "wan", "vlan=30"), (TRUNK,)),
    Case(
        "network set live", ("network", "set", "lan", "private=yes", "addresses=fd00:79::1/64"),
        (NET, ("create", "jail", "web", "--network", "lan", "nics.0.address=none"),
         ("start", "web"), ("network", "set", "lan", "pools.0=")),
    ),
    Case("image import", IMAGE, done=(4, "already exists")),
    Case("image rm", ("image", "rm", "gold"), (IMAGE,), done=(3, "no image gold")),
    Case("media add", MEDIUM, done=(4, "already exists")),
    Case("media rm", ("media", "rm", "a.iso"), (MEDIUM,), done=(3, "no medium a.iso")),
    Case("network create nat", NAT, done=(4, "already exists")),
    Case("network destroy nat", ("network", "destroy", "out"), (NAT,), done=(3, "no network")),
    Case("network set nat", ("network", "set", "out", "nat=no"), (NAT,)),
    Case("expose", ("expose", "web", "tcp:8081:81", "udp:53"), EXPOSED),
    Case("expose remove", ("set", "web", "expose="), EXPOSED),
    Case("start exposed", ("start", "web"), (*EXPOSED, ("stop", "web"))),
    Case("stop exposed", ("stop", "web"), EXPOSED),
    Case("pool add", POOL),
    Case("pool rm", ("pool", "rm", "tank"), (POOL,), done=(3, "no pool tank")),
    Case("create on pool", ELSEWHERE, (POOL,), ((ELSEWHERE, ("destroy", "web", "--yes")),),
         (4, "already exists")),
    Case("create vm on pool", ROOMY, (POOL, IMAGE), ((ROOMY, ("destroy", "web", "--yes")),),
         (4, "already exists")),
    Case("start on pool", ("start", "web"), (POOL, ELSEWHERE)),
    Case("rename on pool", ("rename", "web", "www"),
         (POOL, ELSEWHERE, ("create", "jail", "db", "boot.after=web")), done=(3, "no guest web")),
    Case("destroy on pool", ("destroy", "web", "--yes"), (POOL, ELSEWHERE),
         done=(3, "no guest web"), again=False),
    Case("release rm of two pools", ("release", "rm", RELEASE),
         (POOL, ELSEWHERE, ("destroy", "web", "--yes")), done=(3, "no release"), again=False),
    Case("rollback restart", (*BACK, "--restart"), (DATA, *SNAPSHOTS, ("start", "web")),
         ((("stop", "web"),), ((*BACK, "--stop"),))),
    Case("rollback vm", BACK, (IMAGE, VM, SNAPSHOTS[0],
                               ("disk", "add", "web", "more", "--size", "8M"), SNAPSHOTS[2])),
    Case("export vm", ("export", "web", ARCHIVE, "--portable"), (IMAGE, VM), done=(4, "exists")),
    Case("export", EXPORT, (DATA,), done=(4, "exists")),
    Case("import", ("import", ARCHIVE, "www", "--yes"), (DATA, EXPORT),
         done=(4, "already exists")),
    Case("import root", ("import", "/usr/freebsd-dist/base.txz", "web", "--yes"),
         done=(4, "already exists")),
    Case("init", ("init", "--pool", "zroot"), bare=True, again=False),
)  # fmt: skip

RARE = (
    Case("upgrade thick", ("upgrade", "web"),
         (("create", "jail", "web", "--thick"), ("release", "update")), done=(0, "")),
    Case("upgrade drop", ("upgrade", "web", "--drop", "--yes"), (*UPDATED, ("upgrade", "web")),
         done=(3, "no root is kept")),
)  # fmt: skip
"""In the whole matrix only: nearly the same as others."""

OLDER = ("start", "stop force", "network set mtu", "network create vlan", "set live",
         "create thick", "destroy force")  # fmt: skip
"""What runs on the other releases too: a sample, with all that depends on the release."""
EVERY = (
    *CASES,
    *(RARE if os.environ.get("BSDVIRT_MATRIX") == "all" else ()),
    *(
        replace(case, release=release)
        for release in RELEASES
        if release != chosen().version
        for case in CASES
        if case.name in OLDER
    ),
)

SPARSE = 22

_PASSING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|[0-9a-f]{32}|02(?::[0-9a-f]{2}){5}"
    r"|\d{4}-\d\d-\d\dT[\d:]+Z|BV[0-9A-F]{16}|0x02[0-9a-f]{14}"
)
"""UUIDs, operations, MAC addresses, serial numbers and dates: another at each run."""


@dataclass(frozen=True, slots=True)
class Known:
    """The host as the verb found it, and the states that it may leave."""

    host: Path
    before: Facts
    after: Facts
    between: tuple[Facts, ...]

    def ways(self, state: Facts, *goals: Facts) -> list[str]:
        """How the state differs from the nearest goal; none where it is one of them."""
        return min((differences(goal, state) for goal in goals), key=len)


@functools.cache
def known(case: Case) -> Known:
    """Prepared once in each process; each run works on a copy."""
    top = Path(tempfile.mkdtemp(prefix="bsdvirt-crash-", dir=fast_place()))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    host = top / "host"
    shutil.copytree(sim_template(case.bare, case.release), host, symlinks=True)
    for words in case.prepare:
        Bsdvirt(host).ok(*words)
    ends: list[Facts] = []
    for number, commands in enumerate(((case.verb,), *case.between)):
        copy = top / f"end{number}"
        shutil.copytree(host, copy, symlinks=True)
        for words in commands:
            Bsdvirt(copy).ok(*words)
        ends.append(state_of(copy, host))
        shutil.rmtree(copy)
    return Known(host, state_of(host, host), ends[0], tuple(ends[1:]))


@functools.cache
def passing(origin: Path) -> set[str]:
    """What another run would have another of, and this host has had from the beginning."""
    found = set(_PASSING.findall(json.dumps(sim_view(origin).everything())))
    # What is made in the same second has the same date.
    return {one for one in found if not one.endswith("Z")}


def state_of(directory: Path, origin: Path) -> Facts:
    """All that the host shows; what is new at each run is masked where it was not there
    from the beginning."""
    old = passing(origin)
    facts = without_numbers(sim_view(directory).everything())
    facts["files"].pop("/var/run/bsdvirt/failed/web", None)
    for name in list(facts["files"]):
        if "/media/dist" in name:
            # Downloads are kept until they are installed.
            del facts["files"][name]
        elif name.endswith(".main") or "/seed" in name:
            # A process and times; a guest's MAC address and UUID.
            facts["files"][name] = "there"
    text = _PASSING.sub(lambda m: m[0] if m[0] in old else "NEW", json.dumps(facts))
    masked: Facts = json.loads(text)
    return masked


def steps(which: str) -> Iterator[int]:
    """The steps to fail at: every one where BSDVIRT_MATRIX is `all` (make matrix), else the
    first and one of SPARSE, another one for each case and each kind of fault."""
    if os.environ.get("BSDVIRT_MATRIX") == "all":
        yield from range(1, MOST_STEPS)
        return
    yield 1
    yield from range(2 + zlib.crc32(which.encode()) % 11, MOST_STEPS, SPARSE)


class Runs:
    """One case run with a fault at step after step, until none is hit any more."""

    def __init__(self, case: Case, top: Path) -> None:
        self.case = case
        self.known = known(case)
        self.top = top
        self.wrong: list[str] = []

    def each(self, kind: str, check: Callable[[Bsdvirt, HostView, Result, str], None]) -> None:
        for number in steps(f"{self.case.name} {kind}"):
            fault = f"{kind}:{number}"
            directory = self.top / fault.replace(":", "")
            shutil.copytree(self.known.host, directory, symlinks=True)
            driver = Bsdvirt(directory)
            with driver.faulty(fault):
                result = driver(*self.case.verb)
            if result.status == 0:
                assert number > 1, f"no step was hit: {result}"
                break
            try:
                check(driver, sim_view(directory), result, fault)
            except AssertionError as error:
                self.wrong.append(f"{fault}: {error}")
            shutil.rmtree(directory)
        else:
            self.wrong.append(f"{kind} still hits at step {MOST_STEPS}")
        assert not self.wrong, "\n\n".join([f"{self.case.name}:", *self.wrong])

    def state(self, driver: Bsdvirt) -> Facts:
        assert driver.sim is not None
        return state_of(driver.sim, self.known.host)

    def assert_one_of(self, driver: Bsdvirt, why: object, *goals: Facts) -> None:
        found = self.known.ways(self.state(driver), *goals)
        assert not found, "\n".join([f"half made, after {why}", *found[:6]])


@pytest.fixture
def place() -> Iterator[Path]:
    with fast_directory() as top:
        yield top


BOTH = pytest.mark.parametrize("kind", ["kill-before", "kill-after"])


EACH = pytest.mark.parametrize("case", EVERY, ids=lambda case: case.id)
AGAIN = pytest.mark.parametrize("case", [c for c in EVERY if c.again], ids=lambda case: case.id)
SET_UP = pytest.mark.parametrize("case", [c for c in EVERY if not c.bare], ids=lambda case: case.id)


@SET_UP
@BOTH
def test_doctor_mends_a_kill(case: Case, kind: str, place: Path) -> None:
    runs = Runs(case, place)
    goals = (runs.known.before, runs.known.after, *runs.known.between)

    def check(driver: Bsdvirt, view: HostView, result: Result, fault: str) -> None:
        assert result.status == -9, result
        driver.ok("ls")
        repaired = driver.ok("doctor", "--repair")
        runs.assert_one_of(driver, repaired, *goals)
        assert "problem" not in driver.ok("doctor").stdout

    runs.each(kind, check)


@AGAIN
@BOTH
def test_the_same_again_mends_a_kill(case: Case, kind: str, place: Path) -> None:
    run_again(Runs(case, place), kind)


def run_again(runs: Runs, kind: str) -> None:
    """Kill at each step, and then give the same command again."""
    case = runs.case

    def check(driver: Bsdvirt, view: HostView, result: Result, fault: str) -> None:
        assert result.status == -9, result
        again = driver(*case.verb)
        if again.status != 0:
            assert again.status == case.done[0], again
            assert case.done[1] in again.stderr, again
        runs.assert_one_of(driver, again, runs.known.after)
        assert "problem" not in driver.ok("doctor").stdout

    runs.each(kind, check)


@EACH
def test_a_failure_leaves_what_was(case: Case, place: Path) -> None:
    runs = Runs(case, place)
    calm = (runs.known.before, *runs.known.between)

    def check(driver: Bsdvirt, view: HostView, result: Result, fault: str) -> None:
        assert result.status == 1, result
        said = [line for line in result.stderr.splitlines() if line.startswith("bsdvirt: ")]
        assert len(said) == 1, result
        assert f"step {fault.partition(':')[2]} failed" in said[0], result
        if case.bare:
            # Several operations, and no host file before the first has ended.
            driver.ok(*case.verb)
            runs.assert_one_of(driver, result, runs.known.after)
            return
        if runs.known.ways(runs.state(driver), *calm):
            # It failed behind the point of no return: that must be told, and go on.
            assert "doctor" in said[0], result
            assert view.journals(), result
            repaired = driver.ok("doctor", "--repair")
            runs.assert_one_of(driver, repaired, runs.known.after, *runs.known.between)
        assert "problem" not in driver.ok("doctor").stdout

    runs.each("fail", check)
