"""Profiles of virtual machines: sizes, and operating systems to install from a medium."""

from __future__ import annotations

from typing import Annotated, Literal

from bsdvirt.spec.base import LINE, Live, Spec, parsed, prop
from bsdvirt.spec.load import SpecT, compose_yaml, decode, parse_yaml
from bsdvirt.spec.types import Memory, Patterned, Space
from bsdvirt.spec.vm import Bus


class SizeName(Patterned):
    """The name of a size profile."""

    words = "the name of a size"
    pattern = "[a-z0-9][a-z0-9._-]{0,31}"
    longest = 32
    rule = "it is a lower-case letter or a digit, then up to 31 of a-z, 0-9, ., _ and -"


class VmSize(Spec, frozen=True, kw_only=True):
    """A size profile."""

    cpus: Annotated[int, prop("Virtual CPUs.", ge=1, le=1024, live=Live.NOW)]
    memory: Annotated[Memory, prop("Memory.", unit="bytes", live=Live.NOW)]
    disk: Annotated[Space, prop("Size of the first disk.", unit="bytes", live=Live.NOW)]


class System(Spec, frozen=True, kw_only=True):
    """Defaults of a virtual machine for an operating system."""

    about: Annotated[str, prop("Name of the operating system.", max_length=200, pattern=LINE)] = ""
    cpus: Annotated[int, prop("Virtual CPUs.", ge=1, le=1024)] = 1
    memory: Annotated[Memory, prop("Memory.", unit="bytes")]
    disk: Annotated[Space, prop("Size of the first disk.", unit="bytes")]
    bus: Annotated[Bus, prop("Bus of the first disk.")] = "virtio"
    interfaces: Annotated[int, prop("Number of network interfaces.", ge=0, le=8)] = 1
    model: Annotated[Literal["virtio", "e1000"], prop("Model of the network cards.")] = "virtio"
    address: Annotated[
        Literal["pool", "none"], prop("Whether its interfaces get addresses from the pool.")
    ] = "pool"
    clock: Annotated[Literal["utc", "local"], prop("Time of its clock: UTC or local time.")] = "utc"
    screen: Annotated[bool, prop("Whether it has a framebuffer.")] = False
    wait: Annotated[
        bool, prop("Whether its installer waits until a viewer is connected to the screen.")
    ] = False
    tpm: Annotated[bool, prop("Whether it gets a TPM by swtpm(8), where bhyve has one.")] = False
    notes: Annotated[list[str], prop("Notes to print after creation.", max_length=8)] = []


def load_named(cls: type[SpecT], text: str, source: str = "") -> dict[str, SpecT]:
    """Parse a file that maps names to structs. Raises UsageError, naming `source`."""
    found: dict[str, SpecT] = {}
    if compose_yaml(text, source) is None:
        return found
    for name, value in parse_yaml(text, source).items():
        key = str(parsed(SizeName, name, of=source))
        found[key] = decode(cls, value, f"{source}: {key}")
    return found
