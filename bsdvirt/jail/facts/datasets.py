"""The ZFS properties of a jail's datasets, as the host has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import ruleset_shows
from bsdvirt.guest.inventory import Guest
from bsdvirt.host.base import Host
from bsdvirt.jail.datasets import (
    PROPERTIES,
    StorageFacts,
    check_storage,
    dataset_of,
    how_to_drop,
    names_of,
)
from bsdvirt.rows.jail import JailDataset, Storage
from bsdvirt.spec.digits import natural
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.storage import SETTINGS
from bsdvirt.zfs.values import Values, read_values


def read_storage(host: Host, guest: Guest, jail: Jail) -> Values:
    """Return the properties of its root and of the datasets delegated to it, if they exist."""
    root = guest.layout.jail_root(guest.name)
    return read_values(host, [root, *names_of(guest, jail)], PROPERTIES)


def read_storage_facts(host: Host, guest: Guest, jail: Jail) -> StorageFacts:
    """Return all facts that a start depends on; devfs(8) is asked only if there are datasets."""
    hidden = bool(jail.datasets) and not ruleset_shows(host, jail.ruleset, "zfs")
    return StorageFacts(read_storage(host, guest, jail), hidden)


def shown_storage(host: Host, guest: Guest, jail: Jail | None) -> dict[str, Any]:
    """Return the fields of JailInfo: the properties in effect for its root, set or inherited,
    and the datasets delegated to it."""
    entries = jail.datasets if jail else []
    names = [dataset_of(guest, entry) for entry in entries]
    root = guest.layout.jail_root(guest.name)
    asked = ("used", "mounted", "mountpoint", *SETTINGS)
    values = read_values(host, [root, *names], asked)
    return {
        "storage": Storage(**_plain(values, root)),
        "datasets": [
            JailDataset(
                name=str(entry.name),
                dataset=name,
                mountpoint=_text(values, name, "mountpoint"),
                mounted=_text(values, name, "mounted") == "yes",
                used=natural(_text(values, name, "used") or "") or 0,
                **_plain(values, name),
            )
            for entry, name in zip(entries, names, strict=True)
        ],
    }


def _text(values: Values, dataset: str, name: str) -> str | None:
    value = values.get(dataset, {}).get(name)
    return None if value is None or value.value == "-" else value.value


def _plain(values: Values, dataset: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name in SETTINGS:
        text = _text(values, dataset, name)
        number = natural(text or "")
        shown[name] = text if number is None else number or None
    return shown


def wrong_storage(host: Host, guest: Guest, jail: Jail) -> Iterator[tuple[str, str, bool]]:
    """Yield findings for `doctor`: what is wrong, the remedy, whether it is a problem."""
    if jail.datasets:
        try:
            check_storage(guest, jail, read_storage_facts(host, guest, jail))
        except BsdvirtError as error:
            yield error.message.removeprefix(f"{guest.name}: "), error.hint, True
    for dataset in guest.datasets:
        own = dataset.jailed and dataset.parent == guest.dataset
        if own and dataset.name not in names_of(guest, jail):
            yield (
                f"{dataset.name} is kept, and in none of its properties",
                f"set datasets again; or {how_to_drop(guest, dataset.name)}",
                False,
            )
