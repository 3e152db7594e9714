"""Create virtual machines: what is particular to them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.bhyve.check import check_host, wanted_paths
from bsdvirt.bhyve.cloud import guest as seeds
from bsdvirt.bhyve.cloud import seed as cloud
from bsdvirt.bhyve.cloud.seed import Seed
from bsdvirt.bhyve.config import boot_sources
from bsdvirt.bhyve.create import plan_create
from bsdvirt.bhyve.devices.firmware import firmware
from bsdvirt.bhyve.volumes import Base
from bsdvirt.errors import HostError
from bsdvirt.facts.host import read_kernel
from bsdvirt.facts.vmm import read_paths, read_vmm
from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import KINDS
from bsdvirt.library import images
from bsdvirt.library.entries import stream_size
from bsdvirt.library.plans.images import Source, fill
from bsdvirt.ops.create.guests import Around, made
from bsdvirt.ops.network import macs
from bsdvirt.ops.power import hooks
from bsdvirt.ops.power.exclusive import passed_notes
from bsdvirt.plan.step import Plan
from bsdvirt.session.session import Session
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.vm import Vm


class VmOrder(Struct, frozen=True):
    """What virtual machines are made of: for each name the same."""

    spec: Vm
    thick: bool = False
    """A full copy of the image instead of a clone."""
    notes: tuple[str, ...] = ()
    """Notes on each."""
    releases: tuple[str, ...] = ()
    fills: tuple[tuple[str, Source], ...] = ()
    """By disk: the file or device that its content is copied from."""

    @property
    def images(self) -> tuple[str, ...]:
        """The image that their first disks are made of, if any."""
        return (str(self.spec.image),) if self.spec.image else ()

    def read(self, name: str, boot: Boot, around: Around) -> VmMaker:
        """Raises for what this host cannot run, NotFoundError for an image that does not exist."""
        host, vm = around.session.host, self.spec
        check_host(name, vm, read_kernel(host), read_vmm(host), new=True)
        KINDS["vm"].check_ready(name, vm, boot)
        return VmMaker(self, around, self._base(around), seeds.name_servers(host.fs))

    def _base(self, around: Around) -> Base | None:
        """The image, with what a full copy of it moves."""
        if self.spec.image is None:
            return None
        # A clone is in its image's pool; a full copy may be in any.
        name, home, session = str(self.spec.image), around.home, around.session
        anywhere = self.thick or around.coming
        base = images.find(session, around.found, name, None if anywhere else home).base
        if not self.thick:
            return replace(base, dataset=home.image(name))
        return replace(base, stream=stream_size(session, base.snapshot))


class VmMaker(Struct, frozen=True):
    """Plans the creation of virtual machines."""

    order: VmOrder
    around: Around
    base: Base | None
    servers: tuple[str, ...]
    """The host's name servers."""

    def claim(self, guest: Guest, known: Sequence[Guest]) -> Identity:
        """Return the identity as it is."""
        del known
        return guest.identity

    def plan(self, guest: Guest, op: str) -> Plan:
        """Plan a creation: the volumes, the seed, then the hooks."""
        vm, seed = self.order.spec, self._seed(guest)
        plan = plan_create(
            guest.name, vm, guest.identity, guest.layout, op,
            base=self.base, thick=self.order.thick,
            seed=cloud.make(seed, guest.layout, guest.name) if seed else (),
        )  # fmt: skip
        created = hooks.steps(self.around.session, "created", vm.hooks.created, guest)
        *made, described = plan.steps
        filled = [fill(guest.layout.disk(guest.name, disk), one) for disk, one in self.order.fills]
        return msgspec.structs.replace(plan, steps=(*made, *filled, described, *created))

    def _seed(self, guest: Guest) -> Seed | None:
        networks = self.around.networks
        return seeds.seed_of(guest.name, self.order.spec, guest.identity, networks, self.servers)

    def contents(self) -> str | None:
        """Return None: what is on its disks is not read."""
        return None

    def words(self, guest: Guest) -> tuple[str, tuple[str, ...]]:
        """Note what it lacks before it can boot."""
        vm, session = self.order.spec, self.around.session
        seed = self._seed(guest)
        lines = self.order.notes + (seeds.lacks(guest.name, seed) if seed else ())
        lines += macs.notes(session, guest.name, vm)
        lines += passed_notes(session, self.around.found, guest.name, vm)
        lines += _unbootable(session, guest, vm, filled=bool(self.order.fills))
        return made(f"from {vm.image}" if vm.image else "", guest.identity), lines


def _unbootable(session: Session, guest: Guest, vm: Vm, *, filled: bool) -> tuple[str, ...]:
    """Note what its start would lack: firmware, or anything to boot from."""
    found = []
    try:
        paths = read_paths(
            session.host.fs, wanted_paths(guest, vm), guest.layout.guest_directory(guest.name)
        )
        firmware(guest.name, vm, paths)
    except HostError as error:
        found.append(f"it cannot start yet: {error}")
    others = [one for one in boot_sources(guest, vm) if one.path and not one.own]
    if not (vm.image or filled or others):
        found.append(
            f"there is nothing to boot on its disks: bsdvirt cdrom insert {guest.name} MEDIUM"
        )
    return tuple(found)
