"""Sizes: bytes of memory and of disks, and bytes per second."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Self

from bsdvirt.spec.base import BadValueError, shown, text_of


class Size(int):
    """Bytes, or bytes per second. `str()` returns the shortest exact form, such as 512M or
    1.5G; rctl(8) and zfs(8) get the plain number, `f"{size:d}"`."""

    words: ClassVar[str] = "size"
    units: ClassVar[dict[str, int]] = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
    limit: ClassVar[int] = 2**63 - 1
    """The largest amount of rctl(8): a signed 64-bit number."""
    _form = re.compile(r"(\d{1,19})(?:\.(\d{1,12}))?([KMGT]?)(?:I?B)?", re.ASCII)

    @classmethod
    def parse(cls, value: object) -> Self:
        number = value if type(value) is int else cls._number(text_of(value, cls.words))
        if not 0 < number <= cls.limit:
            raise BadValueError(f"{shown(value)} is out of range: a size is 1..{cls.limit} bytes")
        return cls(number)

    @classmethod
    def _number(cls, text: str) -> int:
        match = cls._form.fullmatch(text.upper())
        if match is None:
            raise BadValueError(f"{shown(text)} is not a size: write it as 512M, with K, M, G or T")
        whole, fraction, unit = match[1], match[2] or "", match[3]
        scale: int = 10 ** len(fraction)
        number, rest = divmod(int(whole + fraction) << cls.units[unit], scale)
        if rest:
            raise BadValueError(f"{shown(text)} is not a whole number of bytes")
        return number

    def __str__(self) -> str:
        forms = [form for unit, bits in self.units.items() if (form := self._as(unit, bits))]
        return min(forms, key=lambda form: (len(form), "." in form))

    def _as(self, unit: str, bits: int) -> str:
        thousandths, rest = divmod(int(self) * 1000, 1 << bits)
        whole, fraction = divmod(thousandths, 1000)
        if rest or not whole:
            return ""
        return f"{whole}.{fraction:03d}".rstrip("0").rstrip(".") + unit

    @classmethod
    def schema(cls) -> dict[str, Any]:
        pattern = r"^[0-9]+(\.[0-9]+)?[KMGTkmgt]?([Ii]?[Bb])?$"
        return {
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": pattern}]
        }


class Space(Size):
    """Memory or disk space. A small number without a unit is refused: the unit was probably
    forgotten."""

    small: ClassVar[int] = 1 << 20
    """The least number without a unit."""
    least: ClassVar[int] = 1
    """The least value."""

    @classmethod
    def parse(cls, value: object) -> Self:
        size = super().parse(value)
        bare = str(value).isdigit()
        if size < (cls.small if bare else cls.least):
            what = f"is {int(size)} bytes" if bare else "is too little"
            hint = f"write {value}M or {value}G" if bare else f"{cls(cls.least)} or more"
            raise BadValueError(f"{shown(value)} {what}", hint=hint)
        return size

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}B" if text.isdigit() and self < self.small else text


class Memory(Space):
    """Memory of a guest."""

    least: ClassVar[int] = 1 << 20


class Rate(Space):
    """Bytes per second."""

    small: ClassVar[int] = 1 << 10
