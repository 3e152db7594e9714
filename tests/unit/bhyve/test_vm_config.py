"""bhyve's configuration, held against bhyve's own ways to the same tree."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import bhyvetree
import msgspec
import pytest
import yaml
from captures import said

from bsdvirt.bhyve import claims, config
from bsdvirt.bhyve.devices.base import RunSettings
from bsdvirt.bhyve.devices.cdrom import with_media
from bsdvirt.bhyve.keys import escape
from bsdvirt.errors import UsageError
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import Layout
from bsdvirt.spec.identity import Claim, DiskClaim, Identity
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import RESERVED, Vm

DATA = Path(__file__).resolve().parents[2] / "data"
UUID = "11111111-2222-4333-8444-555555555555"
ROM = "/usr/local/share/uefi-firmware/BHYVE_UEFI_CODE.fd"
VARS = "/bsdvirt/guests/web1/uefi-vars.fd"
ZVOLS = "/dev/zvol/tank/bsdvirt/guests/web1"


def vm(**given: Any) -> Vm:
    return decode(Vm, {"kind": "vm", "memory": "2G", **given})


def guest(spec: Vm, **claimed: Any) -> Guest:
    """With cards of its own, and places as bhyve/claims.py gives them where none are said."""
    nics = [
        Claim(network=str(nic.network), mac=f"02:00:00:00:00:{number:02x}")
        for number, nic in enumerate(spec.nics)
    ]
    identity = Identity(id=7, uuid=UUID, kind="vm", nics=nics)
    identity = claims.fit(identity, spec, random.Random(7).randbytes)
    return Guest("web1", Layout("tank/bsdvirt", "/bsdvirt"),
                 msgspec.structs.replace(identity, **claimed))  # fmt: skip


def disk(slot: int, port: int, serial: str, eui64: str = "0x02ff000000000001") -> DiskClaim:
    return DiskClaim(slot=slot, port=port, serial=serial, eui64=eui64)


EVERY_BUS = vm(
    cpus=4, sockets=2, threads=2, wired=True, hostbridge="amd", ignore_msrs=False,
    pins=["0:0", "1:1", "0:2"],
    disks=[
        {"name": "a", "size": "1G"},
        {"name": "b", "size": "1G", "bus": "nvme", "sectorsize": "512/4096"},
        {"name": "c", "path": "/dev/da3", "bus": "ahci", "readonly": True},
        {"name": "d", "path": "/d.img", "bus": "ahci", "nocache": True, "direct": True},
    ],
    cdroms=[{"name": "cd0", "path": "/a.iso"}, {"name": "cd1"}, {"name": "cd2", "media": "b.iso"}],
    nics=[{"network": "lan"}, {"network": "lan", "model": "e1000"}],
    vnc={"enabled": True, "auth": "own", "password": "secret12", "wait": True, "keyboard": "de"},
    audio={"play": "/dev/dsp0", "record": "/dev/dsp1"}, bootorder=["cd2", "a", "cd0", "b"],
    config=["pci.1.0.0.device=virtio-rnd"],
)  # fmt: skip
PLACES = {
    "disks": {
        "a": disk(4, 0, "SER-A"),
        "b": disk(5, 1, "SER-B", "0x02ff0000000000b0"),
        "c": disk(6, 2, "SER-C"),
        "d": disk(7, 3, "SER-D"),
        "cd0": DiskClaim(port=24, serial="SER-CD0"),
        "cd1": DiskClaim(port=25, serial="SER-CD1"),
        "cd2": DiskClaim(port=26, serial="SER-CD2"),
    },
    "nics": [
        Claim(network="lan", mac="02:00:00:00:00:10", slot=8),
        Claim(network="lan", mac="02:00:00:00:00:20", slot=9),
    ],
}
PORTS = ["hd:"] * 27
PORTS[2] = "hd:/dev/da3,ro,nmrr=1,ser=SER-C"
PORTS[3] = "hd:/d.img,nocache,direct,nmrr=1,ser=SER-D"
PORTS[23] = "cd:/bsdvirt/guests/web1/seed.iso,ro,ser=SEED"
PORTS[24] = "cd:/a.iso,ro,ser=SER-CD0"
PORTS[26] = "cd:/bsdvirt/media/b.iso,ro,ser=SER-CD2,bootindex=0"
ARGUMENTS = [
    "-A", "-H", "-P", "-S", "-u",
    "-c", "4,sockets=2,cores=1,threads=2", "-m", "2048M", "-U", UUID,
    "-p", "0:0", "-p", "1:1", "-p", "0:2",
    "-s", "0,amd_hostbridge",
    "-s", "2,ahci," + ",".join(PORTS),
    "-s", "3,hda,play=/dev/dsp0,rec=/dev/dsp1",
    "-s", f"4,virtio-blk,{ZVOLS}/a,sectorsize=512/4096,ser=SER-A,bootindex=1",
    "-s", f"5:0,nvme,{ZVOLS}/b,sectorsize=512/4096,ser=SER-B,eui64=0x02ff0000000000b0,bootindex=2",
    "-s", "8,virtio-net,bv7n0,type=tap,mac=02:00:00:00:00:10,mtu=9000",
    "-s", "0:9:0,e1000,bv7n1,type=tap,mac=02:00:00:00:00:20",
    "-s", "28,virtio-rnd", "-s", "1:0:0,virtio-rnd", "-Y",
    "-s", "29,fbuf,rfb=127.0.0.1:5907,w=1024,h=768,wait,password=secret12",
    "-s", "30,xhci,tablet",
    "-s", "31,lpc",
    "-l", "com1,/dev/nmdm-bv7A",
    "-l", f"bootrom,{ROM},{VARS}",
    "-K", "de", "-o", "lpc.fwcfg=qemu",
    "web1",
]  # fmt: skip
PLAIN = [
    "-A", "-H", "-P", "-u", "-w", "-c", "cpus=2,cores=2", "-m", "2048M", "-U", UUID,
    "-s", "0,hostbridge", "-s", "4,virtio-blk,/x.img,ser=S", "-s", "31,lpc",
    "-l", "com1,/dev/nmdm-bv7A", "web1",
]  # fmt: skip


def every_bus() -> str:
    run = RunSettings(
        rom=ROM,
        variables=VARS,
        paths=("/bsdvirt/guests/web1/seed.iso",),
        networks={"lan": decode(Network, {"id": 0, "mtu": 9000})},
        order=("cd2", "a", "cd0", "b"),
    )
    return config.render(guest(EVERY_BUS, **PLACES), EVERY_BUS, run)


@pytest.mark.parametrize("era", [13, 15])
def test_the_tree_is_that_of_the_same_machine_given_by_arguments(era: int) -> None:
    tree = bhyvetree.of_file(every_bus())
    # Firmware stands under both its names: each era knows one, and passes over the other.
    other = "" if era == 13 else "lpc."
    assert tree.pop(f"{other}bootrom") == ROM
    assert tree.pop(f"{other}bootvars") == VARS
    assert tree == bhyvetree.of_arguments(ARGUMENTS, era)


def test_the_tree_of_a_plain_machine() -> None:
    spec = vm(cpus=2, rng=False, loader="bhyveload", disks=[{"name": "x", "path": "/x.img"}])
    own = guest(spec, disks={"x": disk(4, 0, "S")})
    text = config.render(own, spec, RunSettings())
    assert bhyvetree.of_file(text) == bhyvetree.of_arguments(PLAIN)


def test_what_the_guest_takes_for_a_sector() -> None:
    """A volume's block is 16 KiB, which bhyve would show as a physical sector."""
    spec = vm(disks=[
        {"name": "a", "size": "1G"}, {"name": "b", "size": "1G", "sectorsize": "4096"},
        {"name": "c", "path": "/x.img"},
    ])  # fmt: skip
    tree = bhyvetree.of_file(config.render(guest(spec), spec, RunSettings()))
    shown = {key: value for key, value in tree.items() if key.endswith("sectorsize")}
    assert shown == {"pci.0.4.0.sectorsize": "512/4096", "pci.0.5.0.sectorsize": "4096"}


