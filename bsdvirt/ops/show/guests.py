"""What is shown: all guests in two commands, or one guest in full."""

from __future__ import annotations

from typing import Any

import msgspec

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import read_interfaces, read_jails, read_rules
from bsdvirt.facts.rctl import parse_usage
from bsdvirt.guest.inventory import Guest, Inventory, load_guest_file, running_jail
from bsdvirt.guest.state import read_states
from bsdvirt.host import tools
from bsdvirt.host.fs import Fs
from bsdvirt.jail.clean import subject
from bsdvirt.jail.facts.datasets import shown_storage
from bsdvirt.jail.facts.leases import leased
from bsdvirt.layout import console_log, failed_file, host_end, main_file, tap
from bsdvirt.ops import foreign
from bsdvirt.ops.show.vm import vm_detail
from bsdvirt.plan.locks import is_held
from bsdvirt.session.session import Session
from bsdvirt.spec.fields import plain
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.load import parse_json


def entries(session: Session) -> tuple[list[dict[str, Any]], Inventory]:
    """All guests, for `ls`: one zfs get, one jls, no guest's file."""
    found = session.inventory(shallow=True)
    jails = read_jails(session.host)
    states = read_states(session.host.fs, found, jails)
    rows = [
        entry(session.host.fs, guest, states.of(name), _jid(guest, jails))
        for name, guest in sorted(found.guests.items())
    ]
    rows += [foreign.row(one) for one in found.foreign.values()]
    return sorted(rows, key=lambda row: str(row["name"])), found


def _jid(guest: Guest, jails: Any) -> int | None:
    jail = running_jail(guest, jails)
    return jail.jid if jail else None


def entry(fs: Fs, guest: Guest, state: str, jid: int | None) -> dict[str, Any]:
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
        "root": guest.layout.dataset,
    }


def detail(session: Session, name: str) -> dict[str, Any]:
    """One guest in full, for `info`."""
    found = session.inventory()
    if name in found.foreign:
        return foreign.detail(session, found.foreign[name])
    guest = found.guest(name)
    jails = read_jails(session.host)
    states = read_states(session.host.fs, found, jails)
    jid = _jid(guest, jails)
    identity = guest.identity
    spec, wrong = _spec(session, found, name)
    shown = entry(session.host.fs, guest, states.of(name), jid)
    shown |= {
        "uuid": identity.uuid,
        "created": identity.created,
        "dataset": guest.dataset,
        "home": guest.layout.dataset,
        "root": guest.root,
        "root_dataset": identity.root_dataset or None,
        "origin": next((d.origin for d in guest.datasets if d.origin), None),
        "nics": _nics(session, guest, stopped=states.of(name) in ("stopped", "failed")),
        "boot": msgspec.to_builtins(identity.boot, enc_hook=str)
        | {"auto": identity.boot.auto, "order": identity.boot.order},
        "log": console_log(name),
        "config": _config(spec, wrong),
    }
    if identity.kind == "jail":
        shown |= shown_storage(session.host, guest)
    else:
        del shown["root"]
        shown |= vm_detail(session, guest, spec)
    if main := session.host.fs.read_or(main_file(name)):
        shown["main"] = _main(session, name, main)
    if states.of(name) == "failed":
        told = session.host.fs.read_or(failed_file(name)).strip()
        shown["failure"] = told or "it was killed, and its supervisor with it"
    if jid is not None:
        shown |= _running(session, name)
    return shown


def _main(session: Session, name: str, text: str) -> dict[str, Any]:
    """What its keeper tells of its main command."""
    try:
        told = parse_json(text)
    except BsdvirtError:
        told = {}
    last = told.get("last") or {}
    return {
        "state": told.get("state"),
        "pid": told.get("pid"),
        "runs": told.get("runs"),
        "watched": is_held(session.host.fs, "keeper", name),
        "last": last.get("words"),
        "status": last.get("status"),
        "why": told.get("why"),
    }


def _spec(session: Session, found: Inventory, name: str) -> tuple[GuestSpec | None, str]:
    """What its file says, or why that cannot be read."""
    try:
        return load_guest_file(session.host.fs, found.home(name), name), ""
    except BsdvirtError as error:
        return None, str(error)


def _config(spec: GuestSpec | None, wrong: str) -> Any:
    return {"error": wrong} if spec is None else plain(spec)


def _nics(session: Session, guest: Guest, *, stopped: bool) -> list[dict[str, Any]]:
    """Its interfaces as it has them; of one that is stopped, as its next start makes them."""
    present = read_interfaces(session.host)
    vm = guest.identity.kind == "vm"
    later = guest.identity.next
    claims = later if stopped and later is not None else guest.identity.nics
    return [
        {
            "network": claim.network,
            "mac": claim.mac,
            "address": claim.address,
            "address6": claim.address6,
            "aliases": list(claim.aliases),
            "interface": name if (name := _host_side(guest, n)) in present else None,
        }
        | ({"tap": tap(guest.identity.id, n), "slot": claim.slot} if vm else {})
        for n, claim in enumerate(claims)
    ]


def _host_side(guest: Guest, nic: int) -> str:
    """What the host has of an interface: a tap, or one end of an epair."""
    kind = tap if guest.identity.kind == "vm" else host_end
    return kind(guest.identity.id, nic)


def _running(session: Session, name: str) -> dict[str, Any]:
    mask = session.host.run((tools.CPUSET, "-g", "-j", name), changes=False).stdout
    cpus = mask.splitlines()[0].partition("mask: ")[2] if mask else ""
    usage = session.host.run((tools.RCTL, "-u", subject(name)), changes=False)
    rules = [rule for rule in read_rules(session.host) if rule.subject == subject(name)]
    return {
        "cpus": cpus,
        "limits": {f"{rule.resource}:{rule.action}": rule.amount for rule in rules},
        "usage": parse_usage(usage.stdout) if usage.status == 0 else {},
    }
