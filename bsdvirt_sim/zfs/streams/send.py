"""zfs send (zfs_main.c, libzfs_sendrecv.c)."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.state import Dataset
from bsdvirt_sim.zfs import keys
from bsdvirt_sim.zfs.datasets import open_snapshot
from bsdvirt_sim.zfs.numbers import nice_bytes
from bsdvirt_sim.zfs.properties import find_snapshot
from bsdvirt_sim.zfs.streams.format import Begin, Package, Writer
from bsdvirt_sim.zfs.streams.package import Missing, chain, members
from bsdvirt_sim.zfs.streams.resume import resumed
from bsdvirt_sim.zfs.streams.source import From, Source, from_named

_SECONDS = 4


def send(run: Run, words: list[str]) -> int:
    """Run `zfs send`: into the pipe, or with -n only print what it would send."""
    flags, rest = options(run, words, "nvpPRwLces", "iIt")
    if "n" in flags:
        run.reads()
    else:
        run.changes()
        if not run.piped:
            raise run.unknown("a stream goes into a pipe")
    if "w" in flags:
        flags |= {"L": [""], "c": [""], "e": [""]}
    sending = _Sending(run, flags)
    if "t" in flags:
        if rest or flags.keys() & {"i", "I", "R", "p"}:
            raise run.unknown()
        return sending.of(None, resumed(run, flags["t"][0], sending.letters, sending.tell))
    if len(rest) != 1 or "@" not in rest[0] or {"i", "I"} <= flags.keys():
        raise run.unknown()
    if flags.keys() & {"R", "I"}:
        return sending.many(rest[0])
    return sending.one(rest[0])


class _Sending:
    """One command."""

    def __init__(self, run: Run, flags: dict[str, list[str]]) -> None:
        self.run = run
        self.flags = flags
        self.letters = frozenset(flags)
        self.dry = "n" in flags
        self.verbose = bool(flags.keys() & {"v", "P"})

    def tell(self, line: str) -> None:
        """Print a line about the stream, if wanted."""
        if self.verbose:
            (self.run.print if self.dry else self.run.warn)(line)

    def one(self, name: str) -> int:
        """Send one snapshot (zfs_send_one)."""
        run = self.run
        begins = self._begins(name) if "i" in self.flags else None
        open_snapshot(run, name)
        package = None
        if "p" in self.flags:
            package = self._package(name, None, recursive=False, all_=False)
        return self.of(package, [Source(run, name, begins, self.letters)])

    def _begins(self, name: str) -> From:
        run, start = self.run, self.flags["i"][0]
        if not {"@", "#"} & set(start):
            run.warn(
                "Warning: incremental source didn't specify type, assuming snapshot."
                " Use '@' or '#' prefix to avoid ambiguity."
            )
            start = f"@{start}"
        if start[0] in "@#":
            start = name.partition("@")[0] + start
        snap = open_snapshot(run, name)
        warning = f"warning: cannot send '{name}'"
        if "@" in start:
            open_snapshot(run, start)
        begins = from_named(run, start)
        if begins is None:
            why = f"incremental source ({start}) does not exist"
            raise run.fail(f"{warning}: {'No such process' if self.verbose else why}")
        if not self._is_before(begins, name.partition("@")[0], snap.txg):
            raise run.fail(f"{warning}: not an earlier snapshot from the same fs")
        return begins

    def _is_before(self, begins: From, name: str, txg: int) -> bool:
        """Whether it is earlier in the dataset, or in the origins that it comes from."""
        dataset: Dataset | None = self.run.state.datasets[name]
        while dataset is not None:
            earlier = {one.guid for one in dataset.snaps if one.txg < txg}
            earlier |= {one.guid for one in dataset.bookmarks if one.txg < txg}
            if begins.guid in earlier:
                return True
            origin = find_snapshot(self.run.state, dataset.origin)
            if origin is not None and origin.guid == begins.guid:
                return True
            txg = origin.txg if origin else 0
            dataset = self.run.state.datasets.get(dataset.origin.partition("@")[0])
        return False

    def many(self, name: str) -> int:
        """Send several snapshots (zfs_send)."""
        run = self.run
        parent, _, short = name.partition("@")
        start = (self.flags.get("I") or self.flags.get("i") or [""])[0]
        if "#" in start:
            raise run.fail("Error: multiple snapshots cannot be sent from a bookmark.")
        dataset = run.dataset(parent)
        if dataset is None:
            raise run.fail(f"cannot open '{parent}': dataset does not exist")
        origin = bool(start) and start == dataset.origin
        if origin:
            start = ""
        above, at, first = start.rpartition("@")
        if at and above not in ("", parent):
            raise run.unknown("the usage text of zfs send")
        if start:
            open_snapshot(run, f"{parent}@{first}")
        open_snapshot(run, name)
        replicate = "R" in self.flags
        all_ = "I" in self.flags or (replicate and not start)
        package = None
        if replicate or "p" in self.flags:
            package = self._package(name, first or None, recursive=replicate, all_=all_)
        else:
            package = Package(name, [], first or None)
        names = [member.name for member in package.members] if replicate else [parent]
        sources: list[Source] = []
        failed = False
        for member in names:
            found, why = chain(
                run, member, short, first, all_=all_, replicate=replicate, origin=origin
            )
            if why:
                run.warn(why)
                failed = True
            sources += [Source(run, to, begins, self.letters) for to, begins in found]
        status = self.of(package, sources)
        return 1 if failed else status

    def _package(self, name: str, first: str | None, *, recursive: bool, all_: bool) -> Package:
        raw = "w" in self.flags
        try:
            found = members(
                self.run, name, first, recursive=recursive, all_=all_, raw=raw,
                skip_missing="s" in self.flags,
            )  # fmt: skip
        except Missing as error:
            self.run.warn(str(error))
            raise self.run.fail(f"warning: cannot send '{name}': backup failed") from None
        return Package(name, found, first, recursive, raw)

    def of(self, package: Package | None, sources: Sequence[Source]) -> int:
        """Print what is sent, and send it."""
        sizes = [source.size() for source in sources]
        for source, size in zip(sources, sizes, strict=True):
            self._describe(source, size, short=self._many())
        if self.verbose and (sources or self._many()):
            total = sum(sizes)
            parsable = "P" in self.flags
            self.tell(
                f"size\t{total}" if parsable else f"total estimated size is {nice_bytes(total)}"
            )
        if self.dry:
            return 0
        writer = Writer(self.run.passes())
        if package is not None:
            head = Begin("", package.toname, 0, 0, is_package=True)
            writer.begin(head, package if self._lists(package) else None)
            writer.end()
        for source, size in zip(sources, sizes, strict=True):
            self._write(source, size, writer)
        if package is not None:
            writer.end(last=True)
        return 0

    def _lists(self, package: Package) -> bool:
        """Whether a package begins with a list of datasets: not with -I alone."""
        return bool(package.members)

    def _many(self) -> bool:
        return bool(self.flags.keys() & {"R", "I"})

    def _write(self, source: Source, size: int, writer: Writer) -> None:
        run = self.run
        if keys.locked(run.state, source.parent) and "w" not in self.flags:
            which = "source" if self._many() else "dataset"
            raise run.fail(f"warning: cannot send '{source.name}': {which} key must be loaded")
        if "v" in self.flags:
            self._progress(source.name, size)
        source.write(writer)

    def _describe(self, source: Source, size: int, *, short: bool) -> None:
        begins = source.begins
        # An origin is none to zfs send -R, where it prints.
        if begins is not None and short and begins.dataset is not source.dataset:
            begins = None
        start = ""
        if begins is not None:
            start = begins.name.partition("@")[2] if short else begins.name
        if "P" in self.flags:
            kind = f"incremental\t{start}" if start else "full"
            self.tell(f"{kind}\t{source.name}\t{size}")
        else:
            at = "@" if start and not {"@", "#"} & set(start) else ""
            what = f"send from {at}{start} to" if start else "full send of"
            self.tell(f"{what} {source.name} estimated size is {nice_bytes(size)}")

    def _progress(self, name: str, size: int) -> None:
        """Print a line each second, as for a stream of four seconds."""
        start = time.time()
        if "P" not in self.flags:
            self.run.warn(f"TIME        SENT   SNAPSHOT {name}")
        for part in range(1, _SECONDS + 1):
            clock = time.strftime("%H:%M:%S", time.localtime(start + part))
            sent = size * part // _SECONDS
            if "P" in self.flags:
                self.run.warn(f"{clock}\t{sent}\t{name}")
            else:
                self.run.warn(f"{clock}   {nice_bytes(sent):>5}   {name}")
