"""The plans of virtual machines, carried out on the simulated host: strict about every
command, with a supervisor and a bhyve that are real processes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bsdvirt.bhyve import check, claims, create, start, stop
from bsdvirt.bhyve.devices import firmware
from bsdvirt.bhyve.devices.base import VmStartFacts
from bsdvirt.bhyve.devices.framebuffer import screen_of
from bsdvirt.bhyve.holds import read_keys, read_taken
from bsdvirt.cpu.limits import LiveFacts, live_steps
from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import read_host, read_kernel
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.rctl import read_rules
from bsdvirt.facts.vmm import read_devices, read_paths, read_vmm
from bsdvirt.facts.vms import VmFact, read_vm
from bsdvirt.guest.destroy import plan_destroy
from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import kind_of
from bsdvirt.layout import FAILED_DIRECTORY, guest_log_directory, vm_directory
from bsdvirt.plan.step import Plan
from bsdvirt.session.session import Session
from bsdvirt.spec.identity import Claim, Identity
from bsdvirt.spec.load import decode
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm
from bsdvirt_sim import SimHost

REPOSITORY = Path(__file__).resolve().parents[2]
GIVEN = {
    "kind": "vm", "memory": "128M", "cpus": 2, "cpuset": "0-1", "limits": {"pcpu": 150},
    "disks": [
        {"name": "disk0", "size": "64M"},
        {"name": "data", "size": "64M", "bus": "nvme"},
        {"name": "more", "size": "65M", "bus": "ahci"},
    ],
    "cdroms": [{"name": "cd0"}], "nics": [{"network": "private"}], "vnc": {"enabled": True},
}  # fmt: skip
FAULT = "BSDVIRT_FAULT"


def spec(**changed: Any) -> Vm:
    return decode(Vm, GIVEN | changed)


class Machine:
    """One virtual machine on a simulated host, and its plans."""

    name = "web1"

    def __init__(self, directory: Path) -> None:
        self.host = SimHost(directory)
        self.session = Session(self.host)
        self.vm = spec()

    # ---- what is there ----

    @property
    def guest(self) -> Guest:
        return self.session.inventory().guest(self.name)

    @property
    def fact(self) -> VmFact | None:
        return read_vm(self.host.fs, self.name)

    @property
    def said(self) -> dict[str, Any]:
        text = self.host.fs.read_text(f"{vm_directory(self.name)}/state.json")
        value: dict[str, Any] = json.loads(text)
        return value

    def files(self) -> list[str]:
        """In its run directory, but for the locks, which stay."""
        names = self.host.fs.listdir(vm_directory(self.name))
        return [name for name in names if not name.endswith(".lock")]

    def left(self) -> tuple[object, ...]:
        """All that a guest may leave on the host."""
        return (
            sorted(read_devices(self.host)),
            sorted(read_interfaces(self.host)),
            self.files(),
            [rule for rule in read_rules(self.host) if rule.subject.startswith("process:")],
            [(d.name, d.op) for d in self.session.inventory().datasets],
        )

    # ---- what is done ----

    def run(self, plan: Callable[[str], Plan]) -> Plan:
        session = Session(self.host)
        made = plan(session.new_op())
        session.run(made)
        return made

    def create(self) -> None:
        nics = [Claim(network="private", mac="02:00:00:00:00:10")]
        identity = Identity(id=7, uuid="11111111-2222-4333-8444-555555555555", kind="vm", nics=nics)
        identity = claims.fit(identity, self.vm, random.Random(7).randbytes)
        layout = self.session.layout
        self.run(lambda op: create.plan_create(self.name, self.vm, identity, layout, op))

    def start(self) -> Plan:
        fs = self.host.fs
        facts = VmStartFacts(
            host=read_host(self.host, FAILED_DIRECTORY, vm_directory(self.name)),
            kernel=read_kernel(self.host),
            vmm=read_vmm(self.host),
            vm=self.fact,
            paths=read_paths(
                fs, check.wanted_paths(self.guest, self.vm), f"/bsdvirt/guests/{self.name}"
            ),
            password="a%b\\c",
            taken=read_taken(fs, []),
        )
        networks = self.session.networks()
        return self.run(lambda op: start.plan_start(self.guest, self.vm, networks, facts, op))

    def stop(self, *, force: bool = False) -> Plan:
        facts = read_host(self.host, FAILED_DIRECTORY, vm_directory(self.name))
        devices = read_devices(self.host)
        return self.run(
            lambda op: stop.plan_stop(
                self.guest, facts, self.fact, devices, op, timeout=20, force=force
            )
        )

    def kill(self, *who: str) -> None:
        said = self.said
        for one in who:
            os.kill(said[one], signal.SIGKILL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            fact = self.fact
            assert fact is not None
            if not (fact.supervised if who == ("supervisor",) else fact.runs):
                return
            time.sleep(0.02)
        raise AssertionError(f"{who} live on")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host that is set up, has firmware, and the guest."""
    directory = tmp_path_factory.mktemp("vm") / "host"
    argv = (sys.executable, "-m", "bsdvirt", "--sim", str(directory), "init", "--pool", "tank")
    subprocess.run(argv, cwd=REPOSITORY, check=True, capture_output=True)
    machine = Machine(directory)
    machine.host.fs.mkdir(firmware.DIRECTORY)
    machine.host.fs.write(firmware.CODE, "code")
    machine.host.fs.write(firmware.VARIABLES, "variables")
    machine.create()
    return directory


