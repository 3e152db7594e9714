"""The seed that cloud-init and nuageinit(7) read: a CD on a port of its own. What is on it is
made by bhyve/cloud."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.bhyve.devices.base import Device, Pairs, RunSettings
from bsdvirt.bhyve.devices.storage import SEED_PORT, compact_disc
from bsdvirt.guest.inventory import Guest
from bsdvirt.spec.vm import Vm


class Seed(Device):
    """The seed of a guest, where one was made."""

    def ports(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """Its port, where the image exists."""
        path = guest.layout.seed(guest.name)
        if path in run.paths:
            yield SEED_PORT, compact_disc(path, "SEED")

    def paths(self, guest: Guest, vm: Vm) -> list[str]:
        """Its image."""
        return [guest.layout.seed(guest.name)]
