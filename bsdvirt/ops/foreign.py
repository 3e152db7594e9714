"""Show guests that came from another host, and what their files use of this one.

A pool that was moved here, or `zfs receive`, brings guests with the identity of another host: their
ids, addresses and MAC addresses are not valid here, and the mounts, disks, hooks and networks in
their files were chosen for that host.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from bsdvirt.errors import BsdvirtError, ConflictError, HostError, NotFoundError
from bsdvirt.guest.inventory import Foreign, Inventory, load_guest_file
from bsdvirt.guest.send.replica import replica_of, role_of
from bsdvirt.ops.show.guests import foreign_common
from bsdvirt.rows.guest import ForeignInfo
from bsdvirt.session.session import Session
from bsdvirt.spec.fields import plain
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.load import identity_to_json, parse_json
from bsdvirt.spec.types import GuestName
from bsdvirt.spec.vmdevices import VmDevices
from bsdvirt.zfs.base import SWAP
from bsdvirt.zfs.values import read_values

ASKS = (
    *VmDevices.reaching, "addresses", "expose", "interfaces", "mounts", "datasets", "hooks",
    "params", "devfs_ruleset", "userland", "config", "exec", "run", "stack", "resolver",
    "firmware", "variables", "log_msrs",
)  # fmt: skip
"""Properties that use something of the host, or run in the guest as root."""
SHARES = ("placement", "cpuset", "pins", "wired", "reservation")
"""Properties by which a guest has CPUs, memory or space that others would use. They are shown, and
an import needs no consent to them."""
PLACES = ("mountpoint", "canmount", "jailed", "sharenfs", "sharesmb", SWAP)
"""ZFS properties of a received dataset that affect the host."""


def detail(session: Session, foreign: Foreign) -> ForeignInfo:
    """Return a foreign guest in full: why it is foreign, what its file uses of this host, and
    its identity on the other host."""
    wants: dict[str, Any] = {}
    try:
        spec = file_of(session, foreign)
        wants = asks(spec)
        config = plain(spec)
    except BsdvirtError as error:
        config = {"error": str(error)}
    told = foreign.told
    return ForeignInfo(
        **foreign_common(foreign),
        dataset=foreign.dataset,
        home=foreign.layout.dataset,
        root=foreign.layout.dataset,
        why=why_foreign(foreign),
        adopt=f"bsdvirt {'standby promote' if is_standby(foreign) else 'adopt'} {foreign.name}",
        asks=wants,
        config=config,
        datasets=_places(session, [dataset.name for dataset in foreign.datasets]),
        was=UNSET if told is None else parse_json(identity_to_json(told)),
    )


def is_standby(foreign: Foreign) -> bool:
    """Whether it is kept up to date by another host."""
    return role_of(foreign) == "standby"


def why_foreign(foreign: Foreign) -> str:
    """Return why a guest is foreign, with the host that sends it."""
    try:
        replica = replica_of(foreign)
    except BsdvirtError:
        return foreign.why
    if replica is None or replica.origin is None or not is_standby(foreign):
        return foreign.why
    return f"it is the standby of {replica.origin.name} of {replica.origin.host}"


def file_of(session: Session, foreign: Foreign) -> GuestSpec:
    """Read its file. Raises HostError if its dataset is not mounted where it belongs: a received
    mountpoint may be any other."""
    dataset = foreign.datasets[0]
    if dataset.locked:
        raise HostError(
            f"{dataset.name} is encrypted, and its key is not loaded",
            f"zfs load-key -r {dataset.name}, then zfs mount {dataset.name}",
        )
    place = foreign.layout.guest_directory(foreign.name)
    if not dataset.mounted or dataset.mountpoint != place:
        raise HostError(
            f"{dataset.name} is not mounted at {place}",
            f"zfs inherit mountpoint {dataset.name}, then zfs mount {dataset.name}",
        )
    return load_guest_file(session.host.fs, foreign.layout, foreign.name)


def asks(spec: GuestSpec, *, shares: bool = True) -> dict[str, Any]:
    """Return the properties in a guest's file that use something of the host, also those of
    SHARES."""
    told = plain(spec)
    if "disks" in told:
        # One without a path is a volume of the guest's own.
        told["disks"] = [disk for disk in told["disks"] if "path" in disk]
    keys = (*ASKS, *SHARES) if shares else ASKS
    wants = {key: told[key] for key in keys if told.get(key)}
    # On a bridge that filters, an interface may choose its VLANs.
    vlans = [
        {key: nic[key] for key in ("network", "vlan", "tagged") if key in nic}
        for nic in told.get("nics", ())
        if nic.keys() & {"vlan", "tagged"}
    ]
    return wants | ({"vlans": vlans} if vlans else {})


def brief(value: Any) -> str:
    """Return a property's value, shortened for a message."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else text[:197] + "..."


def _places(session: Session, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the mount points and the like that each of its datasets sets."""
    values = read_values(session.host, names, PLACES)
    own = {
        name: {prop: one.value for prop, one in held.items() if one.source in ("local", "received")}
        for name, held in values.items()
    }
    return {name: held for name, held in own.items() if held}


def candidate(found: Inventory, name: str) -> Foreign:
    """Return what can be adopted by that name: a foreign guest, or a stray dataset that may be one.
    Raises NotFoundError, ConflictError."""
    if name in found.foreign:
        return found.foreign[name]
    if name in found.guests:
        raise ConflictError(f"{name} is this host's already", f"bsdvirt info {name}")
    GuestName.parse(name)
    for layout in found.layouts:
        place = layout.guest(name)
        for stray, why in found.strays:
            if stray.name != place or stray.kind != "filesystem" or stray.op is not None:
                continue
            family = [d for d in found.datasets if f"{d.name}/".startswith(f"{place}/")]
            return Foreign(name, layout, why, tuple(family))
    raise NotFoundError(f"no guest {name}", "bsdvirt ls and bsdvirt doctor list the guests")
