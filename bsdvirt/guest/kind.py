"""The interface of a kind of guest. jail/kind.py and bhyve/kind.py implement it; every operation
that is the same for both is written once over it.

A kind plans and reads; it runs nothing and takes no lock. The two implementations are listed in
kinds.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from bsdvirt.errors import BsdvirtError, UsageError
from bsdvirt.facts.host import HostFacts, Kernel
from bsdvirt.facts.jls import JailFact
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.layout import Layout
from bsdvirt.net.files import Networks
from bsdvirt.plan import events
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.events import Sink
from bsdvirt.plan.step import Plan, Step
from bsdvirt.rows.host import Finding
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.load import GuestSpec

SpecT = TypeVar("SpecT", contravariant=True)
T = TypeVar("T")
RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class View:
    """The host as an operation sees it: what a kind reads and plans with."""

    host: Host
    found: Inventory
    networks: Networks
    layouts: tuple[Layout, ...]
    """Those of all pools, imported or not."""
    new_op: Callable[[], str]
    """Returns the id of another operation."""
    random: Callable[[str], RandomBytes]
    """Returns the source of random bytes for the guest of that name."""
    sink: Sink = events.ignore
    preview: bool = False
    """Nothing will be run."""
    stopped: frozenset[str] = frozenset()
    """Guests to plan for as if they were stopped."""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """For guests that are not made yet: directories with the contents of their future roots."""
    boot_from: str = ""
    """The drive or disk to boot from, this start only."""

    @property
    def fs(self) -> Fs:
        return self.host.fs


Parts = Mapping[str, tuple[Guest, GuestSpec]]
"""Guests by name, with what their files say."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What belongs to a start, whatever the kind."""

    idle: bool = True
    """The guest does not run."""
    starting: tuple[Step, ...] = ()
    """Hooks before the start."""
    started: tuple[Step, ...] = ()
    """Hooks after it."""
    exposed: Sequence[Step] = ()
    """Load the rules of its exposed ports."""
    used: Mapping[str, str] = field(default_factory=dict)
    """Paths that it writes to and that something else on the host uses, with how."""


@dataclass(frozen=True, slots=True)
class Start:
    """A planned start."""

    plan: Plan
    words: Callable[[], str]
    """Returns the message, once the plan was run."""
    first: tuple[Plan, ...] = ()
    """What is run before it."""
    notes: tuple[str, ...] = ()
    explain: Callable[[BsdvirtError], BsdvirtError] = lambda error: error
    """Returns the error to report for the one that the plan raised."""


Starter = Callable[[Guest, Any, Surroundings], Start]
"""Plans the start of one guest. Raises ConflictError, UsageError and HostError."""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """How a guest is to be stopped."""

    seconds: float
    """How long an orderly stop may take; after that the guest is stopped by force."""
    share: float = 1.0
    """The part of the guest's own stop time that this is, at most 1."""
    force: bool = False
    """Do not ask the guest."""
    hooks: tuple[Step, ...] = ()
    """Hooks before the stop."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of a guest's file changes besides the file, before and after it is written."""

    steps: tuple[Step, ...] = ()
    finish: tuple[Step, ...] = ()
    """After the point of no return."""
    notes: tuple[str, ...] = ()


