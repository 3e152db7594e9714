"""The registry of devices, and the slots that spec/vmdevices.py says they are in."""

from __future__ import annotations

import importlib
import pkgutil
import random
from typing import Any

import pytest

from bsdvirt.bhyve import claims, devices
from bsdvirt.bhyve.devices.base import Device, RunSettings
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import Layout
from bsdvirt.spec.config_keys import AHCI_SLOT
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.load import decode
from bsdvirt.spec.vm import Vm

SHARED = {"base", "storage"}
"""Modules that are no device."""


def test_every_device_is_registered() -> None:
    names = {module.name for module in pkgutil.iter_modules(devices.__path__)} - SHARED
    defined = {
        one
        for name in names
        for one in vars(importlib.import_module(f"bsdvirt.bhyve.devices.{name}")).values()
        if isinstance(one, type) and issubclass(one, Device) and one is not Device
    }
    assert {type(device) for device in devices.DEVICES} == defined
    assert len(devices.DEVICES) == len(names)


def guest(vm: Vm) -> Guest:
    identity = Identity(id=7, uuid="11111111-2222-4333-8444-555555555555", kind="vm")
    fitting = claims.fit(identity, vm, random.Random(7).randbytes)
    return Guest("web1", Layout("tank/bsdvirt", "/bsdvirt"), fitting)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"rng": False},
        {"vnc": {"enabled": True}},
        {"vnc": {"enabled": True, "tablet": False}},
        {"audio": {"play": "/dev/dsp0"}},
        {"disks": [{"name": "a", "size": "1G"}, {"name": "b", "size": "1G", "bus": "ahci"}]},
        {"cdroms": [{"name": "cd0", "path": "/a.iso"}]},
    ],
    ids=str,
)
def test_a_line_of_config_cannot_take_the_slot_of_a_device(given: dict[str, Any]) -> None:
    vm = decode(Vm, {"kind": "vm", "memory": "1G", **given})
    own = guest(vm)
    slots = [slot for one in devices.DEVICES for slot, _ in one.pci(own, vm, RunSettings())]
    slots += [AHCI_SLOT for one in devices.DEVICES for _ in one.ports(own, vm, RunSettings())]
    assert len(slots) == len(set(slots))
    claimed = {claim.slot for claim in own.identity.disks.values()}
    assert set(slots) - claimed == vm.fixed_slots().keys()
