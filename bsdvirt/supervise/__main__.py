"""Start a supervisor, or a client of one: see bsdvirt/supervise/modes.py for the words.

python3 -I -S …/bsdvirt/supervise/__main__.py KIND MODE FILE [options]
"""

import os
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
LASTING = ("start", "foreground")
"""The modes whose process, or a child of it, stays for as long as the guest runs."""


def bytecode() -> list[int]:
    """Return when each file of bytecode of this package was written."""
    try:
        with os.scandir(f"{HERE}/__pycache__") as found:
            return sorted(entry.stat().st_mtime_ns for entry in found)
    except OSError:
        return []


def main() -> int:
    """Import the package and do what the arguments say; the exit status."""
    # By this directory alone: nothing installed beside it can be imported.
    package = types.ModuleType("bsdvirt")
    package.__path__ = [os.path.dirname(HERE)]
    sys.modules["bsdvirt"] = package
    before = bytecode()
    from bsdvirt.supervise import modes

    if bytecode() != before and sys.argv[2:3] and sys.argv[2] in LASTING:
        # The memory that compiling took would stay in use: begin again with the bytecode.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return modes.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
