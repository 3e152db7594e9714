"""Merge three versions of master.passwd(5) or group(5), entry by entry. Pure."""

from __future__ import annotations


def merge_accounts(base: bytes, mine: bytes, theirs: bytes) -> bytes:
    """Merge the entries of a newer release into a guest's: entries that only the release has are
    added, fields that the guest has not changed are the release's. Entries that the guest has
    removed stay so, and none is removed."""
    old, new = _entries(base), _entries(theirs)
    own = _entries(mine)
    lines = [_merged(line, old, new) for line in mine.splitlines()]
    added = [line for name, line in new.items() if name not in own and name not in old]
    # Entries of NIS begin with a plus sign, and apply from there on.
    place = next((n for n, line in enumerate(lines) if line.startswith(b"+")), len(lines))
    lines[place:place] = added
    return b"".join(line + b"\n" for line in lines)


def _entries(content: bytes) -> dict[bytes, bytes]:
    lines = (line for line in content.splitlines() if line and not line.startswith((b"#", b"+")))
    return {line.split(b":", 1)[0]: line for line in lines}


def _merged(line: bytes, old: dict[bytes, bytes], new: dict[bytes, bytes]) -> bytes:
    name = line.split(b":", 1)[0]
    if line.startswith((b"#", b"+")) or name not in old or name not in new:
        return line
    fields = [one.split(b":") for one in (old[name], line, new[name])]
    if len({len(one) for one in fields}) != 1:
        return line
    return b":".join(_field(*versions) for versions in zip(*fields, strict=True))


def _field(before: bytes, mine: bytes, theirs: bytes) -> bytes:
    return theirs if mine == before else mine
