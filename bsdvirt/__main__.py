"""The `bsdvirt` command."""

from __future__ import annotations

import os
import sys

AT_EXIT = ("atexit", "threading")
"""Without these modules, nothing can be waiting for the end of the interpreter."""


def main() -> None:
    """Run the command line, and end with its exit code."""
    from bsdvirt.cli.streams import close_streams, open_streams

    open_streams()
    from bsdvirt.cli.main import run

    status = close_streams(run(sys.argv[1:]))
    if not any(name in sys.modules for name in AT_EXIT):
        # Else the interpreter frees every object first, which takes a third of `python3 -c pass`.
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
