"""Read the files of the networks of this host."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bsdvirt.errors import BsdvirtError, ConflictError, HostError, NotFoundError
from bsdvirt.host.fs import Fs
from bsdvirt.layout import NETWORK_DIRECTORY, network_file
from bsdvirt.spec.load import load_network
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import SLIRP
from bsdvirt.spec.types import InterfaceName

RESERVED = f"{SLIRP} is the name of user networking, which needs no network of the host"
USER_NETWORK = Network(id=0, bridge=InterfaceName(SLIRP))
"""User networking, as a network without addresses. The bridge that it names exists on no host."""


class Networks(dict[str, Network]):
    """Networks by name, and errors of unreadable files, which affect only their own guests."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, BsdvirtError] = {}
        self.broken_ids: dict[str, int | None] = {}
        """Ids of these, if the file shows them: a bridge may be up."""


def load_networks(fs: Fs) -> Networks:
    """Read all networks."""
    found = Networks()
    for file in fs.listdir(NETWORK_DIRECTORY):
        if not file.endswith(".yaml") or file.startswith("."):
            continue
        name = file.removesuffix(".yaml")
        path, text = network_file(name), ""
        if name == SLIRP:
            found.broken[name] = ConflictError(RESERVED, f"rename {path}")
            found.broken_ids[name] = None
            continue
        try:
            text = fs.read_text(path)
            found[name] = load_network(text, path)
        except BsdvirtError as error:
            error.hint = f"correct {path}: {error.hint}" if error.hint else f"correct {path}"
            found.broken[name] = error
        except (OSError, UnicodeDecodeError) as error:
            found.broken[name] = HostError(f"{path}: {error}", "correct or remove the file")
        if name in found.broken:
            match = re.search(r"^id: *(\d{1,3}) *(?:#.*)?$", text, re.MULTILINE)
            found.broken_ids[name] = int(match[1]) if match else None
    return found


def find(networks: Mapping[str, Network], name: str) -> Network | None:
    """Return the network that an interface names, user networking too; None if there is none."""
    return USER_NETWORK if name == SLIRP else networks.get(name)


def existing(networks: Mapping[str, Network], name: str) -> Network:
    """Return the network that an interface names, which exists."""
    return USER_NETWORK if name == SLIRP else networks[name]


def need(networks: Mapping[str, Network], name: str) -> Network:
    """Return a network of the host. Raises the error of its file, or NotFoundError."""
    if name in networks:
        return networks[name]
    if name == SLIRP:
        raise NotFoundError(RESERVED, "bsdvirt nic add GUEST --network slirp")
    if isinstance(networks, Networks) and name in networks.broken:
        raise networks.broken[name]
    known = ", ".join(networks) or "none"
    raise NotFoundError(f"no network {name}", f"available: {known}")
