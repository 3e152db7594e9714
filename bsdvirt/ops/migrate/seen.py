"""A guest of another tool, and what its root or its disks are made from."""

from __future__ import annotations

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.jail.root import Origin
from bsdvirt.library.foreign.found import Found, shown, usable
from bsdvirt.library.plans.images import Source


class Seen(Struct, frozen=True):
    """What was found, and where its data are."""

    found: Found
    origin: Origin | None = None
    """Of a jail: what its root is made from."""
    fills: tuple[tuple[str, Source], ...] = ()
    """Of a virtual machine: by disk, what it is filled with."""

    def name(self, given: str) -> str:
        """Return the guest's name here. Raise UsageError if its name there is none of ours."""
        made = given or usable(self.found.name)
        if not made:
            raise UsageError(
                f"{shown(self.found.name) or 'it'} cannot be the name of a guest here",
                "give one after the file: bsdvirt import FILE NAME",
            )
        return made
