"""What the command line of an archive's program asks for."""

from __future__ import annotations

import signal
import sys

from bsdvirt.supervise.archive import pack, unpack
from bsdvirt.supervise.files import Failed

READS = ("show", "check", "stream", "extract")


def main(mode: str, words: list[str]) -> int:
    """Do it, and return the exit status."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        if mode in READS:
            return unpack.main(mode, words)
        return pack.main(mode, words)
    except (Failed, IndexError, KeyError, TypeError, ValueError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename or 'archive'}: {error.strerror}", file=sys.stderr)
    return 1
