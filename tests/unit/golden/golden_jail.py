"""Golden files of jails, networks and what both kinds of guest have."""

from __future__ import annotations

from typing import Any

import msgspec
from goldencpus import Claimed
from goldenfile import record

from bsdvirt.cpu import limits
from bsdvirt.facts.host import HostFacts, Kernel
from bsdvirt.facts.rctl import jail_subject
from bsdvirt.guest import change, destroy, hooks
from bsdvirt.guest.inventory import Guest
from bsdvirt.host.restore import Was
from bsdvirt.jail import clean, create, start, stop
from bsdvirt.jail.datasets import StorageFacts, change_steps, check_storage, kept_notes
from bsdvirt.jail.enter import Holds, enter
from bsdvirt.jail.linux import ForeignFacts
from bsdvirt.jail.mounts import MountFacts
from bsdvirt.jail.root import Origin, RootFacts, check_root, rooted
from bsdvirt.jail.upgrade import plan as upgrade
from bsdvirt.kinds import kind_of
from bsdvirt.layout import Layout
from bsdvirt.net import bridge
from bsdvirt.plan.step import Plan, Step
from bsdvirt.spec.hooks import Event
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import AbsolutePath, CpuList
from bsdvirt.zfs.base import Dataset
from bsdvirt.zfs.values import Value

LAYOUT = Layout("tank/bsdvirt", "/bsdvirt")
OP = "0a1b2c"
KERNEL = {
    "release": "13.2-RELEASE-p4",
    "cpus": 4,
    "racct": True,
    "vimage": True,
    "params": [
        "allow.raw_sockets",
        "allow.mount.",
        "allow.mount",
        "allow.set_hostname",
        "children.max",
        "enforce_statfs",
        "securelevel",
        "osrelease",
        "meta",
    ],
}


