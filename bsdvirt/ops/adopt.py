"""Adopt foreign guests: each gets an identity of this host's, and keeps its data and its file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.inventory import Foreign, Guest, Inventory
from bsdvirt.host import tools
from bsdvirt.kinds import KINDS, kind_of_spec
from bsdvirt.ops.create.guests import new_identity
from bsdvirt.ops.foreign import PLACES, asks, brief, candidate, file_of
from bsdvirt.ops.power.claims import fits, room_for, with_cpus
from bsdvirt.ops.send.adopted import NOTHING, Arrived, arrived
from bsdvirt.plan.step import Command, DatasetMounted, Plan, Step, Undo
from bsdvirt.record import replace
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import PROPERTY, Boot, Identity
from bsdvirt.spec.load import identity_to_json
from bsdvirt.zfs.base import SWAP
from bsdvirt.zfs.values import Value, read_values


class Adopt(Struct, frozen=True):
    """Make foreign guests this host's: each gets an id, a UUID, MAC addresses, addresses and
    serial numbers of its own, and does not start at boot."""

    names: tuple[str, ...]
    keep: bool = False
    """Keep its identity, for a guest that was moved and not copied."""
    promoted: bool = False
    """It is a standby, which takes the place of the guest that it is of."""
    moved: bool = False
    """What started at boot there starts at boot here."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with (
            hold(session, self.names, "adopt") as held,
            session.locked("allocation", "", "adopt"),
        ):
            found = session.inventory()
            made: list[Guest] = []

            def plan(name: str) -> Task:
                task, guest = _adopt(session, found, name, made, self)
                made.append(guest)
                return task

            tasks = [*refused(held.refused), *plan_each(held.names(), plan)]
            yield Prepared(session, tasks, parallel=False)


def _adopt(
    session: Session, found: Inventory, name: str, made: Sequence[Guest], how: Adopt
) -> tuple[Task, Guest]:
    """Plan one adoption; `made` are the guests planned before."""
    foreign = candidate(found, name)
    session.need_mounted(found, foreign.layout)
    arrival = arrived(session, foreign, promoted=how.promoted, keep=how.keep)
    spec = _checked(session, foreign)
    # Its own dataset is no other's, and has no claims yet.
    others = replace(
        found,
        foreign={n: f for n, f in found.foreign.items() if n != name},
        strays=tuple((d, w) for d, w in found.strays if d.name != foreign.dataset),
    )
    known = [*found.guests.values(), *made]
    # The CPUs that it had are those of another host.
    bare = spec.on_cpus(None, {})
    if how.keep:
        identity = _kept(session, foreign, bare, known, boots=how.moved)
    else:
        identity = _new(session, name, bare, others, known)
    identity, without = _with_cpus(session, name, spec, identity, known)
    plan = plan_adopt(session, foreign, identity, arrival)
    given = [text for claim in identity.nics for text in claim.addresses()]
    where = f", {', '.join(given)}" if given else ""
    notes = [f"it asks for {key}: {brief(value)}" for key, value in asks(spec).items()]
    notes += without
    if not identity.boot.auto:
        notes.append(f"it does not start at boot: bsdvirt set {name} boot.auto=yes changes that")
    claims = {guest.name: guest.identity.cpus for guest in made} | {name: identity.cpus}
    room = room_for(session, name, [*found.guests.values()], claims)
    plan = msgspec.structs.replace(plan, steps=(*plan.steps, *room))
    part = Part(plan, home=foreign.layout)
    task = Task(name, (part,), f"adopted, id {identity.id}{where}", tuple(notes))
    return task, Guest(name, foreign.layout, identity, foreign.datasets)


def _new(
    session: Session, name: str, spec: GuestSpec, others: Inventory, known: Sequence[Guest]
) -> Identity:
    release = kind_of_spec(spec).release_of(spec)
    networks = session.networks()
    return new_identity(session, name, spec, Boot(), others, known, networks, release=release)


def _kept(
    session: Session, foreign: Foreign, spec: GuestSpec, known: Sequence[Guest], *, boots: bool
) -> Identity:
    """Return its identity on the other host, for this one.

    Raises ConflictError if a guest of this host has any of its claims, or they do not fit its file.
    """
    name, was = foreign.name, foreign.told
    hint = f"bsdvirt adopt {name} gives it new claims"
    if was is None or KINDS.get(was.kind) is not kind_of_spec(spec):
        raise ConflictError(f"{name}: its former identity cannot be read", hint)
    for other in known:
        theirs = other.identity
        if shared := _claims(was) & _claims(theirs):
            raise ConflictError(f"{name}: {other.name} has its {sorted(shared)[0]}", hint)
    identity = msgspec.structs.replace(
        was, host=session.host_id, boot=was.boot if boots else Boot(), root=None, root_dataset="",
        nics=was.nics if was.next is None else was.next, next=None,
        shared=was.shared if was.next_shared is None else was.next_shared, next_shared=None,
        cpus=None,
    )  # fmt: skip
    if not fits(identity, spec, session.networks()):
        raise ConflictError(f"{name}: its file and its claims do not match", hint)
    return identity


