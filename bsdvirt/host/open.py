"""Open the host that a command works on: this machine, or a simulated one. The simulated host is a
separate package, which is not installed on a server."""

from __future__ import annotations

import os
import sys

from bsdvirt.errors import HostError, UsageError

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from bsdvirt.host.base import Host
    from bsdvirt.host.interrupt import Interrupt

SIMULATOR = "bsdvirt_sim"


def open_host(sim: str | None, interrupt: Interrupt | None = None) -> Host:
    """Return the simulated host in the directory `sim`, or this machine. Raises HostError if this
    machine is not FreeBSD, or the simulator is missing."""
    if sim:
        return _open_simulated(sim, interrupt)
    if not sys.platform.startswith("freebsd"):
        raise HostError(
            f"this is {sys.platform}, and bsdvirt manages FreeBSD hosts",
            "try it on a simulated host: bsdvirt --sim DIR …",
        )
    from bsdvirt.host.real import RealHost

    return RealHost(interrupt)


def _open_simulated(directory: str, interrupt: Interrupt | None) -> Host:
    # In a checkout, the directory that holds bsdvirt/ and bsdvirt_sim/.
    checkout = os.path.realpath(f"{__file__}/../../..")
    if os.path.isdir(f"{checkout}/{SIMULATOR}") and checkout not in sys.path:
        sys.path.append(checkout)
    try:
        from bsdvirt_sim import SimHost
    except ModuleNotFoundError as error:
        if error.name != SIMULATOR:
            raise
        raise HostError(
            f"--sim: the simulated host ({SIMULATOR}) is not installed",
            "it is part of the source tree only",
        ) from None
    try:
        return SimHost(directory, interrupt)
    except ValueError as error:
        raise UsageError(str(error)) from None
