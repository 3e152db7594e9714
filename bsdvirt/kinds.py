"""The kinds of guests. Each is imported when it is first asked for: most verbs need one, and
reading verbs none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from bsdvirt.errors import BsdvirtError, UsageError
from bsdvirt.facts.jls import JailFact
from bsdvirt.guest.inventory import Guest, text_at
from bsdvirt.guest.kind import NOUNS, Kind
from bsdvirt.host.fs import Fs
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import load_guest

if TYPE_CHECKING:
    from bsdvirt.guest.snapshots.clone import Cloner

T = TypeVar("T")


@cache
def _kind(name: str) -> Kind[Any]:
    """Return the kind of that name. Raises KeyError."""
    match name:
        case "jail":
            from bsdvirt.jail.kind import JailKind

            return JailKind()
        case "vm":
            from bsdvirt.bhyve.kind import VmKind

            return VmKind()
        case _:
            raise KeyError(name)


class _Kinds(Mapping[str, Kind[Any]]):
    def __getitem__(self, name: str) -> Kind[Any]:
        return _kind(name)

    def __iter__(self) -> Iterator[str]:
        return iter(NOUNS)

    def __len__(self) -> int:
        return len(NOUNS)


KINDS: Mapping[str, Kind[Any]] = _Kinds()


def kind_of(guest: Guest) -> Kind[Any]:
    """Return the kind of a guest, by its identity."""
    return KINDS[guest.identity.kind]


def kind_of_spec(spec: GuestSpec) -> Kind[Any]:
    """Return the kind that a guest's file is of."""
    return KINDS["jail" if isinstance(spec, Jail) else "vm"]


def cloner_of(kind: Kind[Any]) -> Cloner[Any]:
    """Return what plans copies of the guests of a kind."""
    match kind.name:
        case "jail":
            from bsdvirt.jail.copies.clone import JailCloner

            return JailCloner()
        case "vm":
            from bsdvirt.bhyve.copies.clone import VmCloner

            return VmCloner()


def is_running(guest: Guest, jails: Mapping[str, JailFact], fs: Fs) -> bool:
    """Return whether a guest of either kind runs."""
    return kind_of(guest).is_running(guest, jails, fs)


def load_spec(fs: Fs, guest: Guest) -> GuestSpec:
    """Return what a guest's file says.

    Raises UsageError for what is wrong in it, and where it was edited into one of the other kind;
    HostError where it does not exist.
    """
    return load_spec_at(fs, guest, guest.layout.guest_file(guest.name))


def load_spec_at(fs: Fs, guest: Guest, path: str) -> GuestSpec:
    """Return what another file for the guest says, such as that in a snapshot. Raises as load_spec
    does."""
    spec = load_guest(text_at(fs, guest.layout, guest.name, path), path)
    kind = guest.identity.kind
    if kind_of_spec(spec) is not KINDS[kind]:
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


def by_kind(specs: Mapping[str, GuestSpec]) -> Iterator[tuple[Kind[Any], dict[str, GuestSpec]]]:
    """Yield the kinds of these guests, each with what their files say."""
    found: dict[str, dict[str, GuestSpec]] = {}
    for name, spec in specs.items():
        found.setdefault(kind_of_spec(spec).name, {})[name] = spec
    for name in NOUNS:
        if name in found:
            yield KINDS[name], found[name]


def need_kind(guest: Guest, wanted: str, why: str, hint: str) -> None:
    """Raise UsageError for a guest of another kind, saying why that does not do."""
    if guest.identity.kind != wanted:
        raise UsageError(f"{guest.name} is a {NOUNS[guest.identity.kind]}: {why}", hint)


def as_spec(name: str, spec: GuestSpec, wanted: type[T], why: str, hint: str) -> T:
    """Return what a guest's file says, of the wanted kind. Raises UsageError as need_kind does."""
    if not isinstance(spec, wanted):
        raise UsageError(f"{name} is a {kind_of_spec(spec).noun}: {why}", hint)
    return spec
