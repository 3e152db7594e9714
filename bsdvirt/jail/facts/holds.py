"""What of a jail's root decides how it is entered."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt.jail.enter import Holds

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from bsdvirt.host.fs import Fs


def read_holds(fs: Fs, root: str) -> Holds:
    """What of a root matters to who enters the jail. Links are followed within it only."""
    return Holds(
        users=any(fs.leads_to_file(root, f"etc/{name}") for name in ("pwd.db", "spwd.db")),
        shell=fs.leads_to_file(root, tools.SH),
        login=fs.leads_to_file(root, tools.LOGIN),
    )
