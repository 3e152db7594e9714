"""The two hosts that scenarios run on, and the list of scenarios."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scenario_driver import Bsdvirt
from scenario_view import ETC, LOG, RUN, HostView

from bsdvirt_sim import SimHost
from bsdvirt_sim.kernel.processes import end_all

FORWARDING = "net.inet.ip.forwarding"
Scenario = Callable[[Bsdvirt, HostView], None]
POOL_VARIABLE = "BSDVIRT_TEST_POOL"
DIST_VARIABLE = "BSDVIRT_TEST_DIST"


@dataclass(frozen=True, slots=True)
class Entry:
    """A scenario, and what it needs of a host."""

    act: Scenario
    sim_only: bool
    bare: bool
    each_release: bool = False

    @property
    def name(self) -> str:
        return self.act.__name__


SCENARIOS: list[Entry] = []


def scenario(
    *, sim_only: bool = False, bare: bool = False, each_release: bool = False
) -> Callable[[Scenario], Scenario]:
    """Enlist a scenario. `sim_only` uses what only the simulated host can do. `bare`
    wants a host on which nothing was done yet, not even init. `each_release` depends on what
    differs between releases: the simulated host is each of them for it, and else the newest."""

    def enlist(act: Scenario) -> Scenario:
        SCENARIOS.append(Entry(act, sim_only, bare, each_release))
        return act

    return enlist


# ---- the simulated host ----

MEMORY = "/dev/shm"  # noqa: S108
ENOUGH = 512 << 20


def fast_place() -> str | None:
    """Where a simulated host is quickest: in memory, where there is room. What is
    written there needs no disk to be synced."""
    with contextlib.suppress(OSError):
        if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
            return MEMORY
    return None


@contextlib.contextmanager
def fast_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bsdvirt-test-", dir=fast_place()) as name:
        yield Path(name)


def sim_view(directory: Path, release: str | None = None) -> HostView:
    """A simulated host that is there, or a new one of a release."""
    host = SimHost(directory, release=release)
    scratch = directory / "root/scratch"
    scratch.mkdir(exist_ok=True)
    return HostView(
        host, "zroot", "zroot/bsdvirt", "/bsdvirt", "/usr/freebsd-dist",
        scratch, "/scratch",
    )  # fmt: skip


@functools.cache
def sim_template(bare: bool, release: str | None = None) -> Path:
    """A simulated host to copy: fresh, or after init and release add."""
    directory = Path(tempfile.mkdtemp(prefix="bsdvirt-template-", dir=fast_place()))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    host = directory / "host"
    view = sim_view(host, release)
    if not bare:
        set_up(Bsdvirt(host), view)
    return host


def set_up(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("init", "--pool", view.pool, "--dataset", view.root, "--mountpoint", view.mountpoint)
    driver.ok("release", "add", view.dist)


@contextlib.contextmanager
def sim_world(
    *, bare: bool = False, release: str | None = None
) -> Iterator[tuple[Bsdvirt, HostView]]:
    """A simulated host of its own."""
    with fast_directory() as top:
        shutil.copytree(sim_template(bare, release), top / "host", symlinks=True)
        view = sim_view(top / "host")
        view.remember()
        try:
            yield Bsdvirt(top / "host"), view
        finally:
            end_all(top / "host")


# ---- a real host ----


@contextlib.contextmanager
def real_world() -> Iterator[tuple[Bsdvirt, HostView]]:
    """This machine, set up under names of its own; all of it is taken away at the end.

    Raises RuntimeError where bsdvirt is set up here already: that is somebody's.
    """
    from bsdvirt.host.real import RealHost

    if Path(f"{ETC}/bsdvirt.yaml").exists() or Path(f"{ETC}/networks").exists():
        raise RuntimeError(f"{ETC} has somebody's bsdvirt in it: not touched")
    pool, tag = os.environ[POOL_VARIABLE], secrets.token_hex(3)
    with tempfile.TemporaryDirectory(prefix="bsdvirt-test-") as scratch:
        view = HostView(
            RealHost(), pool, f"{pool}/bsdvirt-test-{tag}", f"/bsdvirt-test-{tag}",
            os.environ[DIST_VARIABLE], Path(scratch), scratch,
        )  # fmt: skip
        driver = Bsdvirt()
        rc_conf, pf_conf = Path("/etc/rc.conf"), Path("/etc/pf.conf")
        before = rc_conf.read_text() if rc_conf.exists() else ""
        had_rules = pf_conf.exists()
        forwarded = view.run("/sbin/sysctl", "-n", FORWARDING).stdout.strip()
        had = [place for place in (ETC, RUN, LOG) if Path(place).exists()]
        try:
            set_up(driver, view)
            view.remember()
            yield driver, view
        finally:
            _take_away(driver, view, had)
            if rc_conf.exists() and rc_conf.read_text() != before:
                rc_conf.write_text(before)
            view.host.run(("/sbin/sysctl", f"{FORWARDING}={forwarded}"), changes=True)
            if not had_rules and pf_conf.exists():
                pf_conf.unlink()
                for words in (("-d",), ("-F", "nat")):
                    view.host.run(("/sbin/pfctl", *words), changes=True)


def _take_away(driver: Bsdvirt, view: HostView, had: list[str]) -> None:
    """Everything that `set_up` and the scenarios made, and nothing else."""
    with contextlib.suppress(AssertionError):
        driver("doctor", "--repair")
        clean(driver)
        for network in driver.json("network", "ls"):
            driver("network", "destroy", network["name"])
    for face, facts in view.interfaces().items():
        if "bsdvirt" in facts["groups"]:
            view.host.run(("/sbin/ifconfig", face, "destroy"), changes=True)
    view.host.run(("/sbin/zfs", "destroy", "-r", view.root), changes=True, timeout=300)
    with contextlib.suppress(OSError):
        Path(view.mountpoint).rmdir()
    Path(f"{ETC}/bsdvirt.yaml").unlink(missing_ok=True)
    shutil.rmtree(f"{ETC}/networks", ignore_errors=True)
    for place in (ETC, RUN, LOG):
        if place not in had:
            shutil.rmtree(place, ignore_errors=True)


# ---- after each scenario ----


def clean(driver: Bsdvirt) -> None:
    """Destroy all guests, and the networks that scenarios made."""
    guests = driver.json("ls")
    if guests:
        driver("set", "--all", "protected=no")
        driver.ok("destroy", "--all", "--yes", "--force")
    for network in driver.json("network", "ls"):
        if network["name"] != "private":
            driver.ok("network", "destroy", network["name"])


def play(entry: Entry, driver: Bsdvirt, view: HostView) -> None:
    """A scenario, then its guests destroyed; and nothing must be left."""
    entry.act(driver, view)
    if entry.bare:
        return
    clean(driver)
    left = view.leftovers()
    assert not left, "\n".join(["left behind:", *left[:12]])
    driver.ok("doctor")
