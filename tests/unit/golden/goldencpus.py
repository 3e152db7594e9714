"""What guests have claimed of the CPUs of a simulated machine, for planners on golden files."""

from __future__ import annotations

import msgspec
from machines import facts_of

from bsdvirt.cpu.given import HostCpus
from bsdvirt.cpu.topology import topology
from bsdvirt.spec.identity import CpuClaim
from bsdvirt.spec.types import CpuList


class Claimed(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The machine, and the claims of its guests: CPUs, with `!` before those that are exclusive."""

    machine: str
    guests: dict[str, str] = {}
    reserved: str = ""

    @property
    def cpus(self) -> HostCpus:
        claims = {
            name: CpuClaim(cpus=CpuList.parse(text.removeprefix("!")), exclusive=text[0] == "!")
            for name, text in self.guests.items()
        }
        reserved = CpuList.parse(self.reserved).cpus if self.reserved else ()
        return HostCpus(claims, reserved, read=lambda: topology(facts_of(self.machine)))
