"""What a listing reads: the guests of a host, without a session. A session does more, and importing
it takes longer than the listing."""

from __future__ import annotations

from bsdvirt.guest.pools import found_in, need_first, own_id, read_pools
from bsdvirt.layout import HOST_FILE, Layout
from bsdvirt.spec.brief import brief_host, brief_identity
from bsdvirt.zfs.cli import CliZfs, begin_shallow

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Callable

    from bsdvirt.guest.inventory import Inventory
    from bsdvirt.host.base import Host
    from bsdvirt.spec.identity import Identity


def glance(host: Host) -> Callable[[], Inventory] | None:
    """Return the function that reads the guests; None if the host file says more than where they
    are, or cannot be read. On this machine, zfs(8) runs from now on."""
    try:
        said = brief_host(host.fs.read_text(HOST_FILE))
    except OSError:
        return None
    if said is None:
        return None
    pools = read_pools(host.fs, Layout(*said))
    if host.begins:
        begin_shallow(*(layout.dataset for layout in pools.layouts))
    return lambda: need_first(found_in(pools, CliZfs(host).shallow, own_id(host), _identity))


def _identity(text: str) -> Identity:
    return brief_identity(text, _whole)


def _whole(text: str) -> Identity:
    # Imported here: few identities need it.
    from bsdvirt.spec.load import identity_from_json

    return identity_from_json(text)