def test_an_mptable_is_for_one_bus() -> None:
    for line, wanted in (("pci.1.0.0.device=lpc", "false"), ("pci.0.7.0.device=lpc", None)):
        spec = vm(config=[line])
        tree = bhyvetree.of_file(config.render(guest(spec), spec, RunSettings()))
        assert tree.get("x86.mptable") == wanted


def test_a_tpm_has_its_version() -> None:
    """tpm_device_create of 15.1 aborts without one, which only -l gives by default."""
    spec = vm(config=["tpm.type=swtpm", "tpm.path=/var/run/tpm.sock"])
    tree = bhyvetree.of_file(config.render(guest(spec), spec, RunSettings()))
    assert tree["tpm.version"] == "2.0"
    spec = vm(config=["tpm.type=swtpm", "tpm.path=/x", "tpm.version=1.2"])
    tree = bhyvetree.of_file(config.render(guest(spec), spec, RunSettings()))
    assert tree["tpm.version"] == "1.2"
    assert "tpm.version" not in bhyvetree.of_file(config.render(guest(vm()), vm(), RunSettings()))


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (["tpm.type=swtpm"], "tpm.path"),
        (["tpm.path=/var/run/tpm.sock"], "tpm.type"),
        (["pci.0.07.0.device=virtio-rnd"], "pci.0.07.0.device"),
        (["pci.0.7.device=virtio-rnd"], "pci.0.7.device"),
    ],
)
def test_keys_that_bhyve_would_pass_over_or_abort_at(keys: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        vm(config=keys)


def test_local_time_is_what_bhyve_keeps_without_u() -> None:
    spec = vm(clock="local")
    tree = bhyvetree.of_file(config.render(guest(spec), spec, RunSettings()))
    assert tree["rtc.use_localtime"] == "true"
    assert "rtc.use_localtime" not in bhyvetree.of_arguments(["web1"])


def test_the_reader_of_files_agrees_with_a_real_dump() -> None:
    """captures/05: the file vm1.conf, and what config.dump=1 printed of it."""
    given = said("05-bhyve.txt", "cat /tmp/vm1.conf")
    dumped = said("05-bhyve.txt", "bhyve -k /tmp/vm1.conf -o config.dump=1 vm1")
    shown = dict(line.split("=", 1) for line in dumped.splitlines())
    assert shown.pop("config.dump") == "1"
    assert bhyvetree.of_file(given) == shown
    arguments = [
        "-A", "-H", "-P", "-c", "1", "-m", "256M", "-U", "7c1b8a52-0f1d-4a07-9d0e-1f2e3d4c5b6a",
        "-s", "0,hostbridge", "-s", "31,lpc", "-l", "com1,/dev/nmdm-vm1.A",
        "-s", "3,virtio-blk,/dev/zvol/tank/bv/guests/disk0,ser=BSDVIRT-VM1-DISK0",
        "-s", "4,virtio-net,bvt3,type=tap,mac=58:9c:fc:00:00:11", "-p", "0:1", "vm1",
    ]  # fmt: skip
    assert bhyvetree.of_arguments(arguments) == shown


def known_keys() -> tuple[set[str], dict[str, list[str]]]:
    data = yaml.safe_load((DATA / "bhyve-keys.yaml").read_text(encoding="utf-8"))
    return set(data["global"]), data["devices"]


def unknown(text: str) -> list[str]:
    """The keys of a file that bhyve would silently ignore."""
    tree = bhyvetree.of_file(text)
    everywhere, devices = known_keys()
    found = []
    for key in tree:
        node = re.match(r"pci\.\d+\.\d+\.\d+(?=\.)", key)
        if node is None:
            if re.sub(r"\.\d+\.", ".N.", key) not in everywhere:
                found.append(key)
            continue
        last = re.sub(r"\.\d+\.", ".N.", key[node.end() + 1 :])
        if last != "device" and last not in devices[tree[f"{node[0]}.device"]]:
            found.append(key)
    return found


def test_bhyve_knows_every_key() -> None:
    assert unknown(every_bus()) == []
    everywhere, _ = known_keys()
    near = EVERY_BUS.on_cpus(CpuList("0-3").with_memory("prefer:1"))
    placed = config.render(guest(near, **PLACES), near, RunSettings(domains=True))
    tree = bhyvetree.of_file(every_bus() + placed)
    written = {re.sub(r"\.\d+\.", ".N.", key) for key in tree if not key.startswith("pci.")}
    assert written == everywhere


def test_a_key_that_bhyve_does_not_know_would_be_seen() -> None:
    text = "pci.0.4.0.device=virtio-blk\npci.0.4.0.serial=x\nmemory.wire=true\n"
    assert unknown(text) == ["pci.0.4.0.serial", "memory.wire"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("/a b,c#d=e", "/a b,c#d=e"),
        ("a\\b", "a\\b"),
        ("50%", "50\\%"),
        ("%(name)", "\\%(name)"),
        ("%a\\b", "\\%a\\\\b"),
    ],
)
def test_a_value_is_read_again_as_it_was(value: str, written: str) -> None:
    assert escape(value) == written
    assert expand(written) == value


