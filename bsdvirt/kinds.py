"""The kinds of guests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bsdvirt.bhyve.kind import VmKind
from bsdvirt.errors import BsdvirtError, UsageError
from bsdvirt.facts.jls import JailFact
from bsdvirt.guest.inventory import Guest, load_guest_file
from bsdvirt.guest.kind import Kind
from bsdvirt.host.fs import Fs
from bsdvirt.jail.kind import JailKind
from bsdvirt.spec.load import GuestSpec

KINDS: Mapping[str, Kind[Any]] = {"jail": JailKind(), "vm": VmKind()}


def kind_of(guest: Guest) -> Kind[Any]:
    """Return the kind of a guest, by its identity."""
    return KINDS[guest.identity.kind]


def load_spec(fs: Fs, guest: Guest) -> GuestSpec:
    """Return what a guest's file says.

    Raises UsageError for what is wrong in it, and where it was edited into one of the other kind;
    HostError where it is not there.
    """
    spec: GuestSpec = load_guest_file(fs, guest.layout, guest.name)
    kind = guest.identity.kind
    if kind_of_spec(spec) is not KINDS[kind]:
        path = guest.layout.guest_file(guest.name)
        raise UsageError(
            f"{path}: kind: {guest.name} is a {kind}, and stays one", f"write kind: {kind} there"
        )
    return spec


def read_spec(fs: Fs, guest: Guest) -> GuestSpec | None:
    """Return what a guest's file says; None where it cannot be read."""
    try:
        return load_spec(fs, guest)
    except BsdvirtError:
        return None


def kind_of_spec(spec: GuestSpec) -> Kind[Any]:
    """Return the kind that a guest's file is of."""
    return next(kind for kind in KINDS.values() if isinstance(spec, kind.spec_type))


def is_running(guest: Guest, jails: Mapping[str, JailFact], fs: Fs) -> bool:
    """Return whether a guest of either kind runs."""
    return kind_of(guest).is_running(guest, jails, fs)


def by_kind(specs: Mapping[str, GuestSpec]) -> Iterator[tuple[Kind[Any], dict[str, GuestSpec]]]:
    """Yield each kind, with what the files of its guests say."""
    for kind in KINDS.values():
        yield kind, {n: spec for n, spec in specs.items() if isinstance(spec, kind.spec_type)}