@pytest.fixture
def machine(prepared: Path, tmp_path: Path) -> Iterator[Machine]:
    directory = tmp_path / "host"
    shutil.copytree(prepared, directory, symlinks=True)
    found = Machine(directory)
    yield found
    fact = found.fact
    if fact is not None and fact.runs:
        found.stop(force=True)


def test_from_start_to_end(machine: Machine) -> None:
    before = machine.left()
    machine.start()
    said = machine.said
    assert said["state"] == "running"
    devices, interfaces, files, rules, _ = machine.left()
    assert devices == ["web1"]
    assert isinstance(interfaces, list)
    assert "bv7n0" in interfaces
    assert isinstance(files, list)
    assert {"bhyve.conf", "run.json", "state.json", "console.sock"} <= set(files)
    assert [(r.subject, r.kind, r.amount) for r in rules] == [  # type: ignore[attr-defined]
        (f"process:{said['pid']}", "pcpu:deny", 150)
    ]
    screen = screen_of(read_keys(machine.host.fs, "web1"))
    assert screen is not None
    assert (screen.address, screen.port, screen.password) == ("127.0.0.1", 5907, "a%b\\c")
    variables = machine.guest.layout.uefi_vars("web1")
    assert machine.host.fs.read_text(variables) == "variables"
    machine.host.fs.write(variables, "the guest's own")
    machine.stop()
    assert machine.left() == before
    machine.start()
    assert machine.host.fs.read_text(variables) == "the guest's own"


def test_a_start_of_what_runs_is_none(machine: Machine) -> None:
    machine.start()
    pid = machine.said["pid"]
    assert machine.start().reason == "already running"
    assert machine.said["pid"] == pid


def test_a_guest_whose_supervisor_died_gets_another(machine: Machine) -> None:
    machine.start()
    pid = machine.said["pid"]
    machine.kill("supervisor")
    machine.start()
    fact = machine.fact
    assert fact is not None
    assert fact.supervised
    assert machine.said["pid"] == pid


def test_a_guest_without_a_supervisor_is_stopped(machine: Machine) -> None:
    before = machine.left()
    machine.start()
    machine.kill("supervisor")
    machine.stop()
    assert machine.left() == before


def test_what_is_left_when_both_were_killed_is_taken_away(machine: Machine) -> None:
    before = machine.left()
    machine.start()
    machine.kill("supervisor", "pid")
    assert machine.left() != before
    assert machine.stop().reason == "not running"
    assert machine.left() == before
    machine.start()


