"""Sizes: bytes of memory and of disks, and bytes per second. Periods of time."""

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


PERIODS = {"h": "hour", "d": "day", "w": "week", "m": "month", "y": "year"}
"""The periods of which snapshots are kept."""
MOST_KEPT = 10000
PERIOD_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
LEAST_PERIOD = 60
MOST_PERIOD = 366 * 86400


class Keep(str):
    """How many hours, days, weeks, months and years a snapshot is kept of, as `24h,7d,4w,12m`."""

    words: ClassVar[str] = "what to keep, such as 24h,7d,4w,12m"

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        counts: dict[str, int] = {}
        for part in text.replace(" ", "").split(","):
            match = re.fullmatch(r"(\d{1,5})([hdwmy])", part, re.ASCII)
            if match is None:
                raise BadValueError(f"{shown(text)} is not {cls.words}")
            count, unit = int(match[1]), match[2]
            if not 0 < count <= MOST_KEPT:
                raise BadValueError(f"{shown(part)}: a number is 1..{MOST_KEPT}")
            if unit in counts:
                raise BadValueError(f"{shown(text)} has {PERIODS[unit]}s twice")
            counts[unit] = count
        return cls(",".join(f"{counts[unit]}{unit}" for unit in PERIODS if unit in counts))

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of each period, by its unit."""
        return {part[-1]: int(part[:-1]) for part in self.split(",")}

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[0-9]{1,5}[hdwmy](, *[0-9]{1,5}[hdwmy])*$"}


class Every(str):
    """A period: minutes, hours, days or weeks, as `15m`, `1h`, `1d`, `1w`."""

    words: ClassVar[str] = "a period, such as 15m, 1h, 1d or 1w"

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        match = re.fullmatch(r"0*([1-9]\d{0,5})([mhdw])", text, re.ASCII)
        if match is None:
            raise BadValueError(f"{shown(text)} is not {cls.words}")
        every = cls(match[1] + match[2])
        if not LEAST_PERIOD <= every.seconds <= MOST_PERIOD:
            raise BadValueError(f"{shown(text)}: a period is 1 minute to 366 days")
        return every

    @property
    def seconds(self) -> int:
        return int(self[:-1]) * PERIOD_SECONDS[self[-1]]

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[0-9]{1,6}[mhdw]$"}
