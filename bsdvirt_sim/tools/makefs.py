"""makefs(8): an ISO 9660 file reduced to its mark and label, followed by a tar archive.

Tests read in the archive what a guest would read.
"""

from __future__ import annotations

import io
import tarfile

from bsdvirt_sim.context import Run

_MARK = 0x8000
_LABEL = _MARK + 40
FILES = 0x9000
"""Offset of the archive."""


def makefs(run: Run, words: list[str]) -> int:
    """Run makefs(8)."""
    run.changes()
    match words:
        case ["-t", "cd9660", "-o", options, image, directory]:
            pass
        case _:
            raise run.unknown()
    named = dict(option.partition("=")[::2] for option in options.split(","))
    if named.keys() != {"rockridge", "label"} or named["rockridge"]:
        raise run.unknown()
    source = run.path(directory)
    if not source.is_dir():
        raise run.fail(f"makefs: Can't stat `{directory}': No such file or directory")
    content = bytearray(FILES)
    content[_MARK : _MARK + 7] = b"\x01CD001\x01"
    content[_LABEL : _LABEL + 32] = named["label"].upper().encode().ljust(32)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(source.iterdir()):
            info = tarfile.TarInfo(path.name)
            info.size = path.stat().st_size
            info.mode = path.stat().st_mode & 0o7777
            archive.addfile(info, io.BytesIO(path.read_bytes()))
    run.path(image).write_bytes(bytes(content) + buffer.getvalue())
    return 0
