"""Slots, ports and numbers of a virtual machine's devices."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from bsdvirt.bhyve import claims
from bsdvirt.bhyve.devices import storage
from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.spec.identity import Claim, DiskClaim, Identity
from bsdvirt.spec.load import decode
from bsdvirt.spec.vm import MOST_CDROMS, MOST_DISKS, Vm

WHO = Identity(id=7, uuid="11111111-2222-4333-8444-555555555555", kind="vm")


def vm(disks: str = "", drives: str = "", nics: int = 0, **more: Any) -> Vm:
    given = {
        "disks": [{"name": name, "size": "1G"} for name in disks.split()],
        "cdroms": [{"name": name} for name in drives.split()],
        "nics": [{"network": "lan"}] * nics,
    }
    return decode(Vm, {"kind": "vm", "memory": "1G", **given, **more})


def cards(*numbers: int, slots: dict[int, int] | None = None) -> list[Claim]:
    return [
        Claim(network="lan", mac=f"02:00:00:00:00:{number:02x}", slot=(slots or {}).get(number))
        for number in numbers
    ]


def fit(identity: Identity, spec: Vm, seed: int = 1) -> Identity:
    fitting = claims.fit(identity, spec, random.Random(seed).randbytes)
    assert claims.fits(fitting, spec)
    return fitting


def slots(identity: Identity) -> list[int | None]:
    every = [*(disk.slot for disk in identity.disks.values()), *(nic.slot for nic in identity.nics)]
    return [slot for slot in every if slot is not None]


def test_as_many_devices_as_the_file_may_hold() -> None:
    disks = " ".join(f"d{n}" for n in range(MOST_DISKS))
    drives = " ".join(f"c{n}" for n in range(MOST_CDROMS))
    spec = vm(disks, drives, 8)
    identity = fit(msgspec.structs.replace(WHO, nics=cards(*range(8))), spec)
    given = slots(identity)
    assert len(given) == len(set(given)) == MOST_DISKS + 8
    assert set(given) <= set(range(4, 28))
    ports = [claim.port for claim in identity.disks.values()]
    assert len(set(ports)) == MOST_DISKS + MOST_CDROMS
    assert storage.SEED_PORT not in ports
    assert max(ports) < storage.PORTS


def test_every_disk_has_numbers_for_every_bus() -> None:
    identity = fit(WHO, vm("disk0 data", "cd0"))
    serials = [claim.serial for claim in identity.disks.values()]
    assert len(set(serials)) == 3
    assert all(0 < len(serial) <= claims.SERIAL_LENGTH for serial in serials)
    assert all(serial.isalnum() and serial.isascii() for serial in serials)
    eui64 = {identity.disks[name].eui64 for name in ("disk0", "data")}
    assert len(eui64) == 2
    for number in eui64:
        # Locally administered, of one device: bits 1 and 0 of the first octet.
        assert number.startswith("0x")
        assert len(bytes.fromhex(number[2:])) == 8
        assert bytes.fromhex(number[2:])[0] & 3 == 2
    assert identity.disks["cd0"].slot is None
    assert identity.disks["cd0"].port in storage.CDROM_PORTS


def test_what_fits_is_left_alone() -> None:
    identity = fit(msgspec.structs.replace(WHO, nics=cards(1)), vm("disk0", "cd0", 1))
    assert fit(identity, vm("disk0", "cd0", 1), seed=2) == identity


def test_a_disk_keeps_its_place_when_others_come_and_go() -> None:
    before = fit(msgspec.structs.replace(WHO, nics=cards(1)), vm("a b c", "cd0", 1))
    after = fit(before, vm("new b", "cd1", 1), seed=2)
    assert after.disks["b"] == before.disks["b"]
    assert after.nics == before.nics
    assert set(after.disks) == {"new", "b", "cd1"}
    # What is gone leaves its place, and never its number.
    assert after.disks["new"].slot == before.disks["a"].slot
    assert after.disks["new"].port == before.disks["a"].port
    assert after.disks["new"].serial not in {claim.serial for claim in before.disks.values()}
    assert after.disks["cd1"].port == before.disks["cd0"].port


def test_a_name_that_was_a_drive_and_is_a_disk_now() -> None:
    before = fit(WHO, vm("", "media"))
    after = fit(before, vm("media"))
    assert after.disks["media"].slot is not None
    assert after.disks["media"].port in storage.DISK_PORTS


def test_cards_of_the_next_start_keep_clear_of_those_of_now() -> None:
    spec = vm("disk0", nics=1)
    now = fit(msgspec.structs.replace(WHO, nics=cards(1)), spec)
    changed = msgspec.structs.replace(now, next=[*now.nics, *cards(2)])
    later = fit(changed, vm("disk0 disk1", nics=2))
    assert later.next is not None
    assert later.next[0] == now.nics[0]
    used = [later.disks["disk0"].slot, later.disks["disk1"].slot]
    used += [claim.slot for claim in later.next]
    assert len(set(used)) == 4


@pytest.mark.parametrize(
    "identity",
    [
        WHO,
        msgspec.structs.replace(WHO, disks={"disk0": DiskClaim(port=0, serial="A")}),
        msgspec.structs.replace(
            WHO,
            disks={
                "disk0": DiskClaim(slot=4, port=0, serial="A", eui64="0x0200000000000001"),
                "gone": DiskClaim(slot=5, port=1, serial="B", eui64="0x0200000000000002"),
            },
        ),
        msgspec.structs.replace(
            WHO,
            disks={"disk0": DiskClaim(slot=4, port=0, serial="A", eui64="0x0200000000000001")},
            nics=cards(1),
        ),
    ],
    ids=["nothing", "no slot", "one too many", "a card without"],
)
def test_what_does_not_fit(identity: Identity) -> None:
    assert not claims.fits(identity, vm("disk0"))


# ---- what the lines of `config` take of the same numbers ----


def test_a_slot_that_config_names_is_given_to_nothing() -> None:
    spec = vm("disk0", nics=1, wired=True, config=["pci.0.4.0.device=passthru", "pci.0.6.0.mtu=9"])
    identity = fit(msgspec.structs.replace(WHO, nics=cards(0)), spec)
    assert slots(identity) == [5, 7]


def test_a_port_that_config_names_is_given_to_nothing() -> None:
    spec = vm("disk0", config=["pci.0.2.0.port.0.type=hd", "pci.0.2.0.port.0.path=/x"])
    assert fit(WHO, spec).disks["disk0"].port == 1
    identity = fit(WHO, vm("disk0"))
    assert not claims.fits(identity, spec)
    with pytest.raises(ConflictError, match=r"config\.\d: AHCI port 0 is used by disk0"):
        claims.fit(identity, spec, random.Random(1).randbytes)


def test_config_puts_nothing_in_the_place_of_a_device() -> None:
    identity = fit(msgspec.structs.replace(WHO, nics=cards(0)), vm("disk0 disk1", nics=1))
    assert slots(identity) == [4, 5, 6]
    for slot, what in ((4, "disk disk0"), (6, r"nics\.0")):
        spec = vm("disk0 disk1", nics=1, wired=True, config=[f"pci.0.{slot}.0.device=passthru"])
        assert not claims.fits(identity, spec)
        with pytest.raises(ConflictError, match=rf"config\.0: PCI slot {slot} is used by {what}"):
            claims.fit(identity, spec, random.Random(1).randbytes)
    finer = vm("disk0 disk1", nics=1, config=["pci.0.4.0.nodelete=true"])
    assert claims.fit(identity, finer, random.Random(1).randbytes) == identity


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("pci.0.0.0.device=amd_hostbridge", {}),
        ("pci.0.31.0.device=uart", {}),
        ("pci.0.28.0.device=uart", {}),
        ("pci.0.29.0.device=uart", {"vnc": {"enabled": True}}),
        ("pci.0.30.0.device=xhci", {"vnc": {"enabled": True}}),
        ("pci.0.2.0.device=uart", {"cloud": {}}),
        ("pci.0.2.0.device=uart", {"disks": [{"name": "a", "size": "1G", "bus": "ahci"}]}),
        ("lpc.com2.path=/dev/nmdm-bv7A", {}),
        ("pci.0.9.0.backend=bv7n0", {}),
    ],
)
def test_what_is_always_in_its_place_is_not_replaced(line: str, more: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"config\.0"):
        decode(Vm, {"kind": "vm", "memory": "1G", "config": [line], **more})
    if not line.startswith(("lpc", "pci.0.0.", "pci.0.9.", "pci.0.31.", "pci.0.28.")):
        decode(Vm, {"kind": "vm", "memory": "1G", "config": [line]})
