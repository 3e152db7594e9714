"""The types of properties, each a validated str or int.

`parse` validates a value from YAML or a command line, and raises BadValueError. The constructor
does not validate: it is for values known to be valid.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from bsdvirt.spec.addresses import AddressRange as AddressRange
from bsdvirt.spec.addresses import Cidr as Cidr
from bsdvirt.spec.addresses import HostAddress as HostAddress
from bsdvirt.spec.addresses import IpAddress as IpAddress
from bsdvirt.spec.addresses import Ipv4Choice as Ipv4Choice
from bsdvirt.spec.addresses import Ipv4Gateway as Ipv4Gateway
from bsdvirt.spec.addresses import Ipv4OrDhcp as Ipv4OrDhcp
from bsdvirt.spec.addresses import Ipv6Choice as Ipv6Choice
from bsdvirt.spec.addresses import Ipv6Gateway as Ipv6Gateway
from bsdvirt.spec.addresses import Ipv6OrSlaac as Ipv6OrSlaac
from bsdvirt.spec.addresses import ListenAddress as ListenAddress
from bsdvirt.spec.addresses import Subnet as Subnet
from bsdvirt.spec.base import BadValueError, shown, text_of
from bsdvirt.spec.params import JailParams as JailParams
from bsdvirt.spec.units import Every as Every
from bsdvirt.spec.units import Keep as Keep
from bsdvirt.spec.units import Memory as Memory
from bsdvirt.spec.units import Rate as Rate
from bsdvirt.spec.units import Size as Size
from bsdvirt.spec.units import Space as Space


@runtime_checkable
class Value(Protocol):
    """The interface of the types of properties."""

    words: ClassVar[str]
    """The type in words."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Raises BadValueError."""
        ...

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what `parse` accepts."""
        ...


class Numbers(str):
    """Base of lists of numbers, sorted and merged, as `0-3,6`."""

    words: ClassVar[str]
    item: ClassVar[str]
    """What a number is of."""
    example: ClassVar[str]
    lowest: ClassVar[int] = 0
    highest: ClassVar[int]

    @classmethod
    def parse(cls, value: object) -> Self:
        text = str(value) if type(value) is int else text_of(value, cls.words)
        return cls.of({number for part in text.split(",") for number in cls._span(part, text)})

    @classmethod
    def _span(cls, part: str, text: str) -> range:
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part, re.ASCII)
        if match is None:
            raise BadValueError(
                f"{shown(text)} is not a {cls.words}: write numbers as {cls.example}"
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise BadValueError(f"{shown(part)} runs backwards: write {last}-{first}")
        if last > cls.highest:
            raise BadValueError(
                f"there is no {cls.item} {last}: the highest number is {cls.highest}"
            )
        if first < cls.lowest:
            raise BadValueError(
                f"there is no {cls.item} {first}: the lowest number is {cls.lowest}"
            )
        return range(first, last + 1)

    @classmethod
    def of(cls, numbers: set[int] | tuple[int, ...] | list[int]) -> Self:
        """Return the list of these numbers."""
        spans: list[list[int]] = []
        for number in sorted(set(numbers)):
            if spans and spans[-1][1] == number - 1:
                spans[-1][1] = number
            else:
                spans.append([number, number])
        return cls(",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans))

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(number for part in self.split(",") for number in self._span(part, self))

    @classmethod
    def schema(cls) -> dict[str, Any]:
        span = "[0-9]{1,4}(-[0-9]{1,4})?"
        integer = {"type": "integer", "minimum": cls.lowest, "maximum": cls.highest}
        return {"anyOf": [integer, {"type": "string", "pattern": f"^{span}(,{span})*$"}]}


class CpuList(Numbers):
    """CPU numbers."""

    words = "list of CPUs"
    item = "CPU"
    example = "0-3,6"
    highest = 1023
    """MAXCPU of a FreeBSD kernel is at most 1024."""
    memory: str = ""
    """Where memory goes that is allocated on these CPUs, as cpuset -n takes it; empty for
    anywhere. It is no part of the value."""

    def with_memory(self, memory: str) -> Self:
        """Return the same CPUs, with a place for memory."""
        found = type(self)(self)
        found.memory = memory
        return found

    @property
    def cpus(self) -> tuple[int, ...]:
        return self.numbers


class VlanList(Numbers):
    """VLAN tags."""

    words = "list of VLANs"
    item = "VLAN"
    example = "10,20-29"
    lowest = 1
    highest = 4094


class Patterned(str):
    """Base of types defined by a pattern and a maximum length."""

    words: ClassVar[str]
    pattern: ClassVar[str]
    longest: ClassVar[int]
    rule: ClassVar[str]
    """The pattern in words."""

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        if len(text) > cls.longest or re.fullmatch(cls.pattern, text, re.ASCII) is None:
            raise BadValueError(f"{shown(text)} is not {cls.words}: {cls.rule}")
        return cls(text)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{cls.pattern}$", "maxLength": cls.longest}


class GuestName(Patterned):
    """The name of a guest or of a network."""

    words = "a name"
    pattern = "[a-z][a-z0-9_-]{0,31}"
    longest = 32
    rule = "it is a lower-case letter, then up to 31 of a-z, 0-9, _ and -"


class UserName(Patterned):
    """The name of a user in a guest."""

    words = "a user"
    pattern = "[A-Za-z_][A-Za-z0-9_.-]{0,31}"
    longest = 32
    rule = "it is a letter or _, then up to 31 of letters, digits, _, . and -"


class TagName(Patterned):
    """A tag to select guests by."""

    words = "a tag"
    pattern = "[a-z0-9][a-z0-9._-]{0,31}"
    longest = 32
    rule = "it is a lower-case letter or a digit, then up to 31 of a-z, 0-9, ., _ and -"


class HostName(Patterned):
    """A host name by RFC 1123, with or without a domain."""

    words = "a host name"
    pattern = (
        "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
    )
    longest = 255
    """MAXHOSTNAMELEN of FreeBSD less the closing NUL."""
    rule = "it is words of letters, digits and -, joined by dots"

    @classmethod
    def of_guest(cls, name: str) -> Self:
        """Return the default host name of a guest: a host name has no `_`."""
        return cls(name.replace("_", "-").rstrip("-"))


HOST_ZONE = "host"
"""The time zone of the host."""


class TimeZone(Patterned):
    """A name of a time zone, or `host`."""

    words = "a time zone"
    pattern = "[A-Za-z0-9][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*){0,2}"
    longest = 64
    rule = "it is `host`, `UTC`, or a name such as Europe/Berlin"


class InterfaceName(Patterned):
    """A network interface of the host."""

    words = "an interface name"
    pattern = "[A-Za-z][A-Za-z0-9_.-]*"
    longest = 15
    """IFNAMSIZ less the closing NUL."""
    rule = "it is a letter, then letters, digits, _, . and -, 15 in all"


class DatasetName(Patterned):
    """A ZFS dataset, as pool/child."""

    words = "a dataset"
    pattern = r"[A-Za-z][A-Za-z0-9_.:-]*(/(?!\.{1,2}(/|$))[A-Za-z0-9_.:-]+)*"
    longest = 200
    """ZFS accepts names of up to 255: this leaves room for child datasets."""
    rule = "it is pool/child of letters, digits, _, ., : and -, at most 200 in all"


class Mac(Patterned):
    """A unicast Ethernet address in lower case, as 58:9c:fc:00:00:01."""

    words = "a MAC address"
    pattern = "[0-9a-f][02468ace](:[0-9a-f]{2}){5}"
    longest = 17
    rule = "it is six pairs such as 58:9c:fc:00:00:01, the first one even"

    @classmethod
    def parse(cls, value: object) -> Self:
        return super().parse(text_of(value, cls.words).lower())


class AbsolutePath(Patterned):
    """A normalized absolute path, without characters that would need quoting in our files."""

    words = "an absolute path"
    pattern = r"(/(?!\.{1,2}(/|$))[^/\x00-\x1f\x7f'\"\\]+)+"
    longest = 1000
    """MAXPATHLEN is 1024: this leaves room for paths below."""
    rule = "it starts with / and has no . or .. parts, quotes, backslashes or control characters"

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        return super().parse(re.sub("//+", "/", text).rstrip("/") or text)


class HttpsUrl(Patterned):
    """An https URL of a directory, without a trailing slash."""

    words = "an https URL"
    pattern = (
        r"https://([A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
        r"(:[0-9]{1,5})?(/[A-Za-z0-9._~%+-]+)*"
    )
    longest = 500
    rule = "it is https://HOST, perhaps :PORT, and a directory; http is not accepted"

    @classmethod
    def parse(cls, value: object) -> Self:
        return super().parse(text_of(value, cls.words).rstrip("/"))


class DeviceName(Patterned):
    """The name of a disk or drive of a guest; also the last component of a dataset."""

    words = "a device name"
    pattern = "[a-z][a-z0-9_-]{0,15}"
    longest = 16
    rule = "it is a lower-case letter, then up to 15 of a-z, 0-9, _ and -"


class ImageName(Patterned):
    """The name of an image; also the last component of its zvol."""

    words = "an image name"
    pattern = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
    longest = 64
    rule = "it is a letter or a digit, then up to 63 of letters, digits, ., _ and -"


class PoolName(Patterned):
    """The name of a pool, as zpool(8) takes it."""

    words = "the name of a pool"
    pattern = "[A-Za-z][A-Za-z0-9_.-]{0,31}"
    longest = 32
    rule = "it is a letter, then up to 31 of letters, digits, _, . and -"


class MediaName(Patterned):
    """The name of a medium, an ISO file."""

    words = "the name of a medium"
    pattern = "[A-Za-z0-9][A-Za-z0-9._+-]{0,127}"
    longest = 128
    rule = "it is a letter or a digit, then up to 127 of letters, digits, ., _, + and -"


class BhyveLine(Patterned):
    """A line of bhyve_config(5): key=value."""

    words = "key=value of bhyve_config(5)"
    pattern = r"[a-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*=[^\x00-\x1f\x7f]+"
    longest = 512
    rule = "it is a dotted key, =, and a value"

    @property
    def key(self) -> str:
        return self.partition("=")[0]

    @property
    def value(self) -> str:
        return self.partition("=")[2]


AUTO_PINS = "auto"


class CpuPin(str):
    """A virtual CPU, and the CPUs of the host to pin it to: 0:2, 1:4-5; or `auto`."""

    words: ClassVar[str] = "VCPU:CPUS or auto"

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        if text == AUTO_PINS:
            return cls(text)
        vcpu, colon, cpus = text.partition(":")
        if not colon or re.fullmatch(r"\d{1,4}", vcpu, re.ASCII) is None:
            raise BadValueError(f"{shown(text)} is not a pin: write it as 0:2 or 1:4-5, or auto")
        return cls(f"{int(vcpu)}:{CpuList.parse(cpus)}")

    @property
    def vcpu(self) -> int:
        return int(self.partition(":")[0])

    @property
    def cpus(self) -> CpuList:
        return CpuList(self.partition(":")[2])

    @classmethod
    def schema(cls) -> dict[str, Any]:
        span = "[0-9]{1,4}(-[0-9]{1,4})?"
        return {"type": "string", "pattern": f"^([0-9]{{1,4}}:{span}(,{span})*|auto)$"}


class FileMode(Patterned):
    """Permissions in octal, as chmod(1) takes them."""

    words = "a mode"
    pattern = "0?[0-7]{3,4}"
    longest = 5
    rule = "it is three or four octal digits, such as 1777"

    @classmethod
    def parse(cls, value: object) -> Self:
        # YAML reads 1777 as a number.
        return super().parse(str(value) if type(value) is int else value)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 7777}, super().schema()]}