class Given(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a planner is given; `words` are its other arguments."""

    why: str
    name: str = "web"
    jail: dict[str, Any] = {}
    identity: dict[str, Any] = {}
    networks: dict[str, dict[str, Any]] = {}
    datasets: list[dict[str, Any]] = []
    host: dict[str, Any] = {}
    kernel: dict[str, Any] = {}
    rulesets: tuple[int, ...] = (4, 5)
    host_resolver: str = "nameserver 10.0.2.3\n"
    jail_resolver: str | None = "nameserver 10.0.2.3\n"
    mounts: MountFacts = MountFacts()
    storage: StorageFacts = StorageFacts()
    root: RootFacts = RootFacts()
    foreign: ForeignFacts = ForeignFacts()
    roots: dict[str, str] = {}
    """The roots of other guests, which are their users'."""
    words: dict[str, Any] = {}

    @property
    def others(self) -> list[Guest]:
        return [
            Guest(name, LAYOUT, msgspec.structs.replace(self.who, root=AbsolutePath(root)))
            for name, root in self.roots.items()
        ]

    hides_vmm: bool = False
    problems: dict[str, str] = {}
    kept: bool = True
    claims: Claimed | None = None

    @property
    def spec(self) -> Jail:
        jail = decode(Jail, {"kind": "jail", "release": "13.2-RELEASE", **self.jail})
        return self.claims.cpus.given(self.name, jail) if self.claims else jail

    @property
    def who(self) -> Identity:
        given = {"id": 3, "uuid": "11111111-2222-4333-8444-555555555555", "kind": "jail"}
        return decode(Identity, {**given, "release": "13.2-RELEASE", **self.identity})

    @property
    def nets(self) -> dict[str, Network]:
        return {name: decode(Network, data) for name, data in self.networks.items()}

    @property
    def guest(self) -> Guest:
        datasets = tuple(Dataset(**data) for data in self.datasets)
        return Guest(self.name, LAYOUT, self.who, datasets)

    @property
    def stored(self) -> StorageFacts:
        values = {
            name: {word: record(Value, value) for word, value in held.items()}
            for name, held in self.storage.values.items()
        }
        return StorageFacts(values, self.storage.hidden)

    @property
    def facts(self) -> HostFacts:
        return msgspec.convert(_named(self.host), HostFacts, dec_hook=record)


def _named(host: dict[str, Any]) -> dict[str, Any]:
    """Jails and interfaces know the name that they are listed by."""
    named = {
        kind: {name: {"name": name, **data} for name, data in host.get(kind, {}).items()}
        for kind in ("jails", "interfaces")
    }
    return {**host, **named}


def _was(text: str | None) -> Was | None:
    return None if text is None else Was(text.encode(), 0o644, 0, 0)


def _start(given: Given) -> Plan:
    seen = start.StartFacts(
        given.facts,
        msgspec.convert({**KERNEL, **given.kernel}, Kernel),
        frozenset(given.rulesets),
        given.host_resolver,
        given.jail_resolver,
        given.mounts,
        given.stored,
        given.kept,
        given.root,
        given.foreign,
        resolver_was=_was(given.jail_resolver),
        hides_vmm=given.hides_vmm,
        open_cpus=given.claims.cpus.open if given.claims else None,
    )
    return start.plan_start(
        given.guest, given.spec, given.nets, seen, OP,
        starting=_hooks(given, "starting"), started=_hooks(given, "started"),
    )  # fmt: skip


def _hooks(given: Given, event: Event, **words: Any) -> tuple[Step, ...]:
    wanted = given.spec.hooks.at(event)
    inside = enter(given.guest.name, Holds())
    return hooks.hook_steps(event, wanted, given.guest, given.problems, inside=inside, **words)


def _create(given: Given) -> Plan:
    words = dict(given.words)
    origin = Origin(**words.pop("origin", {}))
    if origin.adopted:
        check_root(origin.path, given.others, [LAYOUT])
    return create.plan_create(
        given.name, given.spec, rooted(given.who, origin), LAYOUT, OP,
        origin=origin, hooks=_hooks(given, "created"), **words,
    )  # fmt: skip


def _stop(given: Given) -> Plan:
    words = {"timeout": 70.0, **given.words}
    before = _hooks(
        given, "stopping", share=words.pop("share", 1.0), honor=words.pop("honor", True)
    )
    return stop.plan_stop(given.guest, given.facts, OP, hooks=before, **words)


def _clean(given: Given) -> Plan:
    steps = clean.clean_steps(given.guest, given.facts)
    return Plan("clean", given.name, finish=steps, op=OP, reason="nothing is left")


def _destroy(given: Given) -> Plan:
    return destroy.plan_destroy(
        given.guest, OP, last=kind_of(given.guest).last_steps(given.guest), **given.words
    )


def _change(given: Given) -> Plan:
    words = dict(given.words)
    identity = decode(Identity, msgspec.to_builtins(given.who) | words.pop("identity", {}))
    return change.plan_change(given.guest, OP, identity=identity, **words)


def _live(given: Given) -> Plan:
    words = given.words
    seen = limits.LiveFacts(
        msgspec.convert({**KERNEL, **given.kernel}, Kernel),
        given.facts.rules,
        CpuList.parse(words.get("mask", "0-3")),
    )
    after = decode(Jail, {"kind": "jail", "release": "13.2-RELEASE", **words["after"]})
    steps = limits.live_steps(
        given.name, jail_subject(given.name), ("-j", given.name), given.spec, after, seen
    )
    return Plan("set", given.name, steps=tuple(steps), op=OP, reason="nothing changes")


def _storage(given: Given) -> Plan:
    after = decode(Jail, {"kind": "jail", "release": "13.2-RELEASE", **given.words["after"]})
    check_storage(given.guest, after, given.stored, given.facts.mounts)
    steps, finish = change_steps(given.guest, given.spec, after, given.stored.values, OP)
    notes = kept_notes(given.guest, given.spec, after)
    return Plan(
        "set",
        given.name,
        "guest",
        tuple(steps),
        tuple(finish),
        op=OP,
        notes=notes,
        reason="nothing changes",
    )


def _rename(given: Given) -> Plan:
    words = dict(given.words)
    identity = msgspec.to_builtins(given.who)
    waiting = [
        Guest(name, LAYOUT, decode(Identity, {**identity, "boot": {"after": after}}))
        for name, after in words.pop("waiting", {}).items()
    ]
    last = kind_of(given.guest).last_steps(given.guest)
    return change.plan_rename(
        given.guest, "www", OP, facts=given.facts, last=last, waiting=waiting, **words
    )


def _upgrade(given: Given) -> Plan:
    new = msgspec.convert(
        {"release": "14.3-RELEASE", "snapshot": "tank/bsdvirt/releases/14.3-RELEASE@p2",
         "base": "/bsdvirt/releases/13.2-RELEASE/.zfs/snapshot/base", "choice": "",
         "digest": "d1", "carries": True, **given.words},
        upgrade.NewRoot,
    )  # fmt: skip
    file = upgrade.Configuration("release: 13.2-RELEASE\n", "release: 14.3-RELEASE\n")
    return upgrade.plan_upgrade(given.guest, new, file, OP)


def _upgrade_back(given: Given) -> Plan:
    file = upgrade.Configuration("release: 13.2-RELEASE\n", "release: 12.4-RELEASE\n")
    return upgrade.plan_back(given.guest, "12.4-RELEASE", file, OP)


def _network_create(given: Given) -> Plan:
    return bridge.plan_create(given.name, given.nets[given.name], given.facts.interfaces, OP)


def _network_up(given: Given) -> Plan:
    return bridge.plan_up(given.name, given.nets[given.name], given.facts.interfaces, OP)


def _network_destroy(given: Given) -> Plan:
    network, interfaces = given.nets[given.name], given.facts.interfaces
    return bridge.plan_destroy(given.name, network, interfaces, given.words.get("users", []), OP)


PLANNERS = {
    "guest/change": _change,
    "guest/destroy": _destroy,
    "guest/rename": _rename,
    "jail/clean": _clean,
    "jail/create": _create,
    "jail/datasets": _storage,
    "jail/live": _live,
    "jail/start": _start,
    "jail/stop": _stop,
    "jail/upgrade": _upgrade,
    "jail/upgrade-back": _upgrade_back,
    "net/create": _network_create,
    "net/destroy": _network_destroy,
    "net/up": _network_up,
}
