"""Virtual machines of other tools and appliances, and the headers of archives and streams."""

from __future__ import annotations

import io
import struct
import tarfile

import pytest

from bsdvirt.errors import UsageError
from bsdvirt.library.foreign import members, ova, streams, vmbhyve
from bsdvirt.library.foreign.found import Found
from bsdvirt.spec.load import decode
from bsdvirt.spec.vm import Vm


def vm_of(found: Found) -> Vm:
    """Return the virtual machine with its networks named and its disks of a size."""
    settings = dict(found.settings)
    settings["nics"] = [{**nic, "network": "lan"} for nic in settings["nics"]]
    settings["disks"] = [
        disk if "path" in disk or "size" in disk else {**disk, "size": "1G"}
        for disk in settings["disks"]
    ]
    return decode(Vm, settings, "test")


# ---- vm-bhyve ----

CONF = """loader="uefi"
graphics="yes"
graphics_port="5999"
graphics_listen="10.0.0.1"
graphics_res="1280x720"
vnc_password="P@s5w0rd"
xhci_mouse="yes"
cpu=4
cpu_sockets=1
cpu_threads=2
memory=2G # comment
network0_type="virtio-net"
network0_switch="public"
network0_mac="58:9c:fc:0a:0b:0c"
network1_type="e1000"
network1_switch="lab"
disk0_type="nvme"
disk0_name="disk0.img"
disk1_type="virtio-blk"
disk1_name="disk1"
disk1_dev="sparse-zvol"
disk1_opts="nocache,sectorsize=512/4096"
disk2_type="ahci-hd"
disk2_dev="custom"
disk2_name="/dev/da10"
utctime="no"
uuid="0b0c"
bhyve_options="-p 1:1"
limit_pcpu="200"
passthru0="6/0/0"
"""


def test_a_machine_of_vm_bhyves() -> None:
    found = vmbhyve.read(CONF, "web.conf", "web", "/vm/web", "/dev/zvol/zroot/vm/web")
    vm = vm_of(found)
    assert (vm.cpus, vm.threads, vm.memory, vm.clock, vm.wired) == (4, 2, 2 << 30, "local", True)
    assert [(d.name, d.bus, str(d.path or "")) for d in vm.disks] == [
        ("disk0", "nvme", ""), ("disk1", "virtio", ""), ("disk2", "ahci", "/dev/da10"),
    ]  # fmt: skip
    assert [(d.name, d.path) for d in found.disks] == [
        ("disk0", "/vm/web/disk0.img"), ("disk1", "/dev/zvol/zroot/vm/web/disk1"),
    ]  # fmt: skip
    assert (vm.disks[1].nocache, vm.disks[1].sectorsize) == (True, "512/4096")
    assert [(n.model, str(n.mac or "")) for n in vm.nics] == [
        ("virtio", "58:9c:fc:0a:0b:0c"), ("e1000", ""),
    ]  # fmt: skip
    assert found.wires == ("public", "lab")
    assert (vm.vnc.port, vm.vnc.listen, vm.vnc.width, vm.vnc.password) == (
        5999, "10.0.0.1", 1280, "P@s5w0rd",
    )  # fmt: skip
    assert vm.limits.pcpu == 200
    assert "pci.0.20.0.bus=6" in vm.config
    assert any(note.startswith("bhyve_options=-p 1:1") for note in found.notes)


@pytest.mark.parametrize(
    ("memory", "bytes_"), [("512M", 512 << 20), ("1G", 1 << 30), ("256", 256 << 20)]
)
def test_memory_is_that_of_bhyve(memory: str, bytes_: int) -> None:
    assert vm_of(vmbhyve.read(f"memory={memory}\ncpu=1\n", "x", "x", "/x", "")).memory == bytes_


@pytest.mark.parametrize("name", ["../../etc/master.passwd", "/etc/passwd", "..", "a b", "x;y"])
def test_a_disk_outside_of_the_guests_directory_is_left_out(name: str) -> None:
    text = f'memory=1G\ndisk0_type="virtio-blk"\ndisk0_name="{name}"\n'
    found = vmbhyve.read(text, "x", "x", "/vm/x", "")
    assert not found.disks
    assert any(note.startswith("disk0") for note in found.notes)


def test_a_configuration_is_known_by_what_is_in_it() -> None:
    assert vmbhyve.looks_like(CONF)
    assert not vmbhyve.looks_like('sshd_enable="YES"\n')
    with pytest.raises(UsageError, match="memory"):
        vmbhyve.read("cpu=1\n", "x", "x", "/x", "")


# ---- appliances ----

RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
OVF = f"""<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="{RASD}"
 xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:vmw="http://www.vmware.com/schema/ovf">
 <References><File ovf:id="file1" ovf:href="web-disk1.vmdk" ovf:size="1024"/></References>
 <DiskSection><Info>disks</Info>
  <Disk ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:capacity="20"
   ovf:capacityAllocationUnits="byte * 2^30"/>
  <Disk ovf:diskId="vmdisk2" ovf:capacity="1073741824"/>
 </DiskSection>
 <VirtualSystem ovf:id="web"><Name>Web Server</Name>
  <VirtualHardwareSection>
   <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType>
    <rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
   <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
    <rasd:InstanceID>2</rasd:InstanceID>
    <rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>2048</rasd:VirtualQuantity></Item>
   <Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>20</rasd:ResourceType></Item>
   <Item><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID>
    <rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
   <Item><rasd:HostResource>ovf:/disk/vmdisk2</rasd:HostResource><rasd:InstanceID>5</rasd:InstanceID>
    <rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
   <Item><rasd:Connection>VM Network</rasd:Connection><rasd:InstanceID>6</rasd:InstanceID>
    <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
   <Item><rasd:ElementName>cd</rasd:ElementName><rasd:ResourceType>15</rasd:ResourceType></Item>
   <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
  </VirtualHardwareSection>
 </VirtualSystem>
</Envelope>
"""


