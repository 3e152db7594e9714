"""What is wrong on this host, and what mends it.

A problem is what keeps a guest from working or lies about; a notice is what somebody
may want to know. What only some guests need is a problem only where a guest needs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bsdvirt.app import checkpf, checkroots, mending, vmdoctor
from bsdvirt.app.batch import hold
from bsdvirt.app.findings import Finding
from bsdvirt.app.hooks import problem as hook_problem
from bsdvirt.app.networks import bring_up
from bsdvirt.app.roots import root_trouble
from bsdvirt.app.session import Session
from bsdvirt.app.state import alive
from bsdvirt.app.storage import wrong_storage
from bsdvirt.bhyve.clean import interfaces_of as taps_of
from bsdvirt.errors import BsdvirtError
from bsdvirt.host import tools
from bsdvirt.host.facts import HostFacts, read_host, read_kernel, read_sysctl, ruleset_exists
from bsdvirt.host.fs import Fs
from bsdvirt.jail.clean import clean_steps, forget_failure, forget_main, interfaces_of
from bsdvirt.jail.main import watch_again
from bsdvirt.jail.mounted import refuse_neighbours, sort
from bsdvirt.net import plans
from bsdvirt.net.uplink import member_of
from bsdvirt.plan import journal
from bsdvirt.plan.locks import is_held
from bsdvirt.plan.step import Plan, Step
from bsdvirt.spec.hooks import EVENTS as HOOK_EVENTS
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import GuestSpec
from bsdvirt.spec.vm import Vm
from bsdvirt.store import orphans
from bsdvirt.store.guests import Guest, Inventory, load_guest_file, need_unlocked, running_jail
from bsdvirt.store.layout import RUN_FILES, bridge_name, job_file, vlan_name
from bsdvirt.store.networks import Networks


@dataclass(frozen=True, slots=True)
class Seen:
    """All that the checks look at, read once."""

    found: Inventory
    facts: HostFacts
    networks: Networks
    specs: dict[str, Jail]


def examine(session: Session) -> list[Finding]:
    """Everything that is to be said. Changes nothing."""
    found = session.inventory()
    findings: list[Finding] = []
    specs: dict[str, Jail] = {}
    machines: dict[str, Vm] = {}
    findings += checkroots.findings(found)
    for name in found.guests:
        try:
            need_unlocked(found.guests[name])
            spec = load_guest_file(session.host.fs, found.home(name), name)
            if isinstance(spec, Jail):
                specs[name] = spec
            else:
                machines[name] = spec
        except BsdvirtError as error:
            findings.append(Finding(name, error.message, error.hint or "mend the file"))
    facts = read_host(session.host, *RUN_FILES)
    seen = Seen(found, facts, session.networks(), specs)
    return [
        *findings,
        *_cut_short(session),
        *checkroots.pools(session, found),
        *_modules(session, seen),
        *_kernel(session, seen),
        *_rulesets(session, seen),
        *_hooks(session, {**specs, **machines}),
        *_networks(seen),
        *checkpf.findings(
            session, found, seen.networks, running_specs(seen), alive(session.host.fs, facts)
        ),
        *_guests(session, seen),
        *_claims(seen),
        *_storage(session, seen),
        *_mains(session, seen),
        *vmdoctor.examine(session, vmdoctor.machines(session, found, facts), machines),
        *_orphans(seen),
        *_strays(found),
    ]


def _cut_short(session: Session) -> Iterator[Finding]:
    for kind, name, path in session.journals():
        if is_held(session.host.fs, kind, name):
            continue
        yield mending.finding(session, name, path)
    for layout in session.roots.layouts:
        for path in journal.aside(session.host.fs, layout.state):
            yield Finding(layout.name, f"a journal was set aside: {path}",
                          "read it, and remove it once it is of no use", problem=False)  # fmt: skip


MODULES = ("if_bridge", "if_epair")
"""What networks of jails need; ifconfig(8) loads them where they are not."""


def _modules(session: Session, seen: Seen) -> Iterator[Finding]:
    if not seen.networks:
        return
    for module in MODULES:
        loaded = session.host.run((tools.KLDSTAT, "-q", "-m", module), changes=False)
        if loaded.status != 0 and not session.host.fs.exists(f"/boot/kernel/{module}.ko"):
            yield Finding(
                "kernel",
                f"{module} is neither loaded nor in /boot/kernel",
                f"install the kernel's modules, or build it with device {module}",
            )


def _kernel(session: Session, seen: Seen) -> Iterator[Finding]:
    kernel = read_kernel(session.host)
    if not kernel.vimage:
        yield Finding("kernel", "has no VIMAGE, so no vnet jails", "build one with options VIMAGE")
    limited = [name for name, jail in seen.specs.items() if _has_limits(jail)]
    if not kernel.racct:
        yield Finding(
            "kernel",
            "resource accounting is off"
            + (f", and {', '.join(limited)} have limits" if limited else ": no limits"),
            "put kern.racct.enable=1 in /boot/loader.conf and reboot",
            problem=bool(limited),
        )
    forwarding = read_sysctl(session.host, "net.inet.ip.forwarding")
    if forwarding.get("net.inet.ip.forwarding") == "0" and seen.networks:
        yield Finding(
            "host",
            "IPv4 is not forwarded: guests of private networks reach the host and each other only",
            "sysrc gateway_enable=YES and service routing restart, if they are to get out",
            problem=False,
        )


def _has_limits(jail: Jail) -> bool:
    return any(getattr(jail.limits, field) is not None for field in jail.limits.__struct_fields__)


def _rulesets(session: Session, seen: Seen) -> Iterator[Finding]:
    users: dict[int, list[str]] = {}
    for name, jail in seen.specs.items():
        users.setdefault(jail.ruleset, []).append(name)
    for number, names in sorted(users.items()):
        if not ruleset_exists(session.host, number):
            yield Finding(
                ", ".join(names),
                f"devfs ruleset {number} does not exist, so they cannot start",
                "write it in /etc/devfs.rules, and service devfs restart",
            )


def _hooks(session: Session, specs: Mapping[str, GuestSpec]) -> Iterator[Finding]:
    for name, spec in specs.items():
        every = [spec.hooks.at(event) for event in HOOK_EVENTS]
        for hook in sorted({str(hook) for hooks in every for hook in hooks.host}):
            if why := hook_problem(session, hook):
                yield Finding(name, f"hook {hook} is not run: {why}", "mend the file")


def running_specs(seen: Seen) -> dict[str, Jail]:
    """What those that run are to be, as far as their files can be read."""
    return {
        name: spec
        for name, spec in seen.specs.items()
        if running_jail(seen.found.guests[name], seen.facts.jails)
    }


def _networks(seen: Seen) -> Iterator[Finding]:
    for name, error in seen.networks.broken.items():
        yield Finding(name, error.message, error.hint)
    for name, network in seen.networks.items():
        try:
            steps = plans.up_steps(name, network, seen.facts.interfaces)
        except BsdvirtError as error:
            yield Finding(name, error.message, error.hint)
            continue
        if steps:
            yield Finding(
                name,
                f"network {name} is not up",
                "the next start of a guest on it, or bsdvirt doctor --repair",
                problem=False,
                repair="bring it up",
            )


def _guests(session: Session, seen: Seen) -> Iterator[Finding]:
    for name, guest in seen.found.guests.items():
        if guest.identity.kind == "vm":
            continue
        jail = running_jail(guest, seen.facts.jails)
        other = seen.facts.jails.get(name)
        if jail is None and other is not None and not other.dying:
            yield Finding(
                name, f"a jail of that name, not bsdvirt's, runs at {other.path}", f"jail -r {name}"
            )
            continue
        yield from _mounted(guest, seen)
        if jail is None and _left_steps(guest, seen):
            yield Finding(
                name,
                "is stopped, and has left interfaces, mounts, limits or files",
                "its next start, or bsdvirt doctor --repair",
                repair="take them away",
            )
        if guest.identity.root is None and not any(
            d.name == guest.layout.jail_root(name) for d in guest.datasets
        ):
            yield Finding(name, "has no root dataset", f"bsdvirt destroy {name}")
        if guest.identity.root and (why := root_trouble(session.host.fs, guest, seen.facts)):
            yield Finding(name, f"its root {guest.root} {why}", "put it back as it was")


def _mounted(guest: Guest, seen: Seen) -> Iterator[Finding]:
    """What lies in its root and is not its own."""
    try:
        refuse_neighbours(guest, seen.facts.jails.values())
    except BsdvirtError as error:
        yield Finding(guest.name, error.message, error.hint)
    for mount in sort(guest, seen.specs.get(guest.name), seen.facts).hosts:
        yield Finding(
            guest.name, f"the host has mounted {mount.source} in its root, at {mount.path}",
            f"it stays there; umount {mount.path}, and set mounts or datasets, if the jail is to"
            " have it", problem=False,
        )  # fmt: skip


def _claims(seen: Seen) -> Iterator[Finding]:
    for name, guest in seen.found.guests.items():
        for claim in guest.identity.nics:
            if claim.network not in {*seen.networks, *seen.networks.broken}:
                yield Finding(
                    name, f"is on network {claim.network}, which is not there",
                    f"bsdvirt network create {claim.network}",
                )  # fmt: skip


def _storage(session: Session, seen: Seen) -> Iterator[Finding]:
    for name, jail in seen.specs.items():
        for message, remedy, problem in wrong_storage(session, seen.found.guests[name], jail):
            yield Finding(name, message, remedy, problem)


def _left_steps(guest: Guest, seen: Seen) -> tuple[Step, ...]:
    steps = clean_steps(guest, seen.facts, seen.specs.get(guest.name))
    notes = (forget_failure(guest.name), forget_main(guest.name))
    return tuple(step for step in steps if step not in notes)


def _unwatched(fs: Fs, guest: Guest, facts: HostFacts) -> bool:
    """Whether its main command has lost its keeper."""
    kept = is_held(fs, "keeper", guest.name)
    return (
        running_jail(guest, facts.jails) is not None
        and not kept
        and (job_file(guest.name) in facts.files)
    )


def _mains(session: Session, seen: Seen) -> Iterator[Finding]:
    for name, guest in seen.found.guests.items():
        if _unwatched(session.host.fs, guest, seen.facts):
            yield Finding(
                name, "nobody watches its main command: it is not run again once it ends",
                f"bsdvirt start {name}, or bsdvirt doctor --repair", repair="watch it",
            )  # fmt: skip


def _orphans(seen: Seen) -> Iterator[Finding]:
    for step in _orphan_steps(seen):
        yield Finding("host", f"{step.why} belongs to no guest", "bsdvirt doctor --repair",
                      repair="take it away")  # fmt: skip


def _orphan_steps(seen: Seen) -> tuple[Step, ...]:
    known = {
        name
        for guest in seen.found.guests.values()
        for name in (*interfaces_of(guest.identity.id), *taps_of(guest.identity.id))
    }
    for network in seen.networks.values():
        known |= {plans.bridge_of(network), member_of(network) or ""}
    for number in seen.networks.broken_ids.values():
        if number is None:
            # Which bridge is its own nobody can tell: all of them are left alone.
            known |= {face for face in seen.facts.interfaces if face.startswith(("bvbr", "bvvl"))}
        else:
            known |= {bridge_name(number), vlan_name(number)}
    return orphans.steps(seen.found, seen.facts, known)


def _strays(found: Inventory) -> Iterator[Finding]:
    for dataset, why in found.strays:
        if dataset.op is None:
            yield Finding(
                dataset.name, f"lies among the guests, but {why}",
                f"move it elsewhere with zfs rename, or zfs destroy -r {dataset.name}",
            )  # fmt: skip


def repair(session: Session) -> list[str]:
    """Mend what is ours; a line for each thing done. What fails is told by its error
    only after the rest was tried."""
    done: list[str] = []
    errors: list[BsdvirtError] = []
    done += mending.mend_all(session, errors)
    done += checkroots.repair(session, errors)
    with hold(session, session.inventory().guests, "doctor") as held:
        # Read once nobody else works on them. What the host shows comes before the list of
        # guests: what is made meanwhile is then in the list.
        facts = read_host(session.host, *RUN_FILES)
        found = session.inventory()
        names = [name for name in held.names() if name in found.guests]
        seen = Seen(found, facts, session.networks(), _specs(session, found))
        for name in names:
            guest = found.guests[name]
            if _unwatched(session.host.fs, guest, facts):
                watch = (watch_again(name),)
                plan = Plan("watch", name, finish=watch, op=session.new_op(), must_journal=False)
                done += _try(session, plan, errors, "goes on to")
            if guest.identity.kind == "vm" or running_jail(guest, facts.jails):
                continue
            steps = _left_steps(guest, seen)
            plan = Plan("clean", name, finish=steps, op=session.new_op(), must_journal=False)
            done += _try(session, plan, errors)
        machines = vmdoctor.machines(session, found, facts)
        for plan, did in vmdoctor.repairs(session, machines, names):
            done += _try(session, plan, errors, did)
        done += _take_orphans(session, errors)
        for name in seen.networks:
            try:
                bring_up(session, [name], seen.networks)
            except BsdvirtError as error:
                errors.append(error)
        try:
            running = running_specs(seen)
            done += checkpf.repair(
                session, found, seen.networks, running, alive(session.host.fs, facts)
            )
        except BsdvirtError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return done


def _take_orphans(session: Session, errors: list[BsdvirtError]) -> list[str]:
    """Take away what belongs to nobody. No guest is made meanwhile."""
    with session.locked("allocation", "", "doctor"):
        facts = read_host(session.host, *RUN_FILES)
        found = session.inventory()
        steps = (
            *_orphan_steps(Seen(found, facts, session.networks(), {})),
            *vmdoctor.orphan_steps(session, vmdoctor.machines(session, found, facts)),
        )
        plan = Plan("clean", "host", "host", finish=steps, op=session.new_op(), must_journal=False)
        return list(_try(session, plan, errors))


def _specs(session: Session, found: Inventory) -> dict[str, Jail]:
    """The files of jails, as far as they can be read."""
    specs: dict[str, Jail] = {}
    for name in found.guests:
        with contextlib.suppress(BsdvirtError):
            spec = load_guest_file(session.host.fs, found.home(name), name)
            specs |= {name: spec} if isinstance(spec, Jail) else {}
    return specs


def _try(
    session: Session, plan: Plan, errors: list[BsdvirtError], did: str = "took away"
) -> Iterable[str]:
    if plan.empty:
        return []
    try:
        session.run(plan)
    except BsdvirtError as error:
        errors.append(error)
        return []
    return [f"{plan.subject}: {did} {step.why}" for step in plan.finish]
