"""dhclient(8) of the host, and pkill(1) of it."""

from __future__ import annotations

import ipaddress

from bsdvirt_sim.context import Run
from bsdvirt_sim.net.ifconfig import configure
from bsdvirt_sim.net.routes import PID_FILE, end_dhclient

_LEASE = ipaddress.ip_interface("10.0.2.15/24")
"""The lease that qemu's own network, that of the captured host, gives."""


def dhclient(run: Run, words: list[str]) -> int:
    """Run `dhclient -b IF`: it gets the lease of the captured host at once."""
    if len(words) != 2 or words[0] != "-b":
        raise run.unknown()
    run.changes()
    lease(run, words[1])
    return 0


def lease(run: Run, name: str) -> None:
    """Start dhclient(8) on an interface."""
    face = run.interface(name, 0)
    if face is None:
        raise run.fail(f"ifconfig: interface {name} does not exist")
    if name in run.state.dhclients:
        raise run.fail("dhclient already running, pid: 4711.\nexiting.")
    run.state.dhclients.append(name)
    run.fs.mkdir("/var/run/dhclient")
    run.fs.write(PID_FILE.format(name), "4711\n")
    if not any(entry.address == str(_LEASE.ip) for entry in face.addresses):
        configure(run, [name, "inet", str(_LEASE)], 0)
    if not run.state.gateway:
        run.state.gateway = "10.0.2.2"


def pkill(run: Run, words: list[str]) -> int:
    """Run `pkill -F PIDFILE` of a dhclient."""
    known = {PID_FILE.format(name): name for name in run.state.dhclients}
    if len(words) != 2 or words[0] != "-F" or not words[1].startswith("/var/run/dhclient/"):
        raise run.unknown()
    run.changes()
    if words[1] not in known:
        raise run.fail(f"pkill: Cannot open pidfile `{words[1]}': No such file or directory", 3)
    end_dhclient(run, known[words[1]])
    return 0
