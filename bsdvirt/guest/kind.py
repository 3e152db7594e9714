"""The interface of a kind of guest. jail/kind.py and bhyve/kind.py implement it; every operation
that is the same for both is written once over it.

A kind plans and reads; it runs nothing and takes no lock. The two implementations are listed in
kinds.py. The types that it names are imported for the type checker only: what asks for a kind
would load all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from bsdvirt.facts.host import HostFacts, Kernel
    from bsdvirt.facts.jls import JailFact
    from bsdvirt.guest.archive.parts import Parts as Archived
    from bsdvirt.guest.claims import RandomBytes
    from bsdvirt.guest.inventory import Foreign, Guest
    from bsdvirt.guest.view import Change, Cpus, Parts, Starter, StopRequest, View
    from bsdvirt.host.base import Host
    from bsdvirt.host.fs import Fs
    from bsdvirt.plan.drift import Drift
    from bsdvirt.plan.step import Plan, Step
    from bsdvirt.rows.host import Finding
    from bsdvirt.rows.jail import JailInfo
    from bsdvirt.rows.vm import VmInfo
    from bsdvirt.spec.identity import Boot, Claim, Identity
    from bsdvirt.spec.types import CpuList

    Info = JailInfo | VmInfo

NOUNS = {"jail": "jail", "vm": "virtual machine"}
"""For messages: each kind of guest, by its name."""

SpecT = TypeVar("SpecT", contravariant=True)


class Kind(Protocol[SpecT]):
    """One kind of guest. `spec` is what a guest's file says, None where it cannot be read. What has
    a result here is so for a kind that does not have the thing."""

    @property
    def name(self) -> Literal["jail", "vm"]:
        """`jail` or `vm`, as in a guest's identity."""

    @property
    def noun(self) -> str:
        """As in NOUNS."""

    @property
    def modules(self) -> tuple[str, ...]:
        """The kernel modules that its guests need."""

    @property
    def has_drives(self) -> bool:
        """Whether its guests have drives for media."""

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
        return

    def port(self, guest_id: int, nic: int) -> str:
        """Return the name of the host's side of an interface."""

    def host_interfaces(self, guest_id: int) -> list[str]:
        """Return every name that an interface of the guest may have on the host."""

    def release_of(self, spec: SpecT) -> str:
        """Return the release that the guest is made of; empty where there is none."""
        return ""

    def media(self, spec: SpecT) -> Iterable[str]:
        """Return the media in its drives."""
        return ()

    def check_adopted(self, foreign: Foreign, spec: SpecT) -> None:
        """Raise HostError for a guest from elsewhere that lacks a part."""
        return

    def archived(self, spec: SpecT) -> Archived:
        """Return what an archive of the guest contains, and how it is created again."""

    # ---- rows ----

    def info(self, view: View, guest: Guest, spec: SpecT | None, fields: dict[str, Any]) -> Info:
        """Return the row of `info`. `fields` are those that every guest has."""

    def nic_fields(self, guest: Guest, claim: Claim, number: int) -> dict[str, Any]:
        """Return the fields of an interface in `info` that only this kind has."""
        return {}

    # ---- CPUs ----

    def cpus_now(
        self, host: Host, guests: Sequence[Guest], jails: Mapping[str, JailFact]
    ) -> Mapping[str, Cpus]:
        """Return where those that run may run, as the kernel holds it: one command at most,
        whatever their number."""

    def cpus_wanted(self, spec: SpecT) -> Cpus:
        """Return where the guest may run from its next start on."""

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
        return ()

    def exclusive(self, guest: Guest, spec: SpecT) -> str:
        """Return what the guest needs for itself while it runs, as text for others that start
        meanwhile; empty for nothing."""
        return ""

    def passed(self, spec: SpecT) -> Collection[str]:
        """Return the PCI devices of the host that the guest has for itself."""
        return ()

    def disks(self, guest: Guest, spec: SpecT) -> tuple[str, ...]:
        """Return the host's paths that the guest writes to as disks, without its own volumes."""
        return ()

    def disks_in_use(self, fs: Fs, name: str) -> tuple[str, ...]:
        """Return every name of what a running guest writes to as disks."""
        return ()

    def datasets_given(self, guest: Guest, spec: SpecT | None) -> tuple[str, ...]:
        """Return the datasets whose volumes are the guest's while it runs."""
        return ()

    def own_datasets(self, guest: Guest, spec: SpecT) -> Mapping[str, int | None]:
        """Return the datasets of the guest that its file names, besides guests/<name>, and the
        sizes of those that are volumes."""

    def untrusted_root(self, guest: Guest) -> str:
        """Return the directory in which the guest may make links; empty where there is none."""
        return ""

    # ---- start ----

    def refuse_options(self, name: str, *, boot_from: str, foreground: bool) -> None:
        """Raise UsageError for a way to start that this kind does not have."""
        return

    def run_directories(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the directories whose files a start looks at, besides RUN_FILES."""
        return ()

    def as_stopped(self, guest: Guest, spec: SpecT, facts: HostFacts) -> HostFacts:
        """Return what the host will show once the guest has stopped."""

    def as_made(self, guest: Guest, spec: SpecT) -> Guest:
        """Return the guest with the datasets that its file names, made already or not."""
        return guest

    def starter(
        self, view: View, parts: Parts, facts: HostFacts, *, foreground: bool = False
    ) -> Starter:
        """Read what the starts of these guests depend on, once, and return what plans each.
        `foreground`: all but the supervisor, which the caller becomes."""

    def inside(self, fs: Fs, guest: Guest) -> tuple[str, ...]:
        """Return the argument list in front of a command that runs in the guest, as root; empty
        where nothing can."""
        return ()

    def console(self, host: Host, guest: Guest, term: str) -> tuple[str, ...]:
        """Return the command that gives the caller's terminal, of type `term`, the guest's
        console. Raise ConflictError where it does not run."""

    def probes(self, fs: Fs, guest: Guest, boot: Boot) -> list[tuple[str, ...]]:
        """Return commands of which one succeeds once the guest is ready."""

    def check_ready(self, name: str, spec: SpecT, boot: Boot) -> None:
        """Raise UsageError for a boot.ready that cannot be tested from the host."""
        return

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
        return None

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

    def watcher_steps(self, host: Host, guest: Guest, cpus: CpuList | None) -> list[Step]:
        """Move the supervisor of a running guest to these CPUs; None for all. That of a jail's main
        command stays where it was started: what it starts enters the jail's cpuset, which the
        kernel refuses to a process on other CPUs."""
        return []

    def reread_steps(self, host: Host, guest: Guest, before: SpecT, after: SpecT) -> list[Step]:
        """Write what the guest's supervisor reads again; `guest` has its new claims."""
        return []

    def change_notes(
        self, view: View, guest: Guest, before: SpecT, after: SpecT, identity: Identity
    ) -> tuple[str, ...]:
        """Return what to say of a change; `identity` is that of the next start."""

    def last_steps(self, guest: Guest) -> tuple[Step, ...]:
        """Remove what outlives the guest's datasets, under its name."""
        return ()

    def own_mounts(
        self, guest: Guest, spec: SpecT | None, facts: HostFacts
    ) -> set[tuple[str, str]]:
        """Return the sources and places of what is mounted in the guest's directory and is its
        own."""
        return set()

    def kept_notes(self, guest: Guest, spec: SpecT | None) -> tuple[str, ...]:
        """Return what to say of what stays when the guest is destroyed."""
        return ()

    # ---- doctor ----

    def findings(
        self, view: View, facts: HostFacts, specs: Mapping[str, SpecT], kernel: Kernel
    ) -> Iterator[Finding]:
        """Check the guests of this kind. `specs` are those whose file can be read."""

    def drift(
        self, view: View, guest: Guest, spec: SpecT | None, facts: HostFacts, kernel: Kernel
    ) -> Iterator[Drift]:
        """Yield what a running guest lacks of what its start made."""
