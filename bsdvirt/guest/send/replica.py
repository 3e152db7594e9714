"""Which part this host has in a guest that is on several hosts. Pure."""

from __future__ import annotations

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.guest.inventory import Foreign, Guest
from bsdvirt.spec.replica import ABSENT, Replica, replica_from_json

UNREADABLE = "unreadable"
"""The role of a guest whose bsdvirt:replica is not valid."""


def replica_of(guest: Guest | Foreign) -> Replica | None:
    """Return the guest's part in replication; None if it has none. Raises UsageError."""
    text = guest.datasets[0].replica if guest.datasets else None
    return replica_from_json(text) if text else None


def role_of(guest: Guest | Foreign) -> str:
    """Return its role for a listing; "" if it has none."""
    try:
        replica = replica_of(guest)
    except BsdvirtError:
        return UNREADABLE
    return replica.role if replica else ""


def refuse_absent(guest: Guest) -> None:
    """Raise ConflictError for a guest that another host has now: it must not start here. A value
    that cannot be read may say so."""
    try:
        replica = replica_of(guest)
    except BsdvirtError as error:
        raise ConflictError(
            f"{guest.name}: {error.message}: it may be another host's now",
            f"if it is not: zfs inherit bsdvirt:replica {guest.dataset}",
        ) from None
    if replica is None or replica.role not in ABSENT:
        return
    host = replica.to[0].host if replica.to else "another host"
    name = guest.name
    moved = replica.role == "moved"
    what = f"was moved to {host}" if moved else f"is superseded: {host} has promoted its standby"
    back = f"bsdvirt send {name} {host} --back" + ("" if moved else " --force")
    raise ConflictError(
        f"{name} {what}", f"{back} takes it back; bsdvirt destroy {name} drops it here"
    )
