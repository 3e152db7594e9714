"""A file that grows, read as it does: across rotation, truncation, and before it is there."""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PAUSE_SECONDS = 0.25
CHUNK = 1 << 16


def follow(
    path: Path, lines: int | None = None, pause: float = PAUSE_SECONDS, *, ticks: bool = False
) -> Iterator[str]:
    """Yield the contents of a file, or its last `lines` lines, then what is appended, forever. A
    rotated file is read to its end. `ticks`: yield "" after each pause."""
    stream: BinaryIO | None = None
    first = True
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while True:
            gone = stream is None or _is_another(path, stream)
            if stream is not None:
                # Data written before the rotation was noticed is still read here.
                yield from _rest(stream, decoder)
            if gone:
                opened = _open(path)
                if opened is not None:
                    if stream is not None:
                        stream.close()
                    stream = opened
                    if first and lines is not None:
                        _seek_lines(stream, lines)
                    first = False
                    continue
                first = False
            time.sleep(pause)
            if ticks:
                yield ""
    finally:
        if stream is not None:
            stream.close()


def print_once(path: Path, lines: int | None = None) -> Iterator[str]:
    """Yield the contents of a file, or its last `lines` lines, in pieces. Raises OSError as open()
    does."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with path.open("rb") as stream:
        end = os.fstat(stream.fileno()).st_size
        if lines is not None:
            _seek_lines(stream, lines)
        # Data may be appended meanwhile without end.
        while chunk := stream.read(min(CHUNK, max(0, end - stream.tell()))):
            if text := decoder.decode(chunk):
                yield text
    yield decoder.decode(b"", final=True)


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _is_another(path: Path, stream: BinaryIO) -> bool:
    """Whether the name is now another file's. A truncated file is read from its beginning."""
    mine = os.fstat(stream.fileno())
    if mine.st_size < stream.tell():
        stream.seek(0)
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return (there.st_ino, there.st_dev) != (mine.st_ino, mine.st_dev)


def _rest(stream: BinaryIO, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    while chunk := stream.read(CHUNK):
        if text := decoder.decode(chunk):
            yield text


def _seek_lines(stream: BinaryIO, lines: int) -> None:
    """Seek to the beginning of the last `lines` lines. One piece is held at a time: a line may be
    very long."""
    at = end = stream.seek(0, os.SEEK_END)
    left = lines
    while at > 0:
        begin = max(0, at - CHUNK)
        stream.seek(begin)
        piece = stream.read(at - begin)
        # The line feed at the very end ends the last line, and begins none.
        place = len(piece) - 1 if at == end and piece.endswith(b"\n") else len(piece)
        while left > 0 and (place := piece.rfind(b"\n", 0, place)) >= 0:
            left -= 1
        if left == 0:
            stream.seek(begin + place + 1 if lines else end)
            return
        at = begin
    stream.seek(0)
