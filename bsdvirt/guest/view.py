"""What a kind of guest plans with, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.claims import RandomBytes
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.layout import Layout
from bsdvirt.net.files import Networks
from bsdvirt.plan import events
from bsdvirt.plan.events import Sink
from bsdvirt.plan.step import Plan, Step
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.types import CpuList


class View(Struct, frozen=True):
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
    open_cpus: CpuList | None = None
    """The CPUs for supervisors, if guests have some for themselves; None for all."""

    @property
    def fs(self) -> Fs:
        return self.host.fs


Parts = Mapping[str, tuple[Guest, GuestSpec]]
"""Guests by name, with what their files say."""


class Surroundings(Struct, frozen=True):
    """What belongs to a start of either kind."""

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


class Start(Struct, frozen=True):
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


class StopRequest(Struct, frozen=True):
    """How a guest is to be stopped."""

    seconds: float
    """How long an orderly stop may take; after that the guest is stopped by force."""
    share: float = 1.0
    """The part of the guest's own stop time that this is, at most 1."""
    force: bool = False
    """Do not ask the guest."""
    hooks: tuple[Step, ...] = ()
    """Hooks before the stop."""


class Change(Struct, frozen=True):
    """What a change of a guest's file changes besides the file, before and after it is written."""

    steps: tuple[Step, ...] = ()
    finish: tuple[Step, ...] = ()
    """After the point of no return."""
    notes: tuple[str, ...] = ()


class Cpus(Struct, frozen=True):
    """The CPUs of the host that a guest may run on."""

    cpus: tuple[int, ...] | None = None
    """None for all."""
    virtual: int | None = None
    """Number of virtual CPUs; None of a guest without any."""
    pins: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """The CPUs of each virtual CPU that is pinned."""
