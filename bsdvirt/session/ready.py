"""Check that the datasets are mounted where they belong: files written into the directory
below, the journal above all, would be hidden by a later mount."""

from __future__ import annotations

from bsdvirt.errors import HostError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.layout import Layout
from bsdvirt.zfs import Dataset

NEEDED = ("state", "guests")
"""The datasets of a pool that must be mounted for any change."""


def need_mounted(found: Inventory, layout: Layout, *, named: bool = True) -> None:
    """Raises HostError, with the remedy, if a pool's dataset, its `state` or its `guests` is not
    mounted where it belongs."""
    for absent in found.absent:
        if named and absent.name == layout.named:
            raise HostError(f"pool {absent.name}: {absent.why}", absent.hint)
    _check(found.top(layout))
    known = {dataset.name: dataset for dataset in found.datasets}
    for child in NEEDED:
        name, place = f"{layout.dataset}/{child}", f"{layout.mountpoint}/{child}"
        dataset = known.get(name)
        if dataset is None:
            pool = layout.dataset.split("/")[0]
            made = f"pool add {layout.dataset}" if layout.named else f"init --pool {pool}"
            raise HostError(f"{name} does not exist", f"bsdvirt {made}")
        if dataset.mountpoint != place:
            raise HostError(
                f"the mount point of {name} is {dataset.mountpoint}, not {place}",
                f"zfs inherit mountpoint {name}",
            )
        _check(dataset)


def unready(found: Inventory) -> dict[str, HostError]:
    """The directories of journals in which nothing is to be written, and why."""
    wrong: dict[str, HostError] = {}
    for layout in found.layouts:
        try:
            need_mounted(found, layout)
        except HostError as error:
            wrong[layout.state] = error
    return wrong


def _check(dataset: Dataset) -> None:
    if dataset.mounted:
        return
    name = dataset.name
    if dataset.locked:
        key = dataset.encryption_root or name
        raise HostError(
            f"{name} is locked: the key of {key} is not loaded",
            f"zfs load-key {key}, then zfs mount -a",
        )
    raise HostError(f"{name} is not mounted", f"zfs mount {name}")
