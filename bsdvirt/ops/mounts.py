"""A jail's mounts: add, remove and list them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from msgspec import Struct

from bsdvirt.errors import ConflictError, HostError, NotFoundError, UsageError
from bsdvirt.facts.mount import read_mounts
from bsdvirt.guest.inventory import Guest
from bsdvirt.jail.mounts import in_order
from bsdvirt.kinds import as_spec, load_spec, need_kind
from bsdvirt.ops.change import Change, Wanted
from bsdvirt.rows.jail import MountRow
from bsdvirt.session.prepared import Prepared
from bsdvirt.session.session import Session
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.fields import plain
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.mounts import Mount

Entries = list[dict[str, Any]]


class AddMount(Struct, frozen=True):
    """Mount a directory or a file of the host in a jail, from its next start on."""

    name: str
    source: str
    target: str = ""
    """The path in the jail; that of the source if it is empty."""
    readonly: bool = False
    label: str = ""
    """The name of the mount; made from the target if it is empty."""

    def prepare(self, session: Session) -> AbstractContextManager[Prepared]:
        """Raises HostError for a source that does not exist, ConflictError for a target that
        has a mount already."""
        guest = session.inventory().guest(self.name)
        need_kind(guest, "jail", WHY, f"bsdvirt disk ls {self.name}")
        source, fs = self.source, session.host.fs
        if source.startswith("/") and not (fs.is_dir(source) or fs.is_file(source)):
            raise HostError(
                f"{source} is neither a directory nor a file of the host",
                "make it, or give another",
            )
        entry: dict[str, Any] = {"source": source}
        entry |= {"target": self.target} if self.target else {}
        entry |= {"readonly": True} if self.readonly else {}

        def add(entries: Entries) -> Entries:
            label = self.label or _label(self.target or source, entries)
            return [*entries, {"name": label, **entry}]

        return _change(self.name, add).prepare(session)


def unmount(name: str, which: str) -> Change:
    """Remove a mount, by its name or its target, from the next start on."""

    def remove(entries: Entries) -> Entries:
        kept = [e for e in entries if which not in (e["name"], decode(Mount, e).place)]
        if len(kept) == len(entries):
            there = ", ".join(e["name"] for e in entries) or "none"
            raise NotFoundError(f"{name}: no mount {which}", f"available: {there}")
        return kept

    return _change(name, remove)


def _change(name: str, change: Callable[[Entries], Entries]) -> Change:
    def wish(guest: Guest, text: str, spec: GuestSpec) -> Wanted:
        jail = _jail(name, spec)
        data = plain(jail)
        data["mounts"] = change(data.get("mounts", []))
        try:
            wanted = decode(Jail, data)
        except UsageError as error:
            raise ConflictError(f"{name}: {error.message}", error.hint) from None
        return Wanted(text, edit_yaml(text, jail, wanted), jail, wanted, guest.identity.boot)

    return Change((name,), wish)


WHY = "it has disks instead of mounts"


def _jail(name: str, spec: GuestSpec) -> Jail:
    return as_spec(name, spec, Jail, WHY, f"bsdvirt disk ls {name}")


def _label(place: str, entries: Entries) -> str:
    """Return a name for a mount: the last component of its path, with a number if that is taken."""
    word = re.sub(r"[^a-z0-9_-]", "", place.rpartition("/")[2].lower()).lstrip("0123456789_-")
    word = (word or "mount")[:24]
    taken = {entry["name"] for entry in entries}
    numbered = (f"{word}{number}" for number in range(2, len(taken) + 3))
    return word if word not in taken else next(n for n in numbered if n not in taken)


def listed(session: Session, name: str) -> list[MountRow]:
    """Return the mounts in a jail's file, then what else is mounted in its root."""
    guest = session.inventory().guest(name)
    jail = _jail(name, load_spec(session.host.fs, guest))
    now = {entry.path: entry for entry in read_mounts(session.host)}
    rows = [
        MountRow(
            name=str(entry.name),
            type=str(entry.type),
            source=str(entry.source or ""),
            target=str(entry.place),
            readonly=entry.readonly,
            mounted=guest.root + entry.place in now,
        )
        for entry in in_order(jail.mounts)
    ]
    return rows + _others(guest, rows, now.values())


def _others(guest: Guest, rows: Iterable[MountRow], now: Iterable[Any]) -> list[MountRow]:
    known = {row.target for row in rows}
    inside = [entry for entry in now if entry.path.startswith(guest.root + "/")]
    return [
        MountRow(
            name="",
            type=entry.kind,
            source=entry.source,
            target=entry.path[len(guest.root) :],
            readonly=None,
            mounted=True,
        )
        for entry in inside
        if entry.path[len(guest.root) :] not in known
    ]
