"""What is known of a release since updates were last looked for: the property bsdvirt:known of its
dataset."""

from __future__ import annotations

import msgspec

from bsdvirt.host.base import Host
from bsdvirt.library.plans.levels import KNOWN_PROPERTY
from bsdvirt.zfs.values import read_values


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """The newest version, and when the release is supported no more."""

    version: str
    """The newest version that was found, such as 13.2-RELEASE-p11."""
    looked: str
    """When that was, as 2026-11-21T10:30:00Z."""
    ends: int = 0
    """End of support in seconds since 1970; 0 if unknown."""

    def text(self) -> str:
        """Return the value of the property."""
        return msgspec.json.encode(self).decode()


def read_known(host: Host, datasets: list[str]) -> dict[str, Known]:
    """Return what is known of these releases, by dataset."""
    found = {}
    for dataset, values in read_values(host, datasets, (KNOWN_PROPERTY,)).items():
        value = values.get(KNOWN_PROPERTY)
        if value is None or not value.local:
            continue
        try:
            found[dataset] = msgspec.json.decode(value.value, type=Known)
        except msgspec.MsgspecError:
            continue
    return found