def archive(*files: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def listed(data: bytes) -> list[members.Member]:
    return members.members(lambda at, size: data[at : at + size], len(data), "x.ova")


def test_an_appliance() -> None:
    data = archive(("web.ovf", OVF.encode()), ("web-disk1.vmdk", b"KDMV" + bytes(1020)))
    there = listed(data)
    assert [(m.name, data[m.offset : m.offset + 4]) for m in there] == [
        ("web.ovf", b"<?xm"), ("web-disk1.vmdk", b"KDMV"),
    ]  # fmt: skip
    found = ova.read(ova.parse(OVF.encode(), "x"), there, "x.ova")
    vm = vm_of(found)
    assert (found.name, vm.cpus, vm.memory) == ("web-server", 2, 2 << 30)
    assert [(d.name, d.bus, d.size) for d in vm.disks] == [
        ("disk0", "ahci", 1 << 30), ("disk1", "ahci", 1 << 30),
    ]  # fmt: skip
    (disk,) = found.disks
    assert disk.part is not None
    assert (disk.name, disk.size, disk.part.offset, disk.part.size) == (
        "disk0", 20 << 30, there[1].offset, 1024,
    )  # fmt: skip
    assert [(n.model) for n in vm.nics] == ["e1000"]
    assert found.wires == ("VM Network",)
    assert not [note for note in found.notes if "BIOS" in note]


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        "<x>" * 40 + "</x>" * 40,
        "<x>" + "<y/>" * 30_000 + "</x>",
        "<x>" + "y" * (2 << 20) + "</x>",
        "not XML",
        "<a></b>",
    ],
    ids=["bomb", "external", "deep", "many", "long", "text", "wrong"],
)
def test_a_hostile_description_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        ova.parse(text.encode(), "x.ova")


def test_a_disk_that_is_not_in_the_archive_is_refused() -> None:
    for href in ("../../etc/master.passwd", "/etc/passwd", "other.vmdk"):
        text = OVF.replace("web-disk1.vmdk", href)
        with pytest.raises(UsageError, match="not in it"):
            ova.read(
                ova.parse(text.encode(), "x"), listed(archive(("web-disk1.vmdk", b"x"))), "x.ova"
            )


def test_two_machines_are_refused() -> None:
    text = OVF.replace("</Envelope>", "<VirtualSystem/></Envelope>")
    with pytest.raises(UsageError, match="2 virtual machines"):
        ova.read(ova.parse(text.encode(), "x"), [], "x.ova")


def test_numbers_of_a_description_are_bounded() -> None:
    text = OVF.replace(">2048<", f">{'9' * 18}<").replace(">2<", f">{'9' * 18}<")
    settings = ova.read(
        ova.parse(text.encode(), "x"), listed(archive(("web-disk1.vmdk", b"x"))), "x"
    ).settings
    assert settings["cpus"] == 1024


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:700],
        lambda data: data[:124] + b"77777777777\0" + data[136:],
        lambda data: data[:124] + b"\xff" * 12 + data[136:],
        lambda data: data[:148] + b"0000000\0" + data[156:],
        lambda data: archive(*((f"f{n}", b"x") for n in range(100))),
    ],
    ids=["truncated", "size", "negative", "checksum", "many"],
)
def test_a_damaged_archive_is_refused(damage: object) -> None:
    data = damage(archive(("a", bytes(2000))))  # type: ignore[operator]
    with pytest.raises(UsageError):
        listed(data)


def test_links_and_devices_are_no_members() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo("x.ovf")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert listed(packed.getvalue()) == []


# ---- ZFS streams ----


def stream(
    name: bytes, *, magic: int = 0x2F5BACBAC, kind: int = 2, since: int = 0, info: int = 1
) -> bytes:
    return struct.pack("<IIQQQIIQQ", 0, 0, magic, info, 0, kind, 0, 1, since) + name.ljust(
        256, b"\0"
    )


def test_a_stream_says_what_it_is_of() -> None:
    found = streams.header(
        stream(b"zroot/bastille/jails/web@bastille_web_2026-01-02-030405", info=2)
    )
    assert found is not None
    assert (found.made_by, found.compound, found.volume) == ("bastille", True, False)
    found = streams.header(stream(b"p/iocage/jails/web/root@ioc-export-2026-01-02"))
    assert found is not None
    assert found.made_by == "iocage"
    found = streams.header(stream(b"tank/\x1b[31mvm@x", kind=3, since=7))
    assert found is not None
    assert (found.volume, found.incremental) == (True, True)
    assert "\x1b" not in found.words


@pytest.mark.parametrize("head", [b"", bytes(400), stream(b"x", magic=1), stream(b"x")[:100]])
def test_other_files_are_no_streams(head: bytes) -> None:
    assert streams.header(head) is None
