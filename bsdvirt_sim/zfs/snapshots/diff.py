"""zfs diff: what changed between a snapshot and a later one, or now (libzfs_diff.c)."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.state import Dataset, Snapshot
from bsdvirt_sim.zfs.datasets import open_dataset
from bsdvirt_sim.zfs.properties import find_snapshot
from bsdvirt_sim.zfs.snapshots.objects import Object, Objects, listed, of_dataset

_TYPES = {
    stat.S_IFBLK: "B",
    stat.S_IFCHR: "C",
    stat.S_IFDIR: "/",
    stat.S_IFIFO: "|",
    stat.S_IFLNK: "@",
    stat.S_IFSOCK: "=",
    stat.S_IFREG: "F",
}
_WRONG = "Unable to determine which snapshots to compare: invalid name"


def diff(run: Run, words: list[str]) -> int:
    """Run `zfs diff`."""
    run.reads()
    flags, rest = options(run, words, "FHth")
    if len(rest) not in (1, 2) or "@" not in rest[0] or rest[0].startswith("@"):
        raise run.unknown()
    name, _, short = rest[0].partition("@")
    other = rest[1] if len(rest) == 2 else name
    if other.startswith("@"):
        other = name + other
    later, at, last = other.partition("@")
    dataset = open_dataset(run, name)
    if dataset.kind != "filesystem":
        why = "operation not applicable to datasets of this type"
        raise run.fail(f"cannot open '{name}': {why}")
    if at and not last:
        raise run.fail(_WRONG)
    if later != name:
        raise run.unknown("the changes of a clone are not simulated")
    if not dataset.mounted:
        what = "operation not applicable to datasets of this type"
        raise run.fail(f"Cannot diff an unmounted snapshot: {what}")
    before = _snapshot(run, f"{name}@{short}")
    if last:
        after = _snapshot(run, f"{name}@{last}")
        if after.txg <= before.txg:
            raise run.fail("Unable to obtain diffs: \n   Not an earlier snapshot from the same fs")
        now = listed(run, dataset, after.name)
    else:
        now = of_dataset(run, dataset)
    printer = _Printer(run, flags, dataset)
    for line in printer.lines(listed(run, dataset, before.name), now):
        run.print(line)
    return 0


def _snapshot(run: Run, name: str) -> Snapshot:
    snap = find_snapshot(run.state, name)
    if snap is None:
        raise run.fail("Unable to obtain diffs: No such file or directory")
    return snap


class _Printer:
    """The lines of one command."""

    def __init__(self, run: Run, flags: dict[str, list[str]], dataset: Dataset) -> None:
        self.flags = flags
        self.top = dataset.mounted.rstrip("/")

    def lines(self, old: Objects, new: Objects) -> Iterator[str]:
        """Yield a line for each change, by the numbers of the objects."""
        before = {one.number: (path, one) for path, one in old.items()}
        after = {one.number: (path, one) for path, one in new.items()}
        for number in sorted(before.keys() | after.keys()):
            was, now = before.get(number), after.get(number)
            if was is None and now is not None:
                yield self._line("+", *now)
            elif now is None and was is not None:
                yield self._line("-", *was)
            elif was is not None and now is not None:
                yield from self._change(was, now)

    def _change(self, was: tuple[str, Object], now: tuple[str, Object]) -> Iterator[str]:
        (old, before), (new, after) = was, now
        if stat.S_IFMT(before.mode) != stat.S_IFMT(after.mode):
            yield self._line("-", old, before)
            yield self._line("+", new, after)
        elif old != new:
            arrow = "\t" if "H" in self.flags else " -> "
            yield self._line("R", old, after) + arrow + self._name(new)
        elif stat.S_ISDIR(after.mode):
            if (before.names, before.mode) != (after.names, after.mode):
                yield self._line("M", new, after)
        elif before.changed != after.changed:
            yield self._line("M", new, after)

    def _line(self, type_: str, path: str, one: Object) -> str:
        words = [type_]
        if "t" in self.flags:
            seconds, rest = divmod(one.changed, 10**9)
            words.insert(0, f"{seconds:10d}.{rest:09d}")
        if "F" in self.flags:
            words.append(_TYPES.get(stat.S_IFMT(one.mode), "?"))
        return "\t".join([*words, self._name(path)])

    def _name(self, path: str) -> str:
        text = self.top + path
        if "h" in self.flags:
            return text
        return "".join(
            chr(byte) if 0x20 < byte < 0x7F and byte != 0x5C else f"\\{byte:04o}"
            for byte in text.encode("utf-8", "surrogateescape")
        )
