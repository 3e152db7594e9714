"""What a property becomes: the parameter, key, rule or option that its renderer writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

KINDS = ("jail", "vm")


class Becomes(msgspec.Struct, frozen=True):
    """A parameter, key, rule or option that a property becomes, by its name in the tool."""

    name: str
    of: str = ""
    """The attribute of the struct with the value, if it is not the property itself."""
    values: Mapping[Any, str] | None = None
    """The text to write for each value; other values are not written."""
    by: str = ""
    """The module that writes it, where it depends on more than this property."""
    kinds: ClassVar[tuple[str, ...]] = KINDS
    """The kinds of guest that it applies to."""
    form: ClassVar[str] = "{}"
    on: ClassVar[str] = "true"
    off: ClassVar[str] = "false"

    @property
    def words(self) -> str:
        """The name in listings and the manual."""
        return self.form.format(self.name)

    def text(self, value: Any) -> str | None:
        """Return the value in the form that the tool takes; None if it is not written."""
        if value is None:
            return None
        if self.values is not None:
            return self.values.get(value)
        if isinstance(value, bool):
            return self.on if value else self.off
        return str(int(value)) if isinstance(value, int) else str(value)


class JailParam(Becomes, frozen=True):
    """A parameter of jail(8), as jail.conf(5) has it."""

    kinds = ("jail",)


class BhyveKey(Becomes, frozen=True):
    """A key of bhyve_config(5), from the root of its tree."""

    kinds = ("vm",)


class DeviceKey(Becomes, frozen=True):
    """A key of bhyve_config(5) below the PCI device of the property."""

    kinds = ("vm",)
    form = "pci.0.SLOT.0.{}"


class RctlRule(Becomes, frozen=True):
    """A rule of rctl(8): the resource and its action."""

    action: str = "deny"

    @property
    def words(self) -> str:
        return f"{self.name}:{self.action}"


class ZfsProperty(Becomes, frozen=True):
    """A property of zfsprops(7)."""

    clear: str = ""
    """The value that means none, for a property that cannot be inherited."""
    form = "zfs {}"
    on = "on"
    off = "off"


class MountOption(Becomes, frozen=True):
    """An option of mount(8); without a name, the property holds the options themselves."""

    kinds = ("jail",)

    @property
    def words(self) -> str:
        return f"mount -o {self.name}".rstrip()

    def options(self, value: Any) -> list[str]:
        """Return the options that mount(8) takes for the value."""
        if isinstance(value, list):
            return [str(one) for one in value]
        text = self.text(value)
        if text is None:
            return []
        return [text if self.values else f"{self.name}={text}"]


class Option(Becomes, frozen=True):
    """An option of another command, such as cpuset -l."""


class GuestFile(Becomes, frozen=True):
    """A file in the guest."""


def made_by(module: str, kind: type[Becomes], *names: str) -> tuple[Becomes, ...]:
    """Return what a module writes: see Becomes.by."""
    return tuple(kind(name, by=module) for name in names)


ON = {True: "true"}
"""The values of a key that is written only if it is on."""
