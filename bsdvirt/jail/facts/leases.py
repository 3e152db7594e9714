"""The addresses that running jails got by DHCP: what dhclient(8) noted in their roots."""

from __future__ import annotations

import ipaddress
import re

from bsdvirt.errors import HostError
from bsdvirt.guest.inventory import Guest
from bsdvirt.host.fs import Fs
from bsdvirt.layout import jail_end

MOST_BYTES = 64 << 10
_ADDRESS = re.compile(r"^\s*fixed-address ([0-9.]{7,15});$", re.MULTILINE)


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
    lease = text.rpartition("lease {")[2]
    address = _ADDRESS.search(lease)
    if address is None:
        return []
    try:
        return [str(ipaddress.IPv4Address(address[1]))]
    except ValueError:
        return []
