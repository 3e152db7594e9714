"""Golden files of virtual machines."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from goldencpus import Claimed
from goldenfile import record

from bsdvirt.bhyve import claims, clean, create, start, stop
from bsdvirt.bhyve import volumes as disks
from bsdvirt.bhyve.devices.base import Taken, VmStartFacts
from bsdvirt.bhyve.devices.firmware import CODE, VARIABLES
from bsdvirt.cpu import limits
from bsdvirt.facts.host import HostFacts, Kernel
from bsdvirt.facts.vmm import VmmFacts
from bsdvirt.facts.vms import VmFact
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.plan.step import Plan
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm
from bsdvirt.zfs.base import Dataset

LAYOUT = Layout("tank/bsdvirt", "/bsdvirt")
OP = "0a1b2c"
KERNEL = {"release": "13.2-RELEASE-p4", "cpus": 4, "racct": True, "vimage": True}
THERE = [tools.BHYVE, tools.BHYVELOAD, tools.IASL, CODE, VARIABLES]


class Given(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a planner is given; `words` are its other arguments."""

    why: str
    name: str = "web1"
    vm: dict[str, Any] = {}
    identity: dict[str, Any] = {}
    networks: dict[str, dict[str, Any]] = {}
    volumes: tuple[str, ...] = ("disk0",)
    host: dict[str, Any] = {}
    kernel: dict[str, Any] = {}
    vmm: dict[str, Any] = {}
    now: dict[str, Any] = {}
    paths: dict[str, str] = {}
    missing: list[str] = []
    taken: dict[str, dict[Any, str]] = {}
    words: dict[str, Any] = {}
    claims: Claimed | None = None

    @property
    def spec(self) -> Vm:
        vm = _vm(self.vm)
        return self.claims.cpus.given(self.name, vm) if self.claims else vm

    @property
    def guest(self) -> Guest:
        """With claims that fit, as the app makes sure of before."""
        own = LAYOUT.guest(self.name)
        names = [own, *(f"{own}/{volume}" for volume in self.volumes)]
        datasets = tuple(Dataset(name, "volume", 1, 1, 1, volsize=20 << 30) for name in names)
        given = {"id": 7, "uuid": "11111111-2222-4333-8444-555555555555", "kind": "vm"}
        identity = decode(Identity, {**given, **self.identity})
        fitting = claims.fit(identity, self.spec, random.Random(7).randbytes)
        return Guest(self.name, LAYOUT, fitting, datasets)

    @property
    def nets(self) -> dict[str, Network]:
        return {name: decode(Network, data) for name, data in self.networks.items()}

    @property
    def facts(self) -> HostFacts:
        known = {n: {"name": n, **data} for n, data in self.host.get("interfaces", {}).items()}
        return msgspec.convert({**self.host, "interfaces": known}, HostFacts, dec_hook=record)

    @property
    def devices(self) -> frozenset[str]:
        return frozenset(self.vmm.get("devices", ()))

    @property
    def fact(self) -> VmFact | None:
        if not self.now:
            return None
        now = {"runs": True, "supervised": True, "said": None}
        return msgspec.convert({"name": self.name, **now, **self.now}, VmFact, dec_hook=record)

    @property
    def seen(self) -> VmStartFacts:
        guest, own = self.guest, dict.fromkeys(THERE, "file")
        for disk in self.spec.disks:
            if disk.path is None:
                own[guest.layout.disk_device(self.name, disk.name)] = "device"
        paths: Any = {path: kind for path, kind in (own | self.paths).items()
                      if path not in self.missing}  # fmt: skip
        return VmStartFacts(
            host=self.facts,
            kernel=msgspec.convert({**KERNEL, **self.kernel}, Kernel),
            vmm=msgspec.convert({"osreldate": 1302001, "most_cpus": 4, **self.vmm}, VmmFacts),
            vm=self.fact,
            paths=paths,
            password="s3cr%t\\x",
            taken=Taken(
                {
                    sort: {str(thing): guest for thing, guest in held.items()}
                    for sort, held in self.taken.items()
                }
            ),
            open_cpus=self.claims.cpus.open if self.claims else None,
        )


def _vm(given: dict[str, Any]) -> Vm:
    return decode(Vm, {"kind": "vm", "memory": "2G", **given})


def _start(given: Given) -> Plan:
    return start.plan_start(given.guest, given.spec, given.nets, given.seen, OP)


def _run(given: Given) -> Plan:
    return start.plan_run_foreground(given.guest, given.spec, given.nets, given.seen, OP)


def _stop(given: Given) -> Plan:
    words = {"timeout": 60.0, **given.words}
    return stop.plan_stop(given.guest, given.facts, given.fact, given.devices, OP, **words)


def _act(given: Given) -> Plan:
    return stop.plan_act(given.guest, given.fact, given.words["act"], OP)


def _clean(given: Given) -> Plan:
    steps = clean.clean_steps(given.name, 7, given.facts, given.devices)
    return Plan("clean", given.name, finish=tuple(steps), op=OP, reason="nothing is left")


def _create(given: Given) -> Plan:
    words = dict(given.words)
    if base := words.pop("base", None):
        words["base"] = msgspec.convert(base, disks.Base, dec_hook=record)
    identity = given.guest.identity
    return create.plan_create(given.name, given.spec, identity, LAYOUT, OP, **words)


def _change(given: Given) -> Plan:
    words = {"live": False, **given.words}
    after = _vm(words.pop("after"))
    found = create.change_volumes(given.guest, given.spec, after, OP, **words)
    return Plan("set", given.name, "guest", found.steps, found.finish,
                reason="nothing changes", op=OP, notes=found.notes)  # fmt: skip


def _live(given: Given) -> Plan:
    seen = limits.LiveFacts(
        msgspec.convert({**KERNEL, **given.kernel}, Kernel),
        given.facts.rules,
        CpuList.parse(given.words.get("mask", "0-3")),
    )
    steps = limits.live_steps(
        given.name, "process:4711", ("-p", "4711"), given.spec, _vm(given.words["after"]), seen
    )
    return Plan("set", given.name, steps=tuple(steps), op=OP, reason="nothing changes")


PLANNERS = {
    "bhyve/act": _act,
    "bhyve/change": _change,
    "bhyve/clean": _clean,
    "bhyve/create": _create,
    "bhyve/live": _live,
    "bhyve/run": _run,
    "bhyve/start": _start,
    "bhyve/stop": _stop,
}
