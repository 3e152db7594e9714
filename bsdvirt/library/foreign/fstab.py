"""fstab(5) of a jail, and `mount` of jail.conf(5): mounts of ours. Pure."""

from __future__ import annotations

import re
from typing import Any

from bsdvirt.library.foreign.found import Draft, shown
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.mounts import USUAL_TARGETS
from bsdvirt.spec.types import AbsolutePath, FileMode, Space

MOST_MOUNTS = 64
OPTIONS = frozenset({"noatime", "noexec", "nosuid", "nosymfollow", "linrdlnk"})
TYPES = frozenset({"nullfs", "tmpfs", *USUAL_TARGETS})
_OCTAL = re.compile(r"\\([0-7]{3})")


def take(draft: Draft, text: str, root: str) -> None:
    """Take the mounts of an fstab. `root` is the jail's root on the host that it comes from,
    which mount points begin with there."""
    for line in text.splitlines()[:1000]:
        words = line.split("#", 1)[0].split()
        if words:
            _take(draft, [_plain(word) for word in words], root)


def _plain(word: str) -> str:
    """Return a word with \\040 and its like decoded (getfsent(3))."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8) & 0xFF), word)


def _take(draft: Draft, words: list[str], root: str) -> None:
    line = shown(" ".join(words))
    if len(words) < 3:
        draft.note(f"mount {line}: not a line of fstab(5)")
        return
    source, place, kind = words[:3]
    options = words[3].split(",") if len(words) > 3 else []
    target = place.removeprefix(root.rstrip("/")) if root and _below(place, root) else place
    if kind not in TYPES:
        draft.note(f"mount {line}: {shown(kind)} is not mounted by bsdvirt: mount it on the host")
        return
    if len(draft.mounts) >= MOST_MOUNTS:
        draft.note(f"mount {line}: more than {MOST_MOUNTS} mounts")
        return
    if kind == "devfs" and target.rstrip("/") == "/dev":
        return
    try:
        mount = _mount(draft, kind, source, target or "/", options)
    except BadValueError as error:
        draft.note(f"mount {line}: {error}")
        return
    draft.mounts.append(mount)


def _below(place: str, root: str) -> bool:
    return place == root or place.startswith(root.rstrip("/") + "/")


def _mount(draft: Draft, kind: str, source: str, target: str, options: list[str]) -> dict[str, Any]:
    """Raise BadValueError for a path that is none."""
    made: dict[str, Any] = {"name": _name(draft, target), "type": kind}
    if kind == "nullfs":
        made["source"] = str(AbsolutePath.parse(source))
    if target == "/":
        raise BadValueError("a mount over the root itself is not taken")
    made["target"] = str(AbsolutePath.parse(target))
    flags = []
    for option in options:
        key, _, value = option.partition("=")
        if key in OPTIONS:
            flags.append(key)
        elif key == "ro":
            made["readonly"] = True
        elif key == "size" and kind == "tmpfs":
            made["size"] = str(Space.parse(value))
        elif key == "mode" and kind == "tmpfs":
            made["mode"] = str(FileMode.parse(value))
        elif key not in ("rw", "late", "noauto", "failok", ""):
            draft.note(f"mount {shown(target)}: option {shown(option)} is left out")
    if flags:
        made["options"] = flags[:4]
    return made


def _name(draft: Draft, target: str) -> str:
    """Return a name for a mount that no other has."""
    last = target.rstrip("/").rpartition("/")[2].lower()
    stem = re.sub("[^a-z0-9_-]", "", last).lstrip("0123456789_-")[:24] or "mount"
    taken = {mount["name"] for mount in draft.mounts}
    if stem not in taken:
        return stem
    return next(name for number in range(2, 999) if (name := f"{stem}{number}") not in taken)
