"""What is drawn of one CPU: its number, its load, and its guests. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from string import ascii_lowercase, ascii_uppercase

from msgspec import Struct

from bsdvirt.cpu.blocks import PLAIN, ROUND, Frame, Segment, fitted
from bsdvirt.rows.cpu import CpuMap, CpuRow

LETTERS = ascii_lowercase + ascii_uppercase
COLOURS = 6
"""Guests have the styles guest0 to guest5 in turn."""
MANY = "+"


class Glyphs(Struct, frozen=True):
    """The characters of a drawing."""

    frame: Frame
    load: str
    """From idle to busy."""
    unknown: str
    nobody: str
    reserved: str
    """On a CPU that is reserved for the host."""
    between: str


UTF8 = Glyphs(ROUND, "▁▂▃▄▅▆▇█", "-", "·", "×", " · ")
ASCII = Glyphs(PLAIN, ".:-=+*#@", "?", " ", "%", ", ")
OWNS = "!"
"""After a guest that has its CPUs for itself."""


def letters(shown: CpuMap) -> dict[str, str]:
    """Return the letter of each guest that has CPUs for itself, or runs and has CPUs of its own;
    MANY beyond 52 of them."""
    own = [
        one.name
        for one in shown.guests
        if one.owns or (one.running and (one.pins or not one.everywhere))
    ]
    return {name: LETTERS[n] if n < len(LETTERS) else MANY for n, name in enumerate(own)}


def style_of(guests: Sequence[str], name: str) -> str:
    """Return the style of a guest among those with letters."""
    return f"guest{guests.index(name) % COLOURS}" if name in guests else ""


def load_style(busy: float | None) -> str:
    """Return the style of a load."""
    if busy is None:
        return "unknown"
    return "high" if busy >= 85 else "mid" if busy >= 50 else "low" if busy >= 5 else "idle"


class Cells(Struct, dict=True):
    """The CPUs of a map."""

    shown: CpuMap
    glyphs: Glyphs = UTF8

    @cached_property
    def rows(self) -> dict[int, CpuRow]:
        return {row.number: row for row in self.shown.cpus}

    @cached_property
    def letter(self) -> dict[str, str]:
        return letters(self.shown)

    @cached_property
    def named(self) -> list[str]:
        return list(self.letter)

    @cached_property
    def digits(self) -> int:
        return len(str(max(self.rows)))

    def number(self, cpu: int) -> Segment:
        return Segment(f"{cpu:>{self.digits}}", "number", cpu)

    def load(self, cpu: int) -> Segment:
        busy = self.rows[cpu].busy
        if busy is None:
            return Segment(self.glyphs.unknown, "unknown", cpu)
        steps = len(self.glyphs.load)
        glyph = self.glyphs.load[min(steps - 1, int(busy * steps / 100))]
        return Segment(glyph, load_style(busy), cpu)

    def percent(self, cpu: int) -> Segment:
        busy = self.rows[cpu].busy
        text = "   -" if busy is None else f"{busy:3.0f}%"
        return Segment(text, load_style(busy), cpu)

    def guests(self, cpu: int) -> list[str]:
        """Return the guests with CPUs of their own that may run there, pinned ones first; the one
        that has it for itself, even if it does not run."""
        row = self.rows[cpu]
        pinned = [one.guest for one in row.pins]
        found = [*pinned, *(name for name in row.guests if name not in pinned)]
        return found if row.owner is None or row.owner in found else [row.owner, *found]

    def style(self, cpu: int, name: str) -> str:
        row = self.rows[cpu]
        if name == row.owner and name not in row.guests:
            return "dim"
        pinned = any(one.guest == name for one in row.pins)
        return style_of(self.named, name) + (" pinned" if pinned else "")

    def nobody(self, cpu: int, width: int) -> Segment:
        """Return what stands where no guest has the CPU."""
        glyphs = self.glyphs
        glyph = glyphs.reserved if self.rows[cpu].reserved else glyphs.nobody
        return Segment(glyph.ljust(width), "dim", cpu)

    def names(self, cpu: int, width: int) -> Iterator[Segment]:
        """Yield the names of the guests of a CPU, in that many columns."""
        vcpus = {one.guest: one.vcpus for one in self.rows[cpu].pins}
        guests = self.guests(cpu)
        left = width
        if not guests and self.rows[cpu].reserved:
            yield Segment(fitted("reserved", width).rstrip(), "dim", cpu)
        for at, name in enumerate(guests):
            text = name + (OWNS if name == self.rows[cpu].owner else "")
            if name in vcpus:
                text += ":" + ",".join(map(str, vcpus[name]))
            rest = len(guests) - at - 1
            more = f" +{rest}" if rest else ""
            if len(text) + len(more) > left:
                room = f"+{rest + 1}"
                if len(room) <= left:
                    yield Segment(room, "dim", cpu)
                return
            yield Segment(text, self.style(cpu, name), cpu)
            left -= len(text) + 1
            if rest:
                yield Segment(" ", "", cpu)

    def marks(self, cpu: int, count: int) -> list[Segment]:
        """Return letters of the guests of a CPU, in that many columns."""
        guests = self.guests(cpu)
        if not guests:
            return [self.nobody(cpu, count)]
        if len(guests) > count:
            kept = guests[: count - 1]
            shown = [Segment(self.letter[name], self.style(cpu, name), cpu) for name in kept]
            return [*shown, Segment(MANY, "dim", cpu)]
        shown = [Segment(self.letter[name], self.style(cpu, name), cpu) for name in guests]
        rest = " " * (count - len(guests))
        if self.rows[cpu].owner is not None:
            rest = fitted(OWNS, len(rest))
        return [*shown, Segment(rest, "", cpu)]
