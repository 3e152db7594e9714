"""Size profiles of virtual machines: CPUs, memory and disk."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.spec.base import Live, Spec, parsed, prop
from bsdvirt.spec.load import SpecT, compose_yaml, decode, parse_yaml
from bsdvirt.spec.types import Memory, Patterned, Space


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


def load_named(cls: type[SpecT], text: str, source: str = "") -> dict[str, SpecT]:
    """Parse a file that maps names to structs. Raises UsageError, naming `source`."""
    found: dict[str, SpecT] = {}
    if compose_yaml(text, source) is None:
        return found
    for name, value in parse_yaml(text, source).items():
        key = str(parsed(SizeName, name, of=source))
        found[key] = decode(cls, value, f"{source}: {key}")
    return found
