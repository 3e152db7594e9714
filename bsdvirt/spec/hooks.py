"""Hooks: commands run on the host and in the guest when the state of a guest changes.

On the host, a hook is the name of a file in the hooks directory, never a command: a guest's
file may come from another host.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec

from bsdvirt.spec.base import COMMAND, Live, Spec, prop
from bsdvirt.spec.types import Patterned

Line = Annotated[str, msgspec.Meta(pattern=COMMAND)]
Policy = Literal["fail", "warn"]
Event = Literal[
    "created", "starting", "started", "stopping", "stopped", "snapshotting", "snapshotted"
]
EVENTS: tuple[Event, ...] = get_args(Event)
INNER_FIRST: tuple[Event, ...] = ("stopping", "snapshotting")
"""The events at which hooks in the guest come before those on the host."""


class HookName(Patterned):
    """The name of a file in the hooks directory."""

    words = "the name of a hook"
    pattern = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
    longest = 64
    rule = "it is the name of a file in /usr/local/etc/bsdvirt/hooks: letters, digits, _, . and -"


class EventHooks(Spec, frozen=True, kw_only=True):
    """The hooks of an event while the guest is stopped: on the host only."""

    host: Annotated[
        list[HookName],
        prop(
            "Files in /usr/local/etc/bsdvirt/hooks, run on the host in this order.",
            live=Live.NOW,
            max_length=16,
        ),
    ] = []
    policy: Annotated[
        Policy,
        prop(
            "If one fails: `fail` ends the operation and undoes it, `warn` continues.",
            live=Live.NOW,
        ),
    ] = "warn"
    timeout: Annotated[
        int,
        prop("Time limit for each of them.", unit="s", ge=1, le=3600, live=Live.NOW),
    ] = 60


class InnerHooks(EventHooks, frozen=True, kw_only=True):
    """The hooks of an event while the guest runs: on the host and in the guest."""

    guest: Annotated[
        list[Line],
        prop(
            "Command lines for the guest's /bin/sh, run in the guest.", live=Live.NOW, max_length=16
        ),
    ] = []


class Hooks(Spec, frozen=True, kw_only=True):
    """The hooks of every guest, run on the host."""

    created: Annotated[EventHooks, prop("After its creation.")] = EventHooks()
    starting: Annotated[EventHooks, prop("Before its start.")] = EventHooks()
    started: Annotated[EventHooks, prop("After its start.")] = EventHooks()
    stopping: Annotated[EventHooks, prop("Before its stop.")] = EventHooks()
    stopped: Annotated[EventHooks, prop("After its stop.")] = EventHooks()
    snapshotting: Annotated[EventHooks, prop("Before a snapshot of it is taken.")] = EventHooks()
    snapshotted: Annotated[
        EventHooks,
        prop("After a snapshot of it was taken, or failed after the hooks of `snapshotting` ran."),
    ] = EventHooks()

    def at(self, event: Event) -> EventHooks:
        found: EventHooks = getattr(self, event)
        return found


class JailHooks(Hooks, frozen=True, kw_only=True):
    """The hooks of a jail; some events have hooks in the jail, if it runs."""

    started: Annotated[InnerHooks, prop("After its start commands have ended.")] = InnerHooks()
    stopping: Annotated[InnerHooks, prop("Before its stop commands.")] = InnerHooks()
    snapshotting: Annotated[InnerHooks, prop("Before a snapshot of it is taken.")] = InnerHooks()
    snapshotted: Annotated[
        InnerHooks,
        prop("After a snapshot of it was taken, or failed after the hooks of `snapshotting` ran."),
    ] = InnerHooks()


def outer_only(hooks: EventHooks) -> EventHooks:
    """Return the hooks on the host: those of a guest that does not run."""
    return msgspec.structs.replace(hooks, guest=[]) if isinstance(hooks, InnerHooks) else hooks


def lines_of(hooks: EventHooks) -> list[str]:
    """Return the commands to run in the guest."""
    return list(hooks.guest) if isinstance(hooks, InnerHooks) else []


def seconds(hooks: EventHooks) -> float:
    """Return the time that all hooks of an event may take."""
    return float(hooks.timeout * (len(hooks.host) + len(lines_of(hooks))))
