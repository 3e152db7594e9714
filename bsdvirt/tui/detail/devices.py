"""What a virtual machine's devices are, and what is mounted in a jail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET

from bsdvirt.rows.jail import JailInfo, MountRow
from bsdvirt.rows.sizes import human_size
from bsdvirt.rows.vm import VmInfo
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.tab import TableTab
from bsdvirt.tui.feed.queries.detail import MOUNTS
from bsdvirt.tui.views.entries import Entry, column


class DevicesTab(TableTab):
    name_ = "devices"
    title = "Devices"
    kinds = frozenset({"vm"})
    nothing = "no disks and no drives"
    adds = "add-disk"
    columns = (
        column("device", "DEVICE", 7),
        column("name", "NAME", 8, grows=1),
        column("bus", "BUS", 6, rank=4),
        column("slot", "SLOT", 4, rank=5),
        column("size", "SIZE", 6, right=True),
        column("used", "USED", 6, right=True, rank=3),
        column("path", "WHAT", 16, grows=3),
    )

    async def load(self, guest: Subject) -> None:
        info = await self.info(guest)
        self.show([*_disks(guest, info), *_drives(guest, info), *_others(guest, info)])


def _disks(guest: Subject, info: VmInfo) -> Iterator[Entry]:
    for disk in () if info.disks is UNSET else info.disks:
        place = "" if disk.slot is None else str(disk.slot)
        cells = {
            "device": "disk", "name": disk.name, "bus": disk.bus,
            "slot": place if disk.port is None else f"{place}:{disk.port}",
            "size": _size(disk.size), "used": _size(disk.used), "path": disk.path,
        }  # fmt: skip
        yield part(guest, "disk", disk.name, cells)


def _drives(guest: Subject, info: VmInfo) -> Iterator[Entry]:
    for drive in () if info.cdroms is UNSET else info.cdroms:
        cells = {
            "device": "CD", "name": drive.name, "bus": "ahci",
            "slot": "" if drive.port is None else f":{drive.port}",
            "path": drive.media or drive.path or "empty",
        }  # fmt: skip
        state = "full" if drive.media or drive.path else "empty"
        yield part(guest, "drive", drive.name, cells, state)


def _others(guest: Subject, info: VmInfo) -> Iterator[Entry]:
    """Yield the devices that `info` says nothing of, as the guest's file has them."""
    for kind, value in info.config.items():
        if kind in ("disks", "cdroms", "nics") or not isinstance(value, list):
            continue
        for number, item in enumerate(value):
            if isinstance(item, dict):
                name = str(item.get("name", number))
                said = ", ".join(f"{k} {v}" for k, v in item.items() if k != "name")
                cells = {"device": kind, "name": name, "path": said}
                yield part(guest, "device", f"{kind}.{name}", cells)


class MountsTab(TableTab):
    name_ = "mounts"
    title = "Mounts"
    kinds = frozenset({"jail"})
    nothing = "nothing is mounted in it"
    adds = "mount"
    columns = (
        column("target", "IN THE JAIL", 14, grows=2),
        column("type", "TYPE", 8, rank=3),
        column("source", "SOURCE", 16, grows=3),
        column("mode", "MODE", 4, rank=4),
        column("state", "STATE", 11, rank=2),
        column("name", "NAME", 8, rank=5),
    )

    async def load(self, guest: Subject) -> None:
        mounts = await desk_of(self).ask(guest.host, MOUNTS, guest.name)
        info = await self.info(guest)
        self.show([*(_mount(guest, one) for one in mounts), *_datasets(guest, info)])


def _mount(guest: Subject, mount: MountRow) -> Entry:
    cells = {
        "name": mount.name, "type": mount.type, "source": mount.source, "target": mount.target,
        "mode": {True: "ro", False: "rw", None: ""}[mount.readonly],
        "state": "mounted" if mount.mounted else "not mounted",
    }  # fmt: skip
    return part(guest, "mount", mount.name or mount.target, cells, key=mount.target)


def _datasets(guest: Subject, info: JailInfo) -> Iterator[Entry]:
    for dataset in info.datasets:
        cells = {
            "name": dataset.name, "type": "dataset", "source": dataset.dataset,
            "target": dataset.mountpoint or "",
            "state": f"{'mounted' if dataset.mounted else 'not mounted'}, "
            f"{human_size(dataset.used)}",
        }  # fmt: skip
        yield part(guest, "dataset", dataset.name, cells)


def part(
    guest: Subject, kind: str, name: str, cells: dict[str, str], state: str = "", key: str = ""
) -> Entry:
    """Return the row of a part of a guest."""
    subject = Subject(guest.host, kind, name, state, guest.row, guest.name)
    styles: dict[str, Any] = {"state": "" if cells.get("state", "").startswith("m") else "dim"}
    return Entry((guest.host, f"{kind} {key or name}"), subject, cells, styles=styles)


def _size(number: int | None) -> str:
    return "" if number is None else human_size(number)
