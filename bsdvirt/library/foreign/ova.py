"""Virtual appliances (OVA): a tar archive of a description (OVF) and disks. Pure.

Fields: DSP0243 of the DMTF, "Open Virtualization Format"; resource types of CIM's
CIM_ResourceAllocationSettingData. The description is parsed by expat with a bound on its size and
depth; document types and entities are refused, so nothing expands and nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat

from msgspec import Struct, field

from bsdvirt.errors import UsageError
from bsdvirt.library.foreign import params
from bsdvirt.library.foreign.found import Draft, Found, FoundDisk, Part, shown, usable
from bsdvirt.library.foreign.members import BLOCK, Member
from bsdvirt.spec.types import Memory, Size
from bsdvirt.spec.vm import FIRST_DISK, LEAST_MEMORY, MIB, MOST_DISKS

TOOL = "ova"
MOST_TEXT = 1 << 20
DEEPEST = 32
MOST_ELEMENTS = 20_000
MOST_NICS = 8
MOST_CPUS = 1024
LARGEST_DISK = 1 << 50
CPU, MEMORY, NIC, DISK = "3", "4", "10", "17"
DEVICES = {"14": "floppy drive", "15": "CD drive", "23": "USB controller", "35": "sound card"}
CONTROLLERS = {"5": "ahci", "6": "virtio", "20": "ahci"}
"""IDE, SCSI and SATA: an appliance from elsewhere seldom has virtio drivers for boot but for
SCSI ones; AHCI is what every system knows."""
_UNITS = re.compile(r"byte\s*\*\s*2\s*\^\s*(\d{1,2})", re.ASCII)


class Element(Struct):
    """An element: its name and attributes without namespaces, its text, and those within."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    inner: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        """Return the elements of a name, at any depth."""
        found = [self] if self.name == name else []
        for one in self.inner:
            found += one.all(name)
        return found

    def value(self, name: str) -> str:
        """Return the text of an element directly within; empty if there is none."""
        return next((one.text.strip() for one in self.inner if one.name == name), "")


def parse(text: bytes, source: str) -> Element:
    """Return the tree of a description. Raise UsageError for one that is too large or too deep,
    has a document type, or is not XML."""
    top = Element("", {})
    stack, count = [top], 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_ELEMENTS or len(stack) > DEEPEST:
            raise UsageError(f"{source}: its description is too large", "see its .ovf file")
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        one = Element(name.rpartition(" ")[2], plain)
        stack[-1].inner.append(one)
        stack.append(one)

    def end(name: str) -> None:
        del name
        stack.pop()

    def characters(data: str) -> None:
        stack[-1].text += data

    def refuse(*words: Any) -> None:
        raise UsageError(f"{source}: its description has a document type", "no appliance has one")

    if len(text) > MOST_TEXT:
        raise UsageError(f"{source}: its description is too large", "see its .ovf file")
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise UsageError(
            f"{source}: its description is not XML: {error}", "export it again"
        ) from None
    return top


def read(tree: Element, members: Sequence[Member], source: str) -> Found:
    """Return the virtual machine of a description. Raise UsageError for more than one machine, or
    a disk that is not in the archive."""
    machines = tree.all("VirtualSystem")
    if len(machines) != 1:
        raise UsageError(
            f"{source} has {len(machines)} virtual machines", "export one of them alone"
        )
    machine = machines[0]
    draft = Draft()
    items = [one for section in machine.all("VirtualHardwareSection") for one in section.inner]
    items = [one for one in items if one.name in ("Item", "StorageItem", "EthernetPortItem")]
    _processor(draft, items)
    disks = _disks(draft, tree, items, members, source)
    _nics(draft, items)
    for one in items:
        if what := DEVICES.get(one.value("ResourceType")):
            draft.note(f"{what} {shown(one.value('ElementName'))}: left out")
    if not any(c.attributes.get("value") == "efi" for c in machine.all("Config")):
        draft.note("it may have been made for a BIOS: the guest must be able to boot by UEFI")
    name = machine.value("Name") or machine.attributes.get("id", "")
    return draft.found(TOOL, usable(name) or name, "vm", disks=disks)


def _number(text: str, most: int) -> int:
    return min(int(text), most) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else 0


def _scale(units: str, usual: int) -> int:
    """Return the bytes of a unit, such as byte * 2^20, or MegaBytes."""
    match = _UNITS.search(units)
    if match:
        return 1 << min(int(match[1]), 50)
    word = units.strip().lower()
    return {"megabytes": MIB, "mb": MIB, "gigabytes": 1024 * MIB, "byte": 1, "bytes": 1}.get(
        word, usual
    )


def _processor(draft: Draft, items: Sequence[Element]) -> None:
    for one in items:
        kind, amount = one.value("ResourceType"), one.value("VirtualQuantity")
        if kind == CPU:
            draft.settings["cpus"] = _number(amount, MOST_CPUS) or 1
        elif kind == MEMORY:
            size = _number(amount, 1 << 40) * _scale(one.value("AllocationUnits"), MIB)
            size = max(LEAST_MEMORY, min(size, 1 << 44) // MIB * MIB)
            draft.settings["memory"] = str(Memory(size))
    draft.settings.setdefault("memory", str(Memory(1024 * MIB)))


def _disks(
    draft: Draft,
    tree: Element,
    items: Sequence[Element],
    members: Sequence[Member],
    source: str,
) -> tuple[FoundDisk, ...]:
    files = {one.attributes.get("id", ""): one.attributes for one in tree.all("File")}
    there = {one.name: one for one in members}
    declared = {one.attributes.get("diskId", ""): one.attributes for one in tree.all("Disk")}
    buses = {one.value("InstanceID"): one.value("ResourceType") for one in items}
    found: list[FoundDisk] = []
    disks: list[dict[str, Any]] = []
    for one in items:
        if one.value("ResourceType") != DISK or len(disks) == MOST_DISKS:
            continue
        disk = declared.get(one.value("HostResource").rpartition("/")[2])
        if disk is None:
            draft.note(f"disk {shown(one.value('ElementName'))}: not described")
            continue
        name = f"{FIRST_DISK[:-1]}{len(disks)}"
        bus = CONTROLLERS.get(buses.get(one.value("Parent"), ""), "ahci")
        disks.append({"name": name, "bus": "ahci" if not disks else bus})
        units = disk.get("capacityAllocationUnits", "byte")
        size = _number(disk.get("capacity", ""), LARGEST_DISK) * _scale(units, 1)
        if not disk.get("fileRef"):
            disks[-1]["size"] = str(Size(max(1, -(-min(size, LARGEST_DISK) // MIB)) * MIB))
            continue
        file = files.get(disk["fileRef"], {})
        member = there.get(file.get("href", ""))
        if member is None or file.get("compression") not in (None, "", "identity"):
            raise UsageError(
                f"{source}: its disk {shown(file.get('href', '?'))} is not in it, or compressed",
                "extract it with tar(1), and import the disk alone",
            )
        whole = -(-member.size // BLOCK) * BLOCK
        part = Part(member.name, member.offset, whole)
        found.append(FoundDisk(name, source, min(size, LARGEST_DISK), part))
    draft.settings["disks"] = disks
    return tuple(found)


def _nics(draft: Draft, items: Sequence[Element]) -> None:
    nics: list[dict[str, Any]] = []
    for one in items:
        if one.value("ResourceType") != NIC or len(nics) == MOST_NICS:
            continue
        nic = params.nic(draft, one.value("Connection"))
        nic["model"] = "virtio" if "virtio" in one.value("ResourceSubType").lower() else "e1000"
        nics.append(nic)
    draft.settings["nics"] = nics
