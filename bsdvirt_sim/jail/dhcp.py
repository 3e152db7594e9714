"""dhclient(8) and rtsol(8) in a jail, answered by the network of the host's card."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.net.wire import wire
from bsdvirt_sim.state import Inet, Jail

ROUTER, MASK, PREFIX = "10.0.2.2", "255.255.255.0", 24
_FIRST = 100
_SLEEPING = "No working leases in persistent database - sleeping."

Said = tuple[int, str, str]
"""Exit status, standard output, standard error."""


def dhclient(run: Run, jail: Jail, words: list[str]) -> Said:
    """Get a lease at once where a server is reached; otherwise go to the background. It needs
    /dev/bpf0 (bpf.c)."""
    face = run.interface(words[0], jail.jid) if len(words) == 1 else None
    if face is None:
        raise run.unknown(f"in the jail: dhclient {' '.join(words)}")
    if not all(run.path(f"{jail.path}/dev/{name}").exists() for name in ("bpf", "bpf0")):
        return 1, "", "Can't find free bpf: No such file or directory\nexiting.\n"
    face.up = True
    if not any(other.kind in ("ether", "vlan") for other in wire(run, face)):
        return (
            0,
            "",
            "No DHCPOFFERS received.\nNo working leases in persistent database - sleeping.\n",
        )
    address = f"10.0.2.{_FIRST + jail.jid}"
    face.addresses.append(Inet("inet", address, PREFIX))
    jail.routes.setdefault("inet", ROUTER)
    lease = (
        f'lease {{\n  interface "{face.name}";\n  fixed-address {address};\n'
        f"  option subnet-mask {MASK};\n  option routers {ROUTER};\n}}\n"
    )
    run.fs.write_beneath(jail.path, f"var/db/dhclient.leases.{face.name}", lease)
    return 0, f"bound to {address} -- renewal in 43200 seconds.\n", ""


def rtsol(run: Run, jail: Jail, words: list[str]) -> Said:
    """Send a solicitation; no router is simulated."""
    face = run.interface(words[0], jail.jid) if len(words) == 1 else None
    if face is None or not face.rtadv:
        raise run.unknown(f"in the jail: rtsol {' '.join(words)}")
    return 0, "", ""
