"""The resources of the host that virtual machines use while they run: disks that they write
to, ports, PCI devices, terminals. Read from the configurations of their runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bsdvirt.bhyve import config
from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.devices.base import Device, Keys, RunSettings, Taken
from bsdvirt.bhyve.keys import parse_keys
from bsdvirt.facts.vmm import names as names_of
from bsdvirt.facts.vms import read_vm
from bsdvirt.guest.inventory import Guest
from bsdvirt.host.fs import Fs
from bsdvirt.layout import bhyve_conf
from bsdvirt.plan.locks import is_held, lock_file
from bsdvirt.spec.vm import Vm


def read_keys(fs: Fs, name: str) -> dict[str, str]:
    """Return bhyve's configuration of the present run, as bhyve reads it; empty without one."""
    return parse_keys(fs.read_or(bhyve_conf(name)))


def read_taken(fs: Fs, names: Iterable[str]) -> Taken:
    """Return what those of these guests use that run or are being started."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        for keys in _configurations(fs, name):
            for device in DEVICES:
                for thing in _held(fs, device, keys):
                    found.setdefault(device.uses, {})[thing] = name
    return Taken(found)


def written_paths(guest: Guest, vm: Vm) -> tuple[str, ...]:
    """Return the files and devices that the guest writes to, with those of its `config`."""
    keys = parse_keys(config.render(guest, vm, RunSettings()))
    named = (thing for device in DEVICES if device.has_names for thing in device.holds(keys))
    return tuple(thing for thing in named if thing.startswith("/"))


def _configurations(fs: Fs, name: str) -> Iterator[Keys]:
    """The configuration of a guest's run, and that of a start under way."""
    fact = read_vm(fs, name)
    if fact is not None and fact.runs:
        yield read_keys(fs, name)
    # A start writes down what it uses as soon as it has the lock.
    if is_held(fs, "start", name):
        yield parse_keys(fs.read_or(lock_file("start", name)))


def _held(fs: Fs, device: Device, keys: Keys) -> Iterator[str]:
    for thing in device.holds(keys):
        if device.has_names:
            yield from names_of(fs, thing)
        else:
            yield thing
