"""The identity of a guest and what it claims of this host: the ZFS property bsdvirt:guest. It
is not configuration: it is not rolled back, and not copied with the guest."""

from __future__ import annotations

from typing import Annotated, Literal

from bsdvirt.spec.base import LINE, BadValueError, Live, Names, Spec, prop, shown
from bsdvirt.spec.digits import BOOT_ORDER
from bsdvirt.spec.digits import MAX_ID as MAX_ID
from bsdvirt.spec.digits import MAX_NICS as MAX_NICS
from bsdvirt.spec.types import AbsolutePath, CpuList, GuestName, TagName

PROPERTY = "bsdvirt:guest"
MAX_BYTES = 8191
"""The longest user property that ZFS takes: shorter than ZAP_MAXVALUELEN, which is 8192
(zfs_check_userprops in zfs_ioctl.c of 13.2; captures/03: "property value too long")."""
TCP = "tcp:"
"""The prefix of a boot.ready that is a port."""


class Claim(Spec, frozen=True, kw_only=True):
    """The claims of a network interface: its MAC address and IP addresses."""

    network: str
    mac: str
    address: str | None = None
    address6: str | None = None
    slot: int | None = None
    """The PCI slot of a virtual machine's card."""
    aliases: list[str] = []

    def addresses(self) -> list[str]:
        """All its addresses, with prefix lengths."""
        return [text for text in (self.address, self.address6, *self.aliases) if text]


class Alias(Spec, frozen=True, kw_only=True):
    """An address of the host's stack that a jail uses, with its prefix length, and the
    interface that has it as an alias while the jail runs."""

    address: str
    interface: str = ""


class DiskClaim(Spec, frozen=True, kw_only=True):
    """The slot, port and serial number of a disk or drive of a virtual machine: assigned once
    and kept even if its bus changes, since the guest may have recorded them."""

    slot: int | None = None
    """The PCI slot, on virtio and NVMe. None for a CD drive."""
    port: int
    """The port of the AHCI controller."""
    serial: str = ""
    eui64: str = ""


class CpuClaim(Spec, frozen=True, kw_only=True):
    """The CPUs of the host that placement has chosen for the guest."""

    cpus: CpuList
    exclusive: bool = False
    """No other guest may run on them."""


class Boot(Spec, frozen=True, kw_only=True):
    """Whether and when the guest starts at boot."""

    auto: Annotated[bool, prop("Start at boot.", live=Live.NOW)] = False
    order: Annotated[int, prop("Lower numbers start earlier.", live=Live.NOW, ge=0, le=9999)] = (
        BOOT_ORDER
    )
    after: Annotated[
        list[GuestName],
        prop(
            "Guests that must be ready before it starts.",
            live=Live.NOW,
            max_length=64,
            names=Names.GUEST,
        ),
    ] = []
    delay: Annotated[
        int, prop("Pause before the start.", live=Live.NOW, unit="s", ge=0, le=600)
    ] = 0
    ready: Annotated[
        str,
        prop(
            "Readiness test: `tcp:PORT`, which must answer, or a command line for its "
            "/bin/sh, which must succeed.",
            live=Live.NOW,
            pattern=LINE,
            max_length=255,
        ),
    ] = ""
    ready_timeout: Annotated[
        int,
        prop("Time to wait until it is ready.", live=Live.NOW, unit="s", ge=1, le=3600),
    ] = 60
    ready_policy: Annotated[
        Literal["continue", "fail"],
        prop(
            "If it does not start, or is not ready in time: `continue` starts the "
            "guests that depend on it, `fail` does not.",
            live=Live.NOW,
        ),
    ] = "fail"

    @property
    def ready_port(self) -> int | None:
        """The port of the readiness check; None for a command."""
        return int(self.ready[len(TCP) :]) if self.ready.startswith(TCP) else None

    def __post_init__(self) -> None:
        port = self.ready.removeprefix(TCP) if self.ready.startswith(TCP) else "1"
        if not (port.isascii() and port.isdigit() and 0 < int(port) <= 65535):
            raise BadValueError(f"{shown(self.ready)} has no port 1..65535", at="ready")
        for number, name in enumerate(self.after):
            if name in self.after[:number]:
                raise BadValueError(f"{name} is given twice", at=f"after.{number}")


class Identity(Spec, frozen=True, kw_only=True):
    """The value of bsdvirt:guest."""

    id: int
    uuid: str
    kind: Literal["jail", "vm"]
    created: str = ""
    """Time of creation, as 2026-11-21T10:30:00Z."""
    release: str = ""
    nics: list[Claim] = []
    next: list[Claim] | None = None
    """The claims of the interfaces from the next start on, if they were changed while the guest
    ran; until then, both count as in use."""
    shared: list[Alias] = []
    """The addresses of the host's stack of a jail, as of its last start."""
    next_shared: list[Alias] | None = None
    """As `next`, for `shared`."""
    cpus: CpuClaim | None = None
    boot: Boot = Boot()
    disks: dict[str, DiskClaim] = {}
    """Disks and CD drives of a virtual machine, by name."""
    root: AbsolutePath | None = None
    """The root directory of a jail, if it is the user's own; never removed."""
    root_dataset: str = ""
    """The dataset mounted there, if the jail was created on a dataset."""
    tags: list[TagName] = []
    """Tags to select it by."""
    template: bool = False
    """As its file says, for listings, which read no file."""
    host: str = ""
    """The id of the host that it belongs to; on another host it is foreign."""
    v: int = 1

    @property
    def autostart(self) -> bool:
        """Whether it starts at boot: a template never does."""
        return self.boot.auto and not self.template

    @property
    def boot_order(self) -> int:
        """Its place in the order at boot."""
        return self.boot.order

    def shares(self) -> list[str]:
        """Return the addresses of the host's stack that it has or will have, with prefix
        lengths."""
        return [alias.address for alias in (*self.shared, *(self.next_shared or ()))]

    def addresses(self) -> list[str]:
        """All its addresses, without prefix lengths."""
        shared = [alias.address for alias in self.shared]
        every = [*shared, *(text for claim in self.nics for text in claim.addresses())]
        return [text.split("/")[0] for text in every]
