"""The row of `info`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.state import read_states
from bsdvirt.kinds import kind_of, load_spec
from bsdvirt.layout import console_log, failed_file
from bsdvirt.ops import foreign
from bsdvirt.ops.show.guests import common, jid_of
from bsdvirt.ops.show.reached import reached
from bsdvirt.rows.guest import ForeignInfo, Nic, boot_of
from bsdvirt.session.session import Session
from bsdvirt.session.view import view_of
from bsdvirt.spec.fields import plain
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot

if TYPE_CHECKING:
    from bsdvirt.guest.kind import Info


def detail(session: Session, name: str) -> Info | ForeignInfo:
    """Return one guest in full, for `info`. Raises NotFoundError."""
    found = session.inventory()
    if name in found.foreign:
        return foreign.detail(session, found.foreign[name])
    guest = found.guest(name)
    jails = read_jails(session.host)
    state = read_states(session.host.fs, found, jails).of(name)
    jid = jid_of(guest, jails)
    identity, claim = guest.identity, guest.identity.cpus
    spec, wrong = _spec(session, guest)
    fields = common(session.host.fs, guest, state, jid) | {
        "uuid": identity.uuid,
        "created": identity.created,
        "dataset": guest.dataset,
        "home": guest.layout.dataset,
        "root_dataset": identity.root_dataset or None,
        "origin": next((d.origin for d in guest.datasets if d.origin), None),
        "nics": _nics(session, guest, stopped=state in ("stopped", "failed", "template")),
        "boot": boot_of(_boot(identity.boot)),
        "log": console_log(name),
        "config": {"error": wrong} if spec is None else plain(spec),
        "claimed_cpus": str(claim.cpus) if claim else UNSET,
        "exclusive": claim.exclusive if claim else UNSET,
        "failure": _failure(session, name) if state == "failed" else UNSET,
        "reached": reached(session.host, name),
    }
    view = view_of(session, found, session.networks())
    return kind_of(guest).info(view, guest, spec, fields)


def _boot(boot: Boot) -> dict[str, Any]:
    """Return what is set of a guest's start at boot; `auto` and `order` always."""
    said: dict[str, Any] = msgspec.to_builtins(boot, enc_hook=str)
    return said | {"auto": boot.auto, "order": boot.order}


def _failure(session: Session, name: str) -> str:
    said = session.host.fs.read_or(failed_file(name)).strip()
    return said or "it was killed, and its supervisor with it"


def _spec(session: Session, guest: Guest) -> tuple[GuestSpec | None, str]:
    """Return what a guest's file says, or None and why it cannot be read."""
    try:
        return load_spec(session.host.fs, guest), ""
    except BsdvirtError as error:
        return None, str(error)


def _nics(session: Session, guest: Guest, *, stopped: bool) -> list[Nic]:
    """Return a guest's interfaces; those of a stopped guest as its next start creates them."""
    present = read_interfaces(session.host)
    kind = kind_of(guest)
    later = guest.identity.next
    claims = later if stopped and later is not None else guest.identity.nics
    return [
        Nic(
            network=claim.network,
            mac=claim.mac,
            address=claim.address,
            address6=claim.address6,
            aliases=list(claim.aliases),
            interface=name if (name := kind.port(guest.identity.id, n)) in present else None,
            **kind.nic_fields(guest, claim, n),
        )
        for n, claim in enumerate(claims)
    ]
