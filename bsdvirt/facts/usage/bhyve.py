"""What a running virtual machine has of the host (captures/05-bhyve)."""

from __future__ import annotations

import re

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.layout import bhyve_conf
from bsdvirt.spec.digits import natural
from bsdvirt.spec.units import Size

_RESIDENT = re.compile(r"^Resident memory\s+(\d+)$", re.MULTILINE)
_CPUS = re.compile(r"^cpus=(.*)$", re.MULTILINE)
_MEMORY = re.compile(r"^memory\.size=(.*)$", re.MULTILINE)


class Room(Struct, frozen=True):
    """What a guest may use at most; None for no limit."""

    cpus: int | None = None
    memory: int | None = None


def resident_memory(host: Host, name: str) -> int | None:
    """Return the bytes of host memory that the guest's memory takes now: rctl(8) and ps(1) do not
    count them for bhyve."""
    argv = (tools.BHYVECTL, f"--vm={name}", "--get-stats")
    resident = _RESIDENT.search(host.run(argv, changes=False).stdout)
    return int(resident[1]) if resident else None


def read_room(fs: Fs, name: str) -> Room:
    """Return the virtual CPUs and the memory of the present run, by the file that it was started
    with."""
    try:
        text = fs.read_or(bhyve_conf(name))
        cpus, memory = _CPUS.findall(text), _MEMORY.findall(text)
        return Room(natural(cpus[-1]) if cpus else 1, Size.parse(memory[-1]))
    except (OSError, ValueError, IndexError):
        return Room()
