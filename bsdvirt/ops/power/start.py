"""Start guests of either kind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, field, structs
from msgspec.structs import replace

from bsdvirt.errors import BsdvirtError, ConflictError, as_told
from bsdvirt.facts.host import LOOKS, read_host
from bsdvirt.facts.jls import read_jails
from bsdvirt.facts.sysctl import KERNEL_LOOK
from bsdvirt.guest import forwards, logs
from bsdvirt.guest.duplicates import duplicates
from bsdvirt.guest.inventory import Guest, Inventory, need_unlocked
from bsdvirt.guest.view import Parts, Start, Surroundings
from bsdvirt.kinds import by_kind, is_running, kind_of, load_spec
from bsdvirt.layout import FAILED_DIRECTORY, RUN_FILES, failed_file
from bsdvirt.net.files import Networks
from bsdvirt.ops.network import pf
from bsdvirt.ops.network.up import plan_networks_up
from bsdvirt.ops.power import hooks
from bsdvirt.ops.power.claims import fits, reclaim
from bsdvirt.ops.power.exclusive import claimed, other_uses, refuse_given
from bsdvirt.session.batch import Held, Outcome, hold
from bsdvirt.session.mounted import mount_own
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused, run_part
from bsdvirt.session.session import Session
from bsdvirt.session.view import gives_cpus, view_of
from bsdvirt.spec.guest import GuestSpec

if TYPE_CHECKING:
    from bsdvirt.cpu.given import HostCpus

Planner = Callable[[str], Task]
"""Plans the start of the guest of that name."""


class StartGuests(Struct, frozen=True):
    """Start guests; a running one is left alone."""

    names: tuple[str, ...]
    verb: str = "start"
    foreground: bool = False
    """All but the supervisor of a virtual machine, which the caller becomes."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with starting(session, self.names, self.verb, foreground=self.foreground) as ready:
            tasks = [*ready.refused, *plan_each(ready.parts, ready.plan)]
            yield Prepared(session, tasks, ready.networks)


class Starting(Struct):
    """Guests about to start: their locks are held, and the host was read."""

    parts: Parts
    plan: Planner
    refused: list[Task]
    """Of those that cannot start."""
    networks: list[Task]
    """Bring up their networks."""


@contextlib.contextmanager
def starting(
    session: Session, names: Sequence[str], verb: str, *, foreground: bool = False
) -> Iterator[Starting]:
    """Read once what the starts of all these guests depend on."""
    with contextlib.ExitStack() as stack:
        held = stack.enter_context(hold(session, names, verb))
        ready = begin(session, stack, held, held.names(), foreground=foreground)
        ready.refused += refused(held.refused)
        yield ready


def begin(
    session: Session,
    stack: contextlib.ExitStack,
    held: Held,
    names: Sequence[str],
    *,
    foreground: bool = False,
) -> Starting:
    """The same for guests whose locks are held."""
    session.ahead.expect(*LOOKS, KERNEL_LOOK)
    found = mount_own(session, session.inventory(), names)
    networks = session.networks()
    loading = _Loading(session, found, networks)
    for name in names:
        loading.add(name)
    used = [str(nic.network) for _, spec in loading.parts.values() for nic in spec.nics]
    up = plan_networks_up(session, stack, used, networks)
    loading.refuse_on({task.name: task.error for task in up if task.error})
    plan = planner(
        session, stack, held, found, loading.parts, networks,
        claims=loading.claims, up=up, foreground=foreground,
    )  # fmt: skip
    return Starting(loading.parts, plan, loading.refused, [task for task in up if not task.error])