def _with_cpus(
    session: Session, name: str, spec: GuestSpec, identity: Identity, known: Sequence[Guest]
) -> tuple[Identity, list[str]]:
    """Return the identity with CPUs of this host. A guest that cannot have what it asks for is
    adopted all the same, since only then can it be changed; its start is refused."""
    try:
        return with_cpus(session, name, spec, identity, known), []
    except BsdvirtError as error:
        why = error.message.removeprefix(f"{name}: ")
        return identity, [f"it cannot start yet: {why} ({error.hint})"]


def _claims(identity: Identity) -> set[str]:
    """Return what must be unique among the guests of a host, in words."""
    nics = [*identity.nics, *(identity.next or ())]
    return {
        f"id {identity.id}",
        f"UUID {identity.uuid}",
        *(f"MAC address {claim.mac}" for claim in nics),
        *(f"address {text.split('/')[0]}" for claim in nics for text in claim.addresses()),
        *(f"address {text.split('/')[0]}" for text in identity.shares()),
    }


def _checked(session: Session, foreign: Foreign) -> GuestSpec:
    """Read its file. Raises ConflictError, HostError for a guest that cannot be adopted."""
    name = foreign.name
    jail = read_jails(session.host).get(name)
    if jail is not None and not jail.dying:
        raise ConflictError(f"a jail {name} runs", f"jail -r {name}, where it is not in use")
    spec = file_of(session, foreign)
    kind_of_spec(spec).check_adopted(foreign, spec)
    return spec


def plan_adopt(
    session: Session, foreign: Foreign, identity: Identity, arrival: Arrived = NOTHING
) -> Plan:
    """Reset the properties of its datasets that this host decides, then write its identity."""
    dataset = foreign.dataset
    every = [one.name for one in foreign.datasets]
    values = read_values(session.host, every, (*PLACES, "volmode"))
    received = foreign.datasets[0].guest
    back = ("inherit", "-S", PROPERTY) if received is None else ("set", f"{PROPERTY}={received}")
    value = f"{PROPERTY}={identity_to_json(identity)}"
    steps = [
        _reset(name, prop, held[prop])
        for name, held in values.items()
        for prop in _hosts(held, name in _own(foreign))
        if held[prop].source in ("local", "received")
    ]
    steps += [
        _closed(one.name, values[one.name]["volmode"])
        for one in foreign.datasets
        if one.kind == "volume" and values[one.name]["volmode"].value != "dev"
    ]
    there = {one.name for one in foreign.datasets if one.mounted}
    moved = {step.do.argv[-1] for step in steps if isinstance(step.do, Command)}
    steps += [_mount(name) for name in _own(foreign) if name not in there or name in moved]
    steps += arrival.steps
    steps.append(
        Step(
            Command((tools.ZFS, "set", value, dataset)),
            "its identity and claims",
            undo=(Undo(Command((tools.ZFS, *back, dataset))),),
            durable=True,
        )
    )
    op = session.new_op()
    return Plan("adopt", foreign.name, "guest", tuple(steps), arrival.finish, op=op)


def _hosts(held: Mapping[str, Value], own: bool) -> tuple[str, ...]:
    """Return the properties that this host decides: not the mount point of a dataset that only a
    jail mounts."""
    if own:
        return PLACES
    shares = ("sharenfs", "sharesmb", SWAP)
    return shares if held["jailed"].value == "on" else ("mountpoint", "canmount", *shares)


def _closed(volume: str, now: Value) -> Step:
    """Set volmode=dev: the host must not taste the partitions on a guest's disk."""
    back: tuple[str, ...] = ("set", f"volmode={now.value}")
    if not now.local:
        back = ("inherit", "-S", "volmode")
    return Step(
        Command((tools.ZFS, "set", "volmode=dev", volume)),
        f"the host looks for no partitions in {volume}",
        undo=(Undo(Command((tools.ZFS, *back, volume))),),
        durable=True,
    )


def _own(foreign: Foreign) -> list[str]:
    """Return the datasets that are mounted where the layout says."""
    names = {foreign.dataset, foreign.layout.jail_root(foreign.name)}
    return [d.name for d in foreign.datasets if d.name in names and d.kind == "filesystem"]


def _mount(dataset: str) -> Step:
    return Step(
        Command((tools.ZFS, "mount", dataset)),
        f"mount {dataset}",
        undo=(Undo(Command((tools.ZFS, "umount", dataset)), DatasetMounted(dataset)),),
        unless=DatasetMounted(dataset),
    )


def _reset(dataset: str, prop: str, value: Value) -> Step:
    """Reset a property as for a guest that was created here. zfs(8) does not inherit canmount."""
    words = ("set", "canmount=on") if prop == "canmount" else ("inherit", prop)
    back: tuple[str, ...] = ("set", f"{prop}={value.value}")
    if value.source == "received":
        back = ("inherit", "-S", prop)
    return Step(
        Command((tools.ZFS, *words, dataset)),
        f"{prop} of {dataset} is set by this host",
        undo=(Undo(Command((tools.ZFS, *back, dataset))),),
        durable=True,
    )