def expand(value: str) -> str:
    """_expand_config_value of config.c, for a value without references."""
    if "%" not in value:
        return value
    found, left = "", iter(value)
    for letter in left:
        assert letter != "%", "a reference"
        found += next(left) if letter == "\\" else letter
    return found


@pytest.mark.parametrize("value", ["", "a\nname=other"])
def test_no_value_makes_a_line_of_its_own(value: str) -> None:
    with pytest.raises(ValueError, match="not a value"):
        escape(value)


def test_the_lines_of_a_guest_come_last_and_override() -> None:
    spec = vm(config=["x86.x2apic=true", "rtc.use_localtime=true", "disk=%(name)"])
    text = config.render(guest(spec), spec, RunSettings())
    assert text.splitlines()[-3:] == list(spec.config)
    assert bhyvetree.of_file(text)["rtc.use_localtime"] == "true"


@pytest.mark.parametrize("key", sorted(RESERVED))
def test_keys_that_a_guest_may_not_have(key: str) -> None:
    with pytest.raises(UsageError, match=r"config\.0.*cannot be set here"):
        vm(config=[f"{key}=1"])


def test_passthrough_needs_wired_memory() -> None:
    line = "pci.0.3.0.device=passthru"
    with pytest.raises(UsageError, match=r"config\.1.*wired"):
        vm(config=["pci.0.3.0.bus=1", line])
    assert vm(wired=True, config=[line]).config == [line]


