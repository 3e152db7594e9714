"""The addresses that running jails got by DHCP: what dhclient(8) noted in their roots."""

from __future__ import annotations

from bsdvirt.errors import HostError
from bsdvirt.layout import jail_end

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from bsdvirt.guest.inventory import Guest
    from bsdvirt.host.fs import Fs

MOST_BYTES = 64 << 10
_ADDRESS = r"(?m)^\s*fixed-address ([0-9.]{7,15});$"


def leased(fs: Fs, guest: Guest) -> list[str]:
    """Of each interface without an address that is known here, the last lease. The file is the
    jail's to write: nothing of it but an address is believed."""
    found = []
    for index, claim in enumerate(guest.identity.nics):
        if claim.address is None:
            path = f"var/db/dhclient.leases.{jail_end(guest.identity.id, index)}"
            try:
                text = fs.read_beneath(guest.root, path, MOST_BYTES) or ""
            except HostError:
                continue
            found += _last(text)
    return found


def _last(text: str) -> list[str]:
    # Imported here: most guests have addresses that are known without a lease.
    import ipaddress
    import re

    lease = text.rpartition("lease {")[2]
    address = re.search(_ADDRESS, lease)
    if address is None:
        return []
    try:
        return [str(ipaddress.IPv4Address(address[1]))]
    except ValueError:
        return []
