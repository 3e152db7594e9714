"""Copy standard input to standard output, with at most so many bytes a second: `pump.py LIMIT`.

Its memory is one chunk, whatever passes through it.
"""

from __future__ import annotations

import os
import sys
import time

MOST_CHUNK = 128 * 1024
CHUNKS_A_SECOND = 10
"""A small limit is kept to within a tenth of a second, too."""


def pump(source: int, target: int, limit: int) -> None:
    """Copy until the end of the input."""
    chunk = max(1, min(MOST_CHUNK, limit // CHUNKS_A_SECOND))
    due = time.monotonic()
    while data := os.read(source, chunk):
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(target, rest) :]
        # After a pause of the other side, what was missed is not made up for.
        due = max(due, time.monotonic() - 1 / CHUNKS_A_SECOND) + len(data) / limit
        if (early := due - time.monotonic()) > 0:
            time.sleep(early)


def main(words: list[str]) -> int:
    """Run; the exit status is 1 if the reader is gone."""
    if len(words) != 1 or not words[0].isdigit() or int(words[0]) < 1:
        print("usage: pump.py BYTES_A_SECOND", file=sys.stderr)
        return 2
    try:
        pump(0, 1, int(words[0]))
    except OSError as error:
        print(f"pump: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