@pytest.mark.parametrize("line", ["bios.vendor=", "x", "=x", "a b=c", "a=b\nname=x"])
def test_what_is_no_line(line: str) -> None:
    """bhyve ends with 4 at a line without a value (parse_config_option)."""
    with pytest.raises(UsageError, match=r"config\.0"):
        vm(config=[line])


def test_a_physical_sector_is_not_smaller_than_a_logical_one() -> None:
    """bhyve refuses it (blockif_open)."""
    with pytest.raises(UsageError, match="sectorsize"):
        vm(disks=[{"name": "a", "path": "/a", "sectorsize": "4096/512"}])


def test_pins_follow_a_claim_at_the_next_reboot() -> None:
    spec = vm(cpus=4, pins=["0:0", "1:1", "2:2"], config=["x86.x2apic=true"])
    before = spec.on_cpus(CpuList("0-3"))
    text = config.render(guest(spec), before, RunSettings())
    moved = spec.on_cpus(CpuList("8-9"), {0: (8,), 1: (9,), 3: (8,)})
    tree = bhyvetree.of_file(config.repinned(text, before, moved))
    # The third would be on a CPU that is no longer the guest's; the fourth had no pin.
    assert {key: value for key, value in tree.items() if key.startswith("vcpu.")} == {
        "vcpu.0.cpuset": "8",
        "vcpu.1.cpuset": "9",
    }
    assert config.repinned(text, before, before) == text


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\u2029"])
def test_a_value_is_one_line_also_where_a_running_guests_file_is_changed(end: str) -> None:
    spec = vm(
        cpus=1, pins=["0:0"], config=[f"bios.vendor=a{end}pci.0.9.0.device=passthru"],
        cdroms=[{"name": "cd", "path": "/a.iso"}],
    )  # fmt: skip
    before = spec.on_cpus(CpuList("0-3"))
    text = config.render(guest(spec), before, RunSettings())
    moved = config.repinned(text, before, spec.on_cpus(CpuList("8-9"), {0: (8,)}))
    for changed in (moved, with_media(moved, guest(spec), spec)):
        assert f"bios.vendor=a{end}pci.0.9.0.device=passthru\n" in changed
