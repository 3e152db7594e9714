"""Rectangles of text: lines of segments, put beside each other and framed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Segment(NamedTuple):
    """Text of one style. Every character is one column wide."""

    text: str
    style: str = ""
    cpu: int | None = None
    """The CPU that it shows something of."""


Line = tuple[Segment, ...]
Block = list[Line]


class Frame(NamedTuple):
    """The characters of a frame."""

    corners: str
    """Top left, top right, bottom left, bottom right."""
    across: str
    down: str


ROUND = Frame("╭╮╰╯", "─", "│")
PLAIN = Frame("++++", "-", "|")


def width_of(line: Line) -> int:
    """Return the number of columns of a line."""
    return sum(len(segment.text) for segment in line)


def fitted(text: str, width: int) -> str:
    """Return the text in exactly that many columns, cut or filled."""
    return text[:width].ljust(width)


def padded(line: Line, width: int) -> Line:
    """Return the line, filled to that width."""
    missing = width - width_of(line)
    return (*line, Segment(" " * missing)) if missing > 0 else line


def framed(block: Iterable[Line], title: str, width: int, frame: Frame) -> Block:
    """Return the block in a frame of that width, with a title in its upper edge."""
    inner = width - 2
    edge = frame.across
    label = f" {title} " if title else ""
    if len(label) > inner - 1:
        label = label[: inner - 1]
    fill = edge * (inner - 1 - len(label))
    top = (
        Segment(frame.corners[0] + edge, "frame"),
        Segment(label, "title"),
        Segment(fill + frame.corners[1], "frame"),
    )
    side = Segment(frame.down, "frame")
    bottom = Segment(frame.corners[2] + edge * inner + frame.corners[3], "frame")
    return [top, *((side, *padded(line, inner), side) for line in block), (bottom,)]


def beside(blocks: Sequence[Block], widths: Sequence[int], gap: int = 1) -> Block:
    """Return the blocks from left to right, each filled to its width."""
    height = max(map(len, blocks), default=0)
    lines: Block = []
    for at in range(height):
        line: list[Segment] = []
        for number, (block, width) in enumerate(zip(blocks, widths, strict=True)):
            if number:
                line.append(Segment(" " * gap))
            line += padded(block[at] if at < len(block) else (), width)
        lines.append(tuple(line))
    return lines


def text_of(line: Line) -> str:
    """Return the line without styles."""
    return "".join(segment.text for segment in line).rstrip()
