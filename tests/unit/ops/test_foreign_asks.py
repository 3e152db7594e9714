"""What the file of a guest from elsewhere uses of this host."""

from __future__ import annotations

from typing import Any

import pytest

from bsdvirt.ops.foreign import asks
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode


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
