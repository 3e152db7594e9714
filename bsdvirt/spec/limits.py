"""Limits by rctl(8): on a jail, or on the process bhyve of a virtual machine."""

from __future__ import annotations

from typing import Annotated

import msgspec

from bsdvirt.spec.base import MOST, Live, Spec, prop
from bsdvirt.spec.becomes import RctlRule
from bsdvirt.spec.types import Memory, Rate, Space

Number = Annotated[int, msgspec.Meta(ge=1, le=MOST)]


def _deny(resource: str, help: str, unit: str = "") -> msgspec.Meta:
    return prop(help, unit=unit, live=Live.NOW, becomes=RctlRule(resource))


def _throttle(resource: str, help: str, unit: str) -> msgspec.Meta:
    """rctl(8) refuses deny for input and output (captures/04)."""
    rule = RctlRule(resource, action="throttle")
    return prop(help, unit=unit, live=Live.NOW, becomes=rule)


class Limits(Spec, frozen=True, kw_only=True):
    """The limits that every guest can have, in force before anything of it runs. The memory of
    a virtual machine is not among them: rctl(8) does not count it."""

    pcpu: Annotated[Number | None, _deny("pcpu", "CPU time, in percent of one core.", "%")] = None
    readbps: Annotated[
        Rate | None, _throttle("readbps", "Read throughput of file systems and disks.", "bytes/s")
    ] = None
    writebps: Annotated[
        Rate | None, _throttle("writebps", "Write throughput of file systems and disks.", "bytes/s")
    ] = None
    readiops: Annotated[Number | None, _throttle("readiops", "Read operations.", "1/s")] = None
    writeiops: Annotated[Number | None, _throttle("writeiops", "Write operations.", "1/s")] = None


class JailLimits(Limits, frozen=True, kw_only=True):
    """The limits of a jail, in force before /etc/rc runs."""

    memoryuse: Annotated[Memory | None, _deny("memoryuse", "Resident memory.", "bytes")] = None
    vmemoryuse: Annotated[
        Memory | None,
        _deny("vmemoryuse", "Address space; an allocation beyond it fails at once.", "bytes"),
    ] = None
    memorylocked: Annotated[Space | None, _deny("memorylocked", "Locked memory.", "bytes")] = None
    swapuse: Annotated[Memory | None, _deny("swapuse", "Swap space reserved or used.", "bytes")] = (
        None
    )
    maxproc: Annotated[Number | None, _deny("maxproc", "Number of processes.")] = None
    nthr: Annotated[Number | None, _deny("nthr", "Number of threads.")] = None
    openfiles: Annotated[Number | None, _deny("openfiles", "Number of open files.")] = None
    pseudoterminals: Annotated[
        Number | None, _deny("pseudoterminals", "Number of pseudo-terminals.")
    ] = None
    shmsize: Annotated[Space | None, _deny("shmsize", "System V shared memory.", "bytes")] = None
