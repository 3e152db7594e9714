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


def follow(path: Path, lines: int | None = None, pause: float = PAUSE_SECONDS) -> Iterator[str]:
    """What the file holds (its last `lines` lines, where given), then what comes, for ever.

    What was written to a file before it was rotated away is read to its end.
    """
    stream: BinaryIO | None = None
    first = True
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while True:
            gone = stream is None or _is_another(path, stream)
            if stream is not None:
                # What came before the rotation was seen is still read here.
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
    finally:
        if stream is not None:
            stream.close()


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _is_another(path: Path, stream: BinaryIO) -> bool:
    """Whether that name is now another file's. A file cut shorter is read from its begin."""
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
    """Go to where the last `lines` lines begin."""
    end = stream.seek(0, os.SEEK_END)
    found, at = b"", end
    while at > 0 and found.count(b"\n") <= lines:
        begin = max(0, at - CHUNK)
        stream.seek(begin)
        found = stream.read(at - begin) + found
        at = begin
    kept = found.splitlines(keepends=True)[-lines:] if lines > 0 else []
    stream.seek(end - sum(map(len, kept)))
