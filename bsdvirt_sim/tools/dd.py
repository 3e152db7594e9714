"""dd(1), in the forms that copy images and media (bin/dd of 13.2)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO

from bsdvirt_sim.context import Exit, Run
from bsdvirt_sim.state import Dataset
from bsdvirt_sim.zfs import volumes
from bsdvirt_sim.zfs.properties import View

BLOCK = 1 << 20
_ZERO = bytes(BLOCK)


def dd(run: Run, words: list[str]) -> int:
    """Run dd(1): copy a file or a pipe into a volume, a file, or /dev/null."""
    run.changes()
    named = dict(word.split("=", 1) for word in words if "=" in word)
    known = {"if", "of", "bs", "conv", "status"}
    if (
        len(named) != len(words)
        or not named.keys() <= known
        or ("of" in named) == run.piped
        or named.get("bs") != "1m"
        or named.get("conv", "sparse") != "sparse"
        or named.get("status") != "progress"
        or ("if" in named) == run.piped_into
    ):
        raise run.unknown()
    source = _source(run, named)
    volume = run.dataset(named.get("if", "").removeprefix(f"{volumes.DEVICES}/"))
    size = int(volume.props.get("volsize", "0")) if volume is not None else 0
    copying = _Copying(run, named.get("of", ""), size)
    try:
        copying.all_of(source)
    finally:
        source.close()
        copying.summary()
    return 0


def _source(run: Run, named: dict[str, str]) -> IO[bytes]:
    if "if" not in named:
        if run.data is None:
            raise run.unknown("nothing came through the pipe")
        return run.data
    volume = named["if"].removeprefix(f"{volumes.DEVICES}/")
    if volume != named["if"] and volume in run.state.datasets:
        size = int(run.state.datasets[volume].props["volsize"])
        path = volumes.place(run, volume)
        with path.open("r+b") as stream:
            stream.truncate(size)
        return path.open("rb")
    path = run.path(named["if"])
    if not path.is_file():
        raise run.fail(f"dd: {named['if']}: No such file or directory")
    return path.open("rb")


class _Copying:
    """One copy: its target, the space there, and the bytes copied."""

    def __init__(self, run: Run, target: str, size: int) -> None:
        self.run = run
        self.target = target
        self.began = time.monotonic()
        self.moved = 0
        self.full = 0
        self.part = 0
        self.path: Path | None = None
        self.dataset: Dataset | None = None
        self.room: int | None = None
        self.end: int | None = None
        self.size = size
        if target == "/dev/null":
            return
        if not target:
            return
        name = target.removeprefix(f"{volumes.DEVICES}/")
        if name != target:
            self._volume(name)
        else:
            self.path = run.path(target)
            self.room = _room_of(run, target)
            if not self.path.parent.is_dir():
                raise run.fail(f"dd: {target}: No such file or directory")

    def _volume(self, name: str) -> None:
        dataset = self.run.state.datasets.get(name)
        if dataset is None:
            raise self.run.fail(f"dd: {self.target}: Operation not supported")
        if dataset.props.get("readonly") == "on":
            raise self.run.unknown("a write to a read-only volume was never shown")
        self.dataset, self.path = dataset, volumes.place(self.run, name)
        self.end = int(dataset.props["volsize"])
        self.room = View(self.run).space.available(name)

    def all_of(self, source: IO[bytes]) -> None:
        mode = "r+b" if self.dataset is not None else "wb"
        writer = self.path.open(mode) if self.path is not None else None
        passed = self.run.passes() if not self.target else None
        try:
            while chunk := source.read(BLOCK):
                if writer is not None:
                    self._put(writer, chunk)
                if passed is not None:
                    self._pass(passed, chunk)
                self.moved += len(chunk)
                if len(chunk) == BLOCK:
                    self.full += 1
                else:
                    self.part += 1
            if passed is not None:
                self._pad(passed)
            if writer is not None and self.dataset is None:
                writer.truncate(self.moved)
        finally:
            if writer is not None:
                writer.close()

    def _pass(self, passed: IO[bytes], chunk: bytes) -> None:
        """Pass a part on, zeros as a hole."""
        if chunk == _ZERO[: len(chunk)]:
            passed.seek(len(chunk), os.SEEK_CUR)
        else:
            passed.write(chunk)

    def _pad(self, passed: IO[bytes]) -> None:
        """Pass on the zeros that a volume has behind its data."""
        size = max(self.moved, self.size)
        self.moved, self.full, self.part = size, size // BLOCK, int(size % BLOCK > 0)
        passed.flush()
        os.truncate(passed.fileno(), size)

    def _put(self, writer: IO[bytes], chunk: bytes) -> None:
        if self.end is not None and self.moved + len(chunk) > self.end:
            raise self._fail("end of device")
        if chunk == _ZERO[: len(chunk)]:
            return
        if self.room is not None:
            self.room -= len(chunk)
            if self.room < 0:
                raise self._fail("No space left on device")
        writer.seek(self.moved)
        writer.write(chunk)
        if self.dataset is not None:
            self.dataset.refer += len(chunk)

    def _fail(self, words: str) -> Exit:
        return self.run.fail(f"dd: {self.target}: {words}")

    def summary(self) -> None:
        seconds = max(0.000001, time.monotonic() - self.began)
        records = f"{self.full}+{self.part} records"
        self.run.warn(f"\n{records} in\n{records} out")
        self.run.warn(
            f"{self.moved} bytes transferred in {seconds:.6f} secs"
            f" ({self.moved / seconds:.0f} bytes/sec)"
        )


def _room_of(run: Run, path: str) -> int | None:
    """Return the space left in the dataset that holds a path."""
    holders = [
        (len(dataset.mounted), name)
        for name, dataset in run.state.datasets.items()
        if dataset.mounted and path.startswith(dataset.mounted.rstrip("/") + "/")
    ]
    return View(run).space.available(max(holders)[1]) if holders else None
