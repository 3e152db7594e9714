"""The `bsdvirt` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, and end with its exit code."""
    from bsdvirt.cli.streams import close_streams, open_streams

    open_streams()
    from bsdvirt.cli.main import run

    sys.exit(close_streams(run(sys.argv[1:])))


if __name__ == "__main__":
    main()
