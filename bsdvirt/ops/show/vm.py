"""The fields of `info` that only a virtual machine has."""

from __future__ import annotations

import re
from typing import Any

from bsdvirt.bhyve.cloud import guest as seed
from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.holds import read_keys
from bsdvirt.facts.rctl import parse_usage
from bsdvirt.facts.vms import VmEnd, VmFact, read_last, read_vm
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import bhyve_log, console_device, console_socket, supervisor_log
from bsdvirt.rows.guest import Route
from bsdvirt.rows.vm import Installer, InstallerNic, StopInfo
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.vm import Vm

_RESIDENT = re.compile(r"^Resident memory\s+(\d+)$", re.MULTILINE)


def vm_fields(session: Session, guest: Guest, vm: GuestSpec | None) -> dict[str, Any]:
    """Return the fields of VmInfo: processes, console, VNC, disks and drives. `vm` is None if
    the guest's file cannot be read."""
    name = guest.name
    fact = read_vm(session.host.fs, name)
    runs = fact is not None and fact.runs
    said = fact.said if fact else None
    shown: dict[str, Any] = {
        "pid": said.pid if runs and said else None,
        "supervisor_pid": said.supervisor if fact and fact.supervised and said else None,
        "console_socket": console_socket(name),
        "console_device": console_device(guest.identity.id, "B"),
        "runs": said.runs if runs and said else 0,
        "last_end": last.what if (last := _last(session, fact, name)) else None,
        "logs": [bhyve_log(name), supervisor_log(name)],
    }
    if isinstance(vm, Vm):
        shown |= {
            "cpus": vm.cpus,
            "memory": int(vm.memory),
            "loader": vm.loader,
            "installer": _installer(session, guest, vm),
            **_devices(session, guest, vm, runs=runs),
            "stop": StopInfo(timeout=vm.stop.timeout, force=vm.stop.force),
        }
    if fact is not None and runs and said and said.pid:
        shown |= _running(session, fact, said.pid)
    return shown


def _last(session: Session, fact: VmFact | None, name: str) -> VmEnd | None:
    """Return how it last ended: in this run, as its supervisor says, or in the one before."""
    if fact is not None and fact.said is not None and fact.said.last is not None:
        return fact.said.last
    return read_last(session.host.fs, name)


def _installer(session: Session, guest: Guest, vm: Vm) -> Installer:
    """Return the network settings to enter into an installer."""
    interfaces = [
        InstallerNic(
            mac=nic.mac,
            addresses=list(nic.addresses),
            gateways=list(nic.gateways),
            routes=[Route(to=to, via=via) for to, via in nic.routes],
        )
        for nic in seed.seed_nics(vm, guest.identity, session.networks())
    ]
    return Installer(interfaces=interfaces, dns=list(seed.name_servers(session.host.fs)))


def _devices(session: Session, guest: Guest, vm: Vm, *, runs: bool) -> dict[str, object]:
    """Return the fields of each device."""
    keys = read_keys(session.host.fs, guest.name) if runs else {}
    shown: dict[str, object] = {}
    for device in DEVICES:
        shown |= device.info(guest, vm, keys)
    return shown


def _running(session: Session, fact: VmFact, pid: int) -> dict[str, Any]:
    usage = session.host.run((tools.RCTL, "-u", f"process:{pid}"), changes=False)
    return {
        "usage": parse_usage(usage.stdout) if usage.status == 0 else {},
        "resident_memory": resident_memory(session, fact.name),
    }


def resident_memory(session: Session, name: str) -> int | None:
    """Return the bytes of host memory that the guest's memory takes now (captures/05)."""
    argv = (tools.BHYVECTL, f"--vm={name}", "--get-stats")
    resident = _RESIDENT.search(session.host.run(argv, changes=False).stdout)
    return int(resident[1]) if resident else None


def running_pid(session: Session, guest: Guest) -> int | None:
    """Return the process ID of a running virtual machine's bhyve."""
    if guest.identity.kind != "vm":
        return None
    fact = read_vm(session.host.fs, guest.name)
    return fact.said.pid if fact is not None and fact.runs and fact.said else None
