"""The rows of `ls`, from two commands whatever the number of guests, and of `info`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import read_interfaces, read_jails, read_rules
from bsdvirt.facts.jls import JailFact
from bsdvirt.facts.rctl import jail_subject, parse_usage
from bsdvirt.guest.inventory import Guest, Inventory, load_guest_file, running_jail
from bsdvirt.guest.state import read_states
from bsdvirt.host import tools
from bsdvirt.host.fs import Fs
from bsdvirt.jail.facts.datasets import shown_storage
from bsdvirt.jail.facts.leases import leased
from bsdvirt.layout import console_log, failed_file, host_end, main_file, tap
from bsdvirt.ops import foreign
from bsdvirt.ops.show.vm import vm_fields
from bsdvirt.plan.locks import is_held
from bsdvirt.rows.guest import ForeignInfo, GuestRow, Nic, boot_of
from bsdvirt.rows.jail import JailInfo, MainCommand
from bsdvirt.rows.vm import VmInfo
from bsdvirt.session.session import Session
from bsdvirt.spec.fields import plain
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.load import parse_json

Info = JailInfo | VmInfo | ForeignInfo


def entries(session: Session) -> tuple[list[GuestRow], Inventory]:
    """Return a row for each guest: one zfs list, one jls, no guest's file."""
    found = session.inventory(shallow=True)
    jails = read_jails(session.host)
    states = read_states(session.host.fs, found, jails)
    rows = [
        _row(session.host.fs, guest, states.of(name), _jid(guest, jails))
        for name, guest in found.guests.items()
    ]
    rows += [foreign.row(one) for one in found.foreign.values()]
    return sorted(rows, key=lambda row: row.name), found


def _jid(guest: Guest, jails: Mapping[str, JailFact]) -> int | None:
    jail = running_jail(guest, jails)
    return jail.jid if jail else None


def _row(fs: Fs, guest: Guest, state: str, jid: int | None) -> GuestRow:
    return GuestRow(**_common(fs, guest, state, jid), root=guest.layout.dataset)


def _common(fs: Fs, guest: Guest, state: str, jid: int | None) -> dict[str, Any]:
    """Return the fields that `ls` and `info` share."""
    identity = guest.identity
    got = leased(fs, guest) if jid is not None else []
    return {
        "name": guest.name,
        "kind": identity.kind,
        "state": state,
        "id": identity.id,
        "jid": jid,
        "addresses": [*identity.addresses(), *got],
        "autostart": identity.boot.auto,
        "tags": list(identity.tags),
        "release": identity.release,
        "used": guest.used,
        "pool": guest.layout.dataset,
    }


def detail(session: Session, name: str) -> Info:
    """Return one guest in full, for `info`. Raises NotFoundError."""
    found = session.inventory()
    if name in found.foreign:
        return foreign.detail(session, found.foreign[name])
    guest = found.guest(name)
    jails = read_jails(session.host)
    state = read_states(session.host.fs, found, jails).of(name)
    jid = _jid(guest, jails)
    identity = guest.identity
    spec, wrong = _spec(session, found, name)
    fields = _common(session.host.fs, guest, state, jid) | {
        "uuid": identity.uuid,
        "created": identity.created,
        "dataset": guest.dataset,
        "home": guest.layout.dataset,
        "root_dataset": identity.root_dataset or None,
        "origin": next((d.origin for d in guest.datasets if d.origin), None),
        "nics": _nics(session, guest, stopped=state in ("stopped", "failed")),
        "boot": boot_of(_boot(identity.boot)),
        "log": console_log(name),
        "config": {"error": wrong} if spec is None else plain(spec),
        "failure": _failure(session, name) if state == "failed" else UNSET,
    }
    if identity.kind == "vm":
        return VmInfo(**fields, **vm_fields(session, guest, spec))
    if jid is not None:
        fields |= _running(session, name)
    return JailInfo(
        **fields, root=guest.root, main=_main(session, name), **shown_storage(session.host, guest)
    )


def _boot(boot: Boot) -> dict[str, Any]:
    """Return what is set of a guest's start at boot; `auto` and `order` always."""
    said: dict[str, Any] = msgspec.to_builtins(boot, enc_hook=str)
    return said | {"auto": boot.auto, "order": boot.order}


def _failure(session: Session, name: str) -> str:
    said = session.host.fs.read_or(failed_file(name)).strip()
    return said or "it was killed, and its supervisor with it"


def _main(session: Session, name: str) -> MainCommand | UnsetType:
    """Return what the supervisor of a jail's main command wrote down of it."""
    text = session.host.fs.read_or(main_file(name))
    if not text:
        return UNSET
    try:
        said = parse_json(text)
    except BsdvirtError:
        said = {}
    last = said.get("last") or {}
    return MainCommand(
        state=said.get("state"),
        pid=said.get("pid"),
        runs=said.get("runs"),
        watched=is_held(session.host.fs, "keeper", name),
        last=last.get("words"),
        status=last.get("status"),
        why=said.get("why"),
    )


def _spec(session: Session, found: Inventory, name: str) -> tuple[GuestSpec | None, str]:
    """Return what a guest's file says, or None and why it cannot be read."""
    try:
        return load_guest_file(session.host.fs, found.home(name), name), ""
    except BsdvirtError as error:
        return None, str(error)


def _nics(session: Session, guest: Guest, *, stopped: bool) -> list[Nic]:
    """Return a guest's interfaces; those of a stopped guest as its next start creates them."""
    present = read_interfaces(session.host)
    vm = guest.identity.kind == "vm"
    later = guest.identity.next
    claims = later if stopped and later is not None else guest.identity.nics
    return [
        Nic(
            network=claim.network,
            mac=claim.mac,
            address=claim.address,
            address6=claim.address6,
            aliases=list(claim.aliases),
            interface=name if (name := _host_side(guest, n)) in present else None,
            tap=tap(guest.identity.id, n) if vm else UNSET,
            slot=claim.slot if vm else UNSET,
        )
        for n, claim in enumerate(claims)
    ]


def _host_side(guest: Guest, nic: int) -> str:
    """Return the host's interface of a nic: a tap, or one end of an epair."""
    kind = tap if guest.identity.kind == "vm" else host_end
    return kind(guest.identity.id, nic)


def _running(session: Session, name: str) -> dict[str, Any]:
    """Return the fields that only a running jail has."""
    mask = session.host.run((tools.CPUSET, "-g", "-j", name), changes=False).stdout
    usage = session.host.run((tools.RCTL, "-u", jail_subject(name)), changes=False)
    rules = [rule for rule in read_rules(session.host) if rule.subject == jail_subject(name)]
    return {
        "cpus": mask.splitlines()[0].partition("mask: ")[2] if mask else "",
        "limits": {rule.kind: rule.amount for rule in rules},
        "usage": parse_usage(usage.stdout) if usage.status == 0 else {},
    }