class Kind(Protocol[SpecT]):
    """One kind of guest. `spec` is what a guest's file says, None where it cannot be read."""

    @property
    def name(self) -> Literal["jail", "vm"]:
        """`jail` or `vm`, as in a guest's identity."""

    @property
    def noun(self) -> str:
        """For messages: jail, virtual machine."""

    @property
    def spec_type(self) -> type[Any]:
        """The struct of a guest's file."""

    @property
    def modules(self) -> tuple[str, ...]:
        """The kernel modules that its guests need."""

    @property
    def repeats_notes(self) -> bool:
        """Whether a change of a guest reports the notes of its next start."""

    @property
    def left(self) -> str:
        """For messages: what a stopped guest may have left behind."""

    @property
    def unwatched(self) -> tuple[str, str, str]:
        """For doctor: that a running guest has lost the process that watches it, what a repair
        does, and that it was done."""

    # ---- state ----

    def is_running(self, guest: Guest, jails: Mapping[str, JailFact], fs: Fs) -> bool:
        """Return whether the guest runs."""

    def refuse_left(self, fs: Fs, name: str) -> None:
        """Raise ConflictError where the guest runs, or was killed and left something."""

    def port(self, guest_id: int, nic: int) -> str:
        """Return the name of the host's side of an interface."""

    def host_interfaces(self, guest_id: int) -> list[str]:
        """Return every name that an interface of the guest may have on the host."""

    def rctl_subject(self, guest: Guest, fs: Fs) -> str:
        """Return a running guest as rctl(8) names it; empty between two runs of its process."""

    # ---- claims ----

    def claims_fit(self, identity: Identity, spec: SpecT) -> bool:
        """Return whether the identity has what the file asks for, besides interfaces."""

    def claim(
        self,
        name: str,
        identity: Identity,
        spec: SpecT,
        others: Iterable[Guest],
        random: RandomBytes,
        *,
        live: bool = False,
    ) -> Identity:
        """Return the identity with what the file asks for, besides interfaces: from the next
        start on, where the guest is `live`. Raises ConflictError."""

    def release_claims(self, guest: Guest, identity: Identity, host: Host) -> tuple[Step, ...]:
        """Take away what a crash left of claims that the new identity no longer has."""

    def exclusive(self, guest: Guest, spec: SpecT) -> str:
        """Return what the guest needs for itself while it runs, as text for others that start
        meanwhile; empty for nothing."""

    def passed(self, spec: SpecT) -> Collection[str]:
        """Return the PCI devices of the host that the guest has for itself."""

    def disks(self, guest: Guest, spec: SpecT) -> tuple[str, ...]:
        """Return the host's paths that the guest writes to as disks, without its own volumes."""

    def disks_in_use(self, fs: Fs, name: str) -> tuple[str, ...]:
        """Return every name of what a running guest writes to as disks."""

    def datasets_given(self, guest: Guest, spec: SpecT | None) -> tuple[str, ...]:
        """Return the datasets whose volumes are the guest's while it runs."""

    def untrusted_root(self, guest: Guest) -> str:
        """Return the directory in which the guest may make links; empty where there is none."""

    # ---- start ----

    def refuse_options(self, name: str, *, boot_from: str, foreground: bool) -> None:
        """Raise UsageError for a way to start that this kind does not have."""

    def run_directories(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the directories whose files a start looks at, besides RUN_FILES."""

    def as_stopped(self, guest: Guest, spec: SpecT, facts: HostFacts) -> HostFacts:
        """Return what the host will show once the guest has stopped."""

    def as_made(self, guest: Guest, spec: SpecT) -> Guest:
        """Return the guest with the datasets that its file names, made already or not."""

    def starter(
        self, view: View, parts: Parts, facts: HostFacts, *, foreground: bool = False
    ) -> Starter:
        """Read what the starts of these guests depend on, once, and return what plans each.
        `foreground`: all but the supervisor, which the caller becomes."""

    def inside(self, fs: Fs, guest: Guest) -> tuple[str, ...]:
        """Return the argument list in front of a command that runs in the guest, as root; empty
        where nothing can."""

    def console(self, host: Host, guest: Guest, term: str) -> tuple[str, ...]:
        """Return the command that gives the caller's terminal, of type `term`, the guest's
        console. Raise ConflictError where it does not run."""

    def probes(self, fs: Fs, guest: Guest, boot: Boot) -> list[tuple[str, ...]]:
        """Return commands of which one succeeds once the guest is ready."""

    def check_ready(self, name: str, spec: SpecT, boot: Boot) -> None:
        """Raise UsageError for a boot.ready that cannot be tested from the host."""

    def watch_plan(self, view: View, guest: Guest, facts: HostFacts) -> Plan | None:
        """Return the plan that replaces the process that watches a running guest; None where it
        is there, or none is needed."""

    # ---- stop ----

    def stop_seconds(self, spec: SpecT | None) -> float:
        """Return how long a stop may take until it is forced, hooks included."""

    def stop_timeout(self, spec: SpecT | None) -> float:
        """Return the guest's own stop time, which a timeout replaces."""

    def plan_stop(
        self, view: View, facts: HostFacts, guest: Guest, spec: SpecT | None, how: StopRequest
    ) -> Plan:
        """Plan a stop, and the removal of what is left after it. A plan with a reason is that
        of a guest that does not run."""

    def forced(self, warnings: Sequence[str], how: StopRequest) -> bool:
        """Return whether a stop that was run took force."""

    def plan_end(
        self,
        view: View,
        name: str,
        spec: SpecT | None,
        states: Sequence[str],
        how: StopRequest | None,
    ) -> Plan | None:
        """Plan the end of a start or a stop that another command waits for with the guest's lock
        held; None where the guest is in none of these states. Without `how`, its own policy."""

    def clean_steps(
        self, view: View, guest: Guest, spec: SpecT | None, facts: HostFacts
    ) -> tuple[Step, ...]:
        """Take away what a stopped guest has left; notes of how it ended stay."""

    # ---- change and destroy ----

    def check_change(self, host: Host, guest: Guest, before: SpecT, after: SpecT) -> None:
        """Raise UsageError and HostError for a change that this host cannot have."""

    def plan_change(
        self,
        host: Host,
        guest: Guest,
        before: SpecT,
        after: SpecT,
        op: str,
        *,
        live: bool,
        destroying: frozenset[str] = frozenset(),
    ) -> Change:
        """Plan what a change does to the guest's datasets and volumes."""

    def live_steps(self, host: Host, guest: Guest, before: SpecT, after: SpecT) -> list[Step]:
        """Apply what a running guest takes at once."""

    def reread_steps(self, host: Host, guest: Guest, before: SpecT, after: SpecT) -> list[Step]:
        """Write what the guest's supervisor reads again; `guest` has its new claims."""

    def change_notes(
        self, view: View, guest: Guest, before: SpecT, after: SpecT, identity: Identity
    ) -> tuple[str, ...]:
        """Return what to say of a change; `identity` is that of the next start."""

    def own_mounts(
        self, guest: Guest, spec: SpecT | None, facts: HostFacts
    ) -> set[tuple[str, str]]:
        """Return the sources and places of what is mounted in the guest's directory and is its
        own."""

    def kept_notes(self, guest: Guest, spec: SpecT | None) -> tuple[str, ...]:
        """Return what to say of what stays when the guest is destroyed."""

    # ---- doctor ----

    def findings(
        self, view: View, facts: HostFacts, specs: Mapping[str, SpecT]
    ) -> Iterator[Finding]:
        """Check the guests of this kind. `specs` are those whose file can be read."""

    def drift(
        self, view: View, guest: Guest, spec: SpecT | None, facts: HostFacts, kernel: Kernel
    ) -> Iterator[Drift]:
        """Yield what a running guest lacks of what its start made."""


def as_spec(name: str, spec: GuestSpec, wanted: type[T], why: str, hint: str) -> T:
    """Return what a guest's file says, of the wanted kind. Raises UsageError, saying why the other
    kind does not do."""
    if not isinstance(spec, wanted):
        raise UsageError(f"{name} is a {_noun_of(spec)}: {why}", hint)
    return spec


def need_kind(guest: Guest, wanted: str, why: str, hint: str) -> None:
    """Raise UsageError for a guest of another kind, saying why that does not do."""
    if guest.identity.kind != wanted:
        raise UsageError(f"{guest.name} is a {NOUNS[guest.identity.kind]}: {why}", hint)


NOUNS = {"jail": "jail", "vm": "virtual machine"}


def _noun_of(spec: GuestSpec) -> str:
    return NOUNS[type(spec).__name__.lower()]
