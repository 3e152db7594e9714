"""What the file of a guest from elsewhere uses of this host."""

from __future__ import annotations

from typing import Any

import pytest

from bsdvirt.ops.foreign import ASKS, SHARES, asks
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.vm import Vm


@pytest.mark.parametrize(
    ("nic", "found"),
    [
        ({}, None),
        ({"vlan": 20}, [{"network": "lan", "vlan": 20}]),
        ({"tagged": "1-4094"}, [{"network": "lan", "tagged": "1-4094"}]),
    ],
)
def test_vlans_that_an_interface_chooses(nic: dict[str, Any], found: object) -> None:
    jail = decode(Jail, {"release": "none", "nics": [{"network": "lan", **nic}]}, "test")
    assert asks(jail).get("vlans") == found


OWN = {
    "hostname", "description", "protected", "template", "cpus", "limits", "stop", "restart",
    "snapshots", "release", "hosts", "timezone", "quota", "refquota", "compression", "recordsize",
    "atime", "run_user", "bootorder", "cloud", "hostbridge", "rng", "sockets", "threads", "memory",
    "loader", "image", "clock", "ignore_msrs", "acpi_in_memory", "enable_bars",
}  # fmt: skip
"""Properties that concern the guest alone."""


def test_each_property_is_known_to_be_the_guests_own_or_not() -> None:
    every = {*Jail.__struct_fields__, *Vm.__struct_fields__}
    assert every == OWN | {*ASKS, *SHARES}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Jail, {"release": "none", "stack": "vnet", "interfaces": ["em0"]}),
        (Vm, {"memory": "1G", "firmware": "/etc/master.passwd", "variables": "/etc/spwd.db"}),
    ],
)
def test_what_is_the_hosts_needs_consent(kind: type[Jail | Vm], told: dict[str, Any]) -> None:
    asked = asks(decode(kind, told, "test"), shares=False)
    assert asked.items() >= {k: v for k, v in told.items() if k in ASKS and k != "stack"}.items()


def test_cpus_of_its_own_are_shown() -> None:
    jail = decode(Jail, {"release": "none", "placement": "exclusive", "cpus": 4}, "test")
    assert asks(jail) == {"placement": "exclusive"}
    assert asks(jail, shares=False) == {}