def test_what_is_left_when_both_were_killed_hinders_no_start(machine: Machine) -> None:
    machine.start()
    machine.kill("supervisor", "pid")
    machine.start()
    assert machine.said["state"] == "running"


def test_limits_and_cpus_change_at_once(machine: Machine) -> None:
    machine.start()
    pid = machine.said["pid"]
    after = spec(cpuset="1", limits={"pcpu": 50, "readiops": 9})
    facts = LiveFacts(read_kernel(machine.host), read_rules(machine.host), CpuList("0-1"))
    of = ("-p", str(pid))
    steps = tuple(live_steps("web1", f"process:{pid}", of, machine.vm, after, facts))
    machine.run(lambda op: Plan("set", "web1", "guest", steps, op=op))
    assert {
        (rule.kind, rule.amount)
        for rule in read_rules(machine.host)
        if rule.subject == f"process:{pid}"
    } == {("pcpu:deny", 50), ("readiops:throttle", 9)}


def test_volumes_come_grow_and_go(machine: Machine) -> None:
    disks = [{"name": "data", "size": "128M"}, {"name": "new", "size": "70M"}]
    after = spec(disks=disks)

    def plan(op: str) -> Plan:
        found = create.change_volumes(
            machine.guest, machine.vm, after, op, live=False, destroying=["more"]
        )
        return Plan("set", "web1", "guest", found.steps, found.finish, op=op)

    machine.run(plan)
    volumes = {d.name.rpartition("/")[2]: d for d in machine.guest.datasets}
    sizes = {name: (d.volsize or 0) >> 20 for name, d in volumes.items() if d.kind == "volume"}
    assert sizes == {"disk0": 64, "data": 128, "new": 70}
    assert not [d for d in volumes.values() if d.op]


def test_nothing_is_left_of_a_guest_that_was_destroyed(machine: Machine) -> None:
    machine.start()
    machine.stop(force=True)
    machine.run(
        lambda op: plan_destroy(
            machine.guest, op, last=kind_of(machine.guest).last_steps(machine.guest)
        )
    )
    assert "web1" not in machine.session.inventory().guests
    assert not machine.host.fs.exists(vm_directory("web1"))
    assert machine.host.fs.listdir("/dev/zvol/tank/bsdvirt/guests") == []


def fails_at(monkeypatch: pytest.MonkeyPatch, step: int, do: Callable[[], object]) -> None:
    monkeypatch.setenv(FAULT, f"fail:{step}")
    with pytest.raises(BsdvirtError, match=f"step {step} failed"):
        do()
    monkeypatch.delenv(FAULT)


def test_a_start_that_fails_anywhere_leaves_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.host.fs.mkdir(vm_directory("web1"), 0o700)
    machine.host.fs.mkdir(guest_log_directory("web1"), 0o700)
    before = machine.left()
    # Tap, bridge, variables, two files, the supervisor, and the point of no return.
    for step in range(1, 8):
        fails_at(monkeypatch, step, machine.start)
        assert machine.left() == before
    machine.start()
    assert machine.said["state"] == "running"


def test_a_creation_that_fails_before_the_point_of_no_return_leaves_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.run(
        lambda op: plan_destroy(
            machine.guest, op, last=kind_of(machine.guest).last_steps(machine.guest)
        )
    )
    before = machine.left()
    # A dataset, three volumes that appear each, the file, and the point of no return.
    for step in range(1, 10):
        fails_at(monkeypatch, step, machine.create)
        assert machine.left() == before
    fails_at(monkeypatch, 10, machine.create)
    assert any(dataset.op for dataset in machine.guest.datasets)
    with machine.session.locked("guest", "web1", "mend"):
        assert len(machine.guest.datasets) == 4
        assert not any(dataset.op for dataset in machine.guest.datasets)
