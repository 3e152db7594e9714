"""Read the files of the networks of this host."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bsdvirt.errors import BsdvirtError, HostError, NotFoundError
from bsdvirt.host.fs import Fs
from bsdvirt.layout import NETWORK_DIRECTORY, network_file
from bsdvirt.spec.load import load_network
from bsdvirt.spec.network import Network


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


def need(networks: Mapping[str, Network], name: str) -> Network:
    """Return a network. Raises the error of its file, or NotFoundError."""
    if name in networks:
        return networks[name]
    if isinstance(networks, Networks) and name in networks.broken:
        raise networks.broken[name]
    known = ", ".join(networks) or "none"
    raise NotFoundError(f"no network {name}", f"available: {known}")
