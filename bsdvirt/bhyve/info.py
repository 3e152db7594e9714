"""What `info` and `stats` show of a virtual machine."""

from __future__ import annotations

from typing import Any

from bsdvirt.bhyve.cloud import guest as seed
from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.holds import read_keys
from bsdvirt.facts.rctl import parse_usage, process_subject
from bsdvirt.facts.usage.bhyve import resident_memory
from bsdvirt.facts.vms import VmEnd, VmFact, read_last, read_vm
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.view import View
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.layout import bhyve_log, console_device, console_socket, supervisor_log
from bsdvirt.rows.guest import Route
from bsdvirt.rows.vm import Installer, InstallerNic, StopInfo
from bsdvirt.spec.vm import Vm


def vm_fields(view: View, guest: Guest, vm: Vm | None) -> dict[str, Any]:
    """Return the fields of VmInfo: processes, console, VNC, disks and drives. `vm` is None if
    the guest's file cannot be read."""
    name = guest.name
    fact = read_vm(view.fs, name)
    runs = fact is not None and fact.runs
    said = fact.said if fact else None
    shown: dict[str, Any] = {
        "pid": said.pid if runs and said else None,
        "supervisor_pid": said.supervisor if fact and fact.supervised and said else None,
        "console_socket": console_socket(name),
        "console_device": console_device(guest.identity.id, "B"),
        "runs": said.runs if runs and said else 0,
        "last_end": last.what if (last := _last(view.fs, fact, name)) else None,
        "logs": [bhyve_log(name), supervisor_log(name)],
    }
    if vm is not None:
        shown |= {
            "cpus": vm.cpus,
            "memory": int(vm.memory),
            "loader": vm.loader,
            "installer": _installer(view, guest, vm),
            **_devices(view.fs, guest, vm, runs=runs),
            "stop": StopInfo(timeout=vm.stop.timeout, force=vm.stop.force),
        }
    if fact is not None and runs and said and said.pid:
        shown |= _running(view.host, fact, said.pid)
    return shown


def _last(fs: Fs, fact: VmFact | None, name: str) -> VmEnd | None:
    """Return how it last ended: in this run, as its supervisor says, or in the one before."""
    if fact is not None and fact.said is not None and fact.said.last is not None:
        return fact.said.last
    return read_last(fs, name)


def _installer(view: View, guest: Guest, vm: Vm) -> Installer:
    """Return the network settings to enter into an installer."""
    interfaces = [
        InstallerNic(
            mac=nic.mac,
            addresses=list(nic.addresses),
            gateways=list(nic.gateways),
            routes=[Route(to=to, via=via) for to, via in nic.routes],
        )
        for nic in seed.seed_nics(vm, guest.identity, view.networks)
    ]
    return Installer(interfaces=interfaces, dns=list(seed.name_servers(view.fs)))


def _devices(fs: Fs, guest: Guest, vm: Vm, *, runs: bool) -> dict[str, object]:
    """Return the fields of each device."""
    keys = read_keys(fs, guest.name) if runs else {}
    shown: dict[str, object] = {}
    for device in DEVICES:
        shown |= device.info(guest, vm, keys)
    return shown


def _running(host: Host, fact: VmFact, pid: int) -> dict[str, Any]:
    usage = host.run((tools.RCTL, "-u", process_subject(pid)), changes=False)
    return {
        "usage": parse_usage(usage.stdout) if usage.status == 0 else {},
        "resident_memory": resident_memory(host, fact.name),
    }