class _Loading(Struct, dict=True):
    """Guests and what their files say, with claims that fit those."""

    session: Session
    found: Inventory
    networks: Networks
    parts: dict[str, tuple[Guest, GuestSpec]] = field(default_factory=dict)
    refused: list[Task] = field(default_factory=list)
    claims: dict[str, list[Part]] = field(default_factory=dict)
    """In a preview: the plans that write claims."""

    @cached_property
    def cpus(self) -> HostCpus:
        from bsdvirt.session.cpus import host_cpus

        return host_cpus(self.session, self.found.guests.values())

    def add(self, name: str) -> None:
        try:
            self._add(name)
        except Exception as error:
            self.refused.append(Task(name, error=as_told(error)))

    def _add(self, name: str) -> None:
        session, guest = self.session, self.found.guest(name)
        doubled = duplicates(self.found)
        if name in doubled and not _runs(session, guest):
            raise doubled[name].error()
        if guest.given and not _runs(session, guest):
            # Imported here: few guests are on several hosts.
            from bsdvirt.guest.send.replica import refuse_absent

            refuse_absent(guest)
        need_unlocked(guest)
        spec = load_spec(session.host.fs, guest)
        if not self._fits(guest, spec) and not _runs(session, guest):
            guest = self._reclaimed(guest, spec)
        session.need_mounted(self.found)
        session.need_mounted(self.found, guest.layout)
        self.parts[name] = (guest, spec)

    def _fits(self, guest: Guest, spec: GuestSpec) -> bool:
        """Return whether the claims of a guest fit its file, and the CPUs of this host."""
        if not fits(guest.identity, spec, self.networks):
            return False
        claim = guest.identity.cpus
        return claim is None or not self.cpus.wrong(guest.name, claim)

    def _reclaimed(self, guest: Guest, spec: GuestSpec) -> Guest:
        """Return the guest with claims that fit its file, which are written at once."""
        session = self.session
        with session.locked("allocation", "", f"claim {guest.name}"):
            guest, parts = reclaim(session, guest, spec, self.networks)
            if session.preview:
                self.claims[guest.name] = parts
            else:
                for part in parts:
                    run_part(session, part)
        return guest

    def refuse_on(self, down: dict[str, BsdvirtError | None]) -> None:
        """Refuse the guests on networks that cannot be brought up."""
        for name, (_, spec) in list(self.parts.items()):
            wrong = next((down[nic.network] for nic in spec.nics if nic.network in down), None)
            if wrong is not None:
                del self.parts[name]
                self.refused.append(Task(name, error=wrong))


def _runs(session: Session, guest: Guest) -> bool:
    jails = read_jails(session.host)
    return guest.name not in session.stopped and is_running(guest, jails, session.host.fs)


def planner(
    session: Session,
    stack: contextlib.ExitStack,
    held: Held,
    found: Inventory,
    parts: Parts,
    networks: Networks,
    *,
    claims: dict[str, list[Part]] | None = None,
    up: Sequence[Task] = (),
    foreground: bool = False,
) -> Planner:
    """Read what these starts depend on, once, and return what plans each of them. `claims` are
    run before; `up` are the tasks that bring up networks."""
    cpus = _cpus_given(session, found, parts)
    fs, view = session.host.fs, view_of(session, found, networks, cpus)
    kinds = [(kind, [*some]) for kind, some in by_kind(_specs(parts))]
    directories = [d for kind, some in kinds for d in kind.run_directories(some)]
    facts = read_host(session.host, *RUN_FILES, *directories)
    for name in session.stopped & parts.keys():
        guest, spec = parts[name]
        facts = kind_of(guest).as_stopped(guest, spec, facts)
    starters = {
        kind.name: kind.starter(view, {n: parts[n] for n in some}, facts, foreground=foreground)
        for kind, some in kinds
    }
    exposes = any(spec.expose for _, spec in parts.values())
    by_pf = any(forwards.by_pf(guest, spec) for guest, spec in parts.values())
    rules = pf.read(session) if by_pf else None
    clashes = forwards.clashes(fs, found, parts, facts) if exposes else {}
    bringing = {task.name for task in up}

    def plan(name: str) -> Task:
        guest, spec = parts[name]
        if cpus is not None:
            spec = cpus.given(name, spec)
        kind = kind_of(guest)
        kind.refuse_options(name, boot_from=session.boot_from, foreground=foreground)
        idle = name in session.stopped or not kind.is_running(guest, facts.jails, fs)
        if idle and spec.template:
            raise ConflictError(
                f"{name} is a template: only clones of it are started",
                f"bsdvirt clone {name} NEW --start; or bsdvirt set {name} template=no",
            )

        def start() -> Start:
            around = Surroundings(idle=False)
            if idle:
                if name in clashes:
                    raise clashes[name]
                if cpus is not None:
                    cpus.refuse(name, parts[name][1], reserved=False)
                refuse_given(session, found, guest, spec)
                around = Surroundings(
                    starting=hooks.steps(session, "starting", spec.hooks.starting, guest),
                    started=hooks.steps(session, "started", spec.hooks.started, guest),
                    exposed=forwards.start_steps(guest, spec, rules),
                    used=other_uses(session, found, facts, guest, spec),
                )
            return starters[kind.name](guest, spec, around)

        try:
            if idle:
                made, claim = claimed(session, stack, guest, spec, start)
            else:
                made, claim = start(), None
        except BsdvirtError as error:
            note_failure(session, name, error)
            held.release(name)
            raise

        def explain(error: BsdvirtError) -> BsdvirtError:
            shown = made.explain(error)
            note_failure(session, name, shown)
            return shown

        def release() -> None:
            if claim is not None:
                claim.release()
            held.release(name)

        notes = forwards.notes(spec, guest, rules) if idle else ()
        if idle and cpus is not None:
            notes += cpus.on_reserved(parts[name][1])
        return Task(
            name,
            (
                *(claims or {}).get(name, ()),
                *(Part(first) for first in made.first),
                Part(logs.for_start(fs, guest, made.plan)),
            ),
            message=made.plan.reason,
            notes=(*made.plan.notes, *made.notes, *notes),
            needs=tuple(bringing & {str(nic.network) for nic in spec.nics}),
            after=claim.outlive if claim is not None and foreground else None,
            words=lambda warnings: made.words(),
            explain=explain,
            release=release,
        )

    return plan


