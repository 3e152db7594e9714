"""Which datasets and files of a guest are in its archives, and how each is created again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field


class Place(Struct, frozen=True):
    """A dataset beneath the guest's own, as its file has it."""

    kind: Literal["filesystem", "volume"]
    words: tuple[str, ...] = ()
    """The options of zfs(8) that it is created with."""
    mounted: bool = False
    """The host mounts it."""
    disk: bool = False
    """It is a disk, whose device the host has."""
    nested: tuple[str, ...] | None = None
    """The options of the volumes beneath it, if others may be there."""


class Parts(Struct, frozen=True):
    """What a guest consists of."""

    places: Mapping[str, Place]
    """By name beneath the guest's own dataset."""
    words: tuple[str, ...] = ()
    """The options of zfs(8) that the guest's own dataset is created with."""
    files: tuple[str, ...] = field(default=())
    """Files in the guest's own dataset that it needs, besides guest.yaml, where they exist."""

    def place(self, part: str, kind: str) -> Place | None:
        """Return how to create a dataset; None for one that the guest's file does not name, or
        that is not of that kind."""
        if part in self.places:
            place = self.places[part]
            return place if place.kind == kind else None
        above = self.places.get(part.split("/")[0])
        if above is None or above.nested is None:
            return None
        return Place("volume", above.nested) if kind == "volume" else Place("filesystem")
