"""Virtual machines made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from bsdvirt.bhyve import claims
from bsdvirt.bhyve.check import check_host, wanted_paths
from bsdvirt.bhyve.cloud import guest as seeds
from bsdvirt.bhyve.cloud import seed as cloud
from bsdvirt.bhyve.config import boot_sources
from bsdvirt.bhyve.create import plan_create
from bsdvirt.bhyve.devices.firmware import firmware
from bsdvirt.bhyve.volumes import Base
from bsdvirt.errors import HostError, UsageError, as_told
from bsdvirt.facts.host import read_kernel
from bsdvirt.facts.vmm import read_paths, read_vmm
from bsdvirt.guest import forwards, logs
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.kinds import KINDS
from bsdvirt.layout import Layout
from bsdvirt.library import images
from bsdvirt.library.entries import stream_size
from bsdvirt.ops.create.jail import Claiming, new_identity, show_all, warn_absent
from bsdvirt.ops.network import macs, pf
from bsdvirt.ops.power import hooks, passthru
from bsdvirt.ops.power.restart import start_of_new
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import Held, Outcome, hold, in_parallel
from bsdvirt.session.session import Session
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.vm import Vm


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made: for each name the same."""

    names: tuple[str, ...]
    vm: Vm
    boot: Boot = Boot()
    thick: bool = False
    """A full copy of the image instead of a clone."""
    notes: tuple[str, ...] = ()
    """What is to be said of each."""
    pool: Layout | None = None
    """The pool to create them on; None is the first."""


def create(session: Session, order: Order, *, start: bool = False) -> list[Outcome]:
    """Make virtual machines, each with an id, a UUID, MAC and IP addresses, serial numbers
    of its own. Where they are to `start` then, one whose start would be refused is not made;
    a dry run shows both."""
    used = [str(nic.network) for nic in order.vm.nics]
    of = [str(order.vm.image)] if order.vm.image else []
    with hold(session, order.names, "create") as held:
        outcomes = list(held.refused)
        with session.using("create", networks=used, images=of, pool=order.pool):
            pending = Claiming(session, held.names())
            try:
                found = session.inventory()
                session.need_mounted(found, order.pool)
                warn_absent(session, found)
                if len(order.names) > 1 and order.vm.expose:
                    raise UsageError("expose goes with one name only", "leave it to expose")
                if order.vm.expose:
                    name, facts = order.names[0], pf.read(session)
                    forwards.check(session.host, found, name, order.vm, facts)
                outcomes += _create_all(session, held, order, found, pending, start)
            finally:
                pending.end()
    return sorted(outcomes, key=lambda outcome: outcome.name)


def _create_all(
    session: Session,
    held: Held,
    order: Order,
    found: Inventory,
    pending: Claiming,
    start: bool,
) -> list[Outcome]:
    networks = session.networks()
    home = order.pool or found.layout
    first = order.names[0]
    check_host(first, order.vm, read_kernel(session.host), read_vmm(session.host), new=True)
    KINDS["vm"].check_ready(first, order.vm, order.boot)
    base = _base(session, order, found)
    identities: dict[str, Identity] = {}
    outcomes: list[Outcome] = []
    known: list[Guest] = list(found.guests.values())
    for name in (name for name in order.names if name in held.locks):
        try:
            identity = new_identity(session, name, order.vm, order.boot, found, known, networks)
            identity = claims.fit(identity, order.vm, session.draws.source(name))
            macs.notes(session, name, order.vm)
        except Exception as error:
            pending.settled(name)
            outcomes.append(Outcome(name, error=as_told(error)))
            continue
        identities[name] = identity
        known.append(Guest(name, home, identity))

    begun: dict[str, list[Plan]] = {}
    if start:
        made = {n: (Guest(n, home, identity), order.vm) for n, identity in identities.items()}
        begun, refused = start_of_new(session, found, made, networks, {})
        for outcome in refused:
            pending.settled(outcome.name)
            del identities[outcome.name]
        outcomes += refused
    servers = seeds.name_servers(session.host.fs)

    def one(name: str) -> Outcome:
        identity = identities[name]
        seed = seeds.seed_of(name, order.vm, identity, networks, servers)
        plan = plan_create(
            name, order.vm, identity, home, session.new_op(), base=base, thick=order.thick,
            seed=cloud.make(seed, home, name) if seed else (),
        )  # fmt: skip
        try:
            made = Guest(name, home, identity)
            after = hooks.steps(session, "created", order.vm.hooks.created, made)
            plan = msgspec.structs.replace(plan, steps=(*plan.steps, *after))
            plan = logs.for_new(session.host.fs, name, plan)
            session.run(plan, claimed=lambda: pending.settled(name), home=home)
            show_all(session, begun.get(name, ()))
        finally:
            pending.settled(name)
            held.release(name)
        told = order.notes + (seeds.lacks(name, seed) if seed else ())
        told += macs.notes(session, name, order.vm) + passthru.notes(session, found, name, order.vm)
        told += _unbootable(session, made, order.vm)
        return Outcome(name, _made(order, identity), notes=told)

    return outcomes + in_parallel(session, identities, one)


def _unbootable(session: Session, guest: Guest, vm: Vm) -> tuple[str, ...]:
    """What its start would lack: firmware, or anything to boot."""
    found = []
    try:
        firmware(guest.name, vm, read_paths(session.host.fs, wanted_paths(guest, vm)))
    except HostError as error:
        found.append(f"it cannot start yet: {error}")
    filled = [one for one in boot_sources(guest, vm) if one.path and not one.own]
    if not (vm.image or filled):
        found.append(
            f"there is nothing to boot on its disks: bsdvirt cdrom insert {guest.name} MEDIUM"
        )
    return tuple(found)


def _base(session: Session, order: Order, found: Inventory) -> Base | None:
    """The image, with what a full copy of it moves."""
    if order.vm.image is None:
        return None
    # A clone is in its image's pool; a full copy may be in any.
    name, home = str(order.vm.image), order.pool or found.layout
    anywhere = order.thick or session.dry_run
    base = images.find(session, found, name, None if anywhere else home).base
    if not order.thick:
        base = replace(base, dataset=home.image(name))
    return replace(base, stream=stream_size(session, base.snapshot)) if order.thick else base


def _made(order: Order, identity: Identity) -> str:
    addresses = [claim.address or claim.address6 for claim in identity.nics]
    where = ", ".join(text for text in addresses if text)
    source = f" from {order.vm.image}" if order.vm.image else ""
    return f"created{source}" + (f", {where}" if where else "")