def _cpus_given(session: Session, found: Inventory, parts: Parts) -> HostCpus | None:
    """Return the claims of CPUs, with those of these guests; None if there are none."""
    starting = [guest for guest, _ in parts.values()]
    guests = [*found.guests.values(), *starting]
    if not gives_cpus(session, guests, [spec for _, spec in parts.values()]):
        return None
    # Imported here: few hosts give guests CPUs.
    from bsdvirt.session.cpus import host_cpus

    return host_cpus(session, guests, {guest.name: guest.identity.cpus for guest in starting})


def _specs(parts: Parts) -> dict[str, GuestSpec]:
    return {name: spec for name, (_, spec) in parts.items()}


def start_held(session: Session, held: Held, names: Sequence[str]) -> list[Outcome]:
    """Start guests whose locks are held."""
    with contextlib.ExitStack() as stack:
        with session.ahead.planning():
            ready = begin(session, stack, held, names)
            tasks = [*ready.refused, *plan_each(ready.parts, ready.plan)]
        return Prepared(session, tasks, ready.networks).run()


def plan_starts(session: Session, found: Inventory, parts: Parts, networks: Networks) -> list[Task]:
    """Plan, for a preview, the starts of guests whose files and claims are these."""
    looking = structs.replace(session, preview=True)
    with contextlib.ExitStack() as stack:
        used = [str(nic.network) for _, spec in parts.values() for nic in spec.nics]
        up = plan_networks_up(looking, stack, used, networks)
        down = {task.name: task.error for task in up if task.error}
        plan = planner(looking, stack, Held(), found, parts, networks)
        unshown = {task.name: task.parts for task in up}

        def one(name: str) -> Task:
            used = [str(nic.network) for nic in parts[name][1].nics]
            for network in used:
                if error := down.get(network):
                    raise error
            first = [part for network in used for part in unshown.pop(network, ())]
            task = plan(name)
            return replace(task, parts=(*first, *task.parts), needs=())

        return plan_each(parts, one)


def note_failure(session: Session, name: str, error: BsdvirtError) -> None:
    """Keep why the last start failed, for `info`."""
    if session.preview:
        return
    session.host.fs.mkdir(FAILED_DIRECTORY, 0o700)
    session.host.fs.write(failed_file(name), f"{error.message}\n", 0o600)
