"""tar(1): pack, extract, list and print members (contrib/libarchive); tail(1), which passes a part
of a file to it."""

from __future__ import annotations

import fnmatch
import io
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from bsdvirt.host import tools
from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset
from bsdvirt_sim.zfs.properties import View

_FIRST_STREAM = f"{tools.XZ} -dc -M 1GiB --single-stream"
_STRIP = "--strip-components"


def tar(run: Run, words: list[str]) -> int:
    """Run tar(1)."""
    match words:
        case ["-cvf" | "-cf" as flags, "-", "--numeric-owner", "-C", directory, "."] | [
            "-cvf" | "-cf" as flags, "-", "-C", directory, "."
        ] if run.piped:  # fmt: skip
            run.changes()
            return _pack(run, directory, verbose="v" in flags)
        case ["-cf", "-", "--numeric-owner", "-C", directory, "--null", "-T", file] if run.piped:
            run.changes()
            return _pack(run, directory, verbose=False, paths=_listed(run, directory, file))
        case ["--use-compress-program", program, *rest] if rest[:2] == ["-xpf", "-"]:
            if program != _FIRST_STREAM or run.data is None:
                raise run.unknown()
            run.data = _first_stream(run, run.data)
            return tar(run, rest)
        case ["-xpvf" | "-xpf" as flags, file, "-C", directory, *rest]:
            run.changes()
            strip = 0
            if rest[:1] == [_STRIP]:
                strip, rest = int(rest[1]), rest[2:]
            if file == "-" and run.data is None:
                raise run.unknown("nothing came through the pipe")
            members = _members(run, file)
            return _Extracting(run, directory, "v" in flags, strip).all(members, rest)
        case ["--use-compress-program", "/usr/bin/xz -dc -M 1GiB --single-stream", *rest] if (
            run.data is not None
        ):
            run.data.seek(0)
            run.data = io.BytesIO(lzma.LZMADecompressor().decompress(run.data.read()))
            return tar(run, rest)
        case ["-xOqf", file, pattern] if run.piped:
            run.changes()
            for info, _, archive in _chosen(run, file, [pattern]):
                stream = archive.extractfile(info) if info.isreg() else None
                if stream is not None:
                    shutil.copyfileobj(stream, run.passes())
            return 0
        case ["-xOqf", file, *patterns] if patterns:
            run.reads()
            for info, _, archive in _chosen(run, file, patterns):
                stream = archive.extractfile(info) if info.isreg() else None
                if stream is not None:
                    run.out.append(stream.read().decode("utf-8", "replace"))
            return 0
        case ["-tf", file]:
            run.reads()
            for _, name, _ in _members(run, file):
                run.print(name)
            return 0
        case ["-tqf", file, *patterns] if patterns:
            run.reads()
            for _, name, _ in _chosen(run, file, patterns):
                run.print(name)
            return 0
    raise run.unknown()


def _listed(run: Run, directory: str, file: str) -> list[Path]:
    """Return what the names in a list stand for, with all beneath it; each name has a NUL after it.
    One that does not exist is an error, as in bsdtar."""
    top = run.path(directory)
    names = [os.fsdecode(name) for name in run.path(file).read_bytes().split(b"\0") if name]
    found: list[Path] = []
    for name in names:
        path = top / name
        if not os.path.lexists(path):
            run.warn(f"tar: {name}: Cannot stat: No such file or directory")
            raise _delayed(run)
        found.append(path)
        if not path.is_symlink():
            found += sorted(path.rglob("*"))
    return found


def _first_stream(run: Run, packed: IO[bytes]) -> IO[bytes]:
    """Unpack the first stream of xz(1): something else may follow it."""
    unpacked = tempfile.TemporaryFile(dir=run.directory)  # noqa: SIM115
    unpacker = lzma.LZMADecompressor()
    while not unpacker.eof and (chunk := packed.read(1 << 20)):
        try:
            unpacked.write(unpacker.decompress(chunk))
        except lzma.LZMAError:
            raise run.unknown("what xz says of damage was never shown") from None
    return unpacked


def _delayed(run: Run) -> Exception:
    return run.fail("tar: Error exit delayed from previous errors.")


Member = tuple[tarfile.TarInfo, str, tarfile.TarFile]


def _members(run: Run, file: str) -> Iterator[Member]:
    """Yield the members with their names as in the archive."""
    try:
        with _opened(run, file) as archive:
            for info in archive:
                # bsdtar shows a directory with the slash of its header.
                yield info, info.name + ("/" if info.isdir() else ""), archive
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise run.fail(f"tar: Error opening archive: Failed to open '{file}'") from None
        raise
    except (lzma.LZMAError, EOFError):
        raise run.unknown("what bsdtar says of damaged compression was never shown") from None
    except tarfile.ReadError:
        raise run.fail("tar: Error opening archive: Unrecognized archive format") from None


def _opened(run: Run, file: str) -> tarfile.TarFile:
    if file != "-":
        return tarfile.open(run.path(file))
    assert run.data is not None
    if not run.data.seek(0, os.SEEK_END):
        # An empty file is an archive without members.
        run.data.write(bytes(1024))
    run.data.seek(0)
    return tarfile.open(fileobj=run.data)


def _chosen(run: Run, file: str, patterns: Sequence[str]) -> Iterator[Member]:
    """Yield the first member for each pattern (-q)."""
    left = list(patterns)
    for member in _members(run, file):
        met = [pattern for pattern in left if matches(member[1], pattern)]
        if met:
            yield member
        left = [pattern for pattern in left if pattern not in met]
        if not left:
            return
    for pattern in left:
        run.warn(f"tar: {pattern}: Not found in archive")
    raise _delayed(run)


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern is that of a member, or of a directory above it (archive_pathmatch.c)."""
    name, pattern = (_plain(text) for text in (name, pattern))
    parts = name.split("/")
    return any(
        fnmatch.fnmatchcase("/".join(parts[:count]), pattern) for count in range(1, len(parts) + 1)
    )


def _plain(text: str) -> str:
    while text.startswith("./"):
        text = text[2:].lstrip("/")
    return text.rstrip("/")


def holder(run: Run, path: str) -> tuple[str, Dataset] | None:
    """Return the dataset that is mounted nearest above a path."""
    found = [
        (name, dataset)
        for name, dataset in run.state.datasets.items()
        if dataset.mounted
        and (path == dataset.mounted or path.startswith(dataset.mounted.rstrip("/") + "/"))
    ]
    return max(found, key=lambda pair: len(pair[1].mounted), default=None)


def _pack(run: Run, directory: str, *, verbose: bool, paths: Sequence[Path] | None = None) -> int:
    """Pack a directory, or these paths in it, into the pipe."""
    top = run.path(directory)
    if not top.is_dir():
        raise run.fail(f"tar: could not chdir to '{directory}'")
    with tarfile.open(fileobj=run.passes(), mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in [top, *sorted(top.rglob("*"))] if paths is None else paths:
            name = f"./{path.relative_to(top)}" if path != top else "."
            if stat.S_ISSOCK(path.lstat().st_mode):
                run.warn(f"tar: {name}: pax format cannot archive sockets")
                continue
            if verbose:
                run.warn(f"a {name}")
            archive.add(path, name, recursive=False)
    return 0


@dataclass
class _Extracting:
    """An extraction into a directory."""

    run: Run
    directory: str
    verbose: bool
    strip: int
    failed: bool = False
    warned: bool = False
    modes: list[tuple[Path, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = self.run.path(self.directory)
        if not self.root.is_dir():
            raise self.run.fail(f"tar: could not chdir to '{self.directory}'")
        self.holder = holder(self.run, self.directory)
        self.room: int | None = None
        if self.holder is not None:
            self.room = View(self.run).space.available(self.holder[0])

    def all(self, members: Iterator[Member], patterns: Sequence[str]) -> int:
        left = set(patterns)
        for info, name, archive in members:
            met = {pattern for pattern in patterns if matches(name, pattern)}
            if patterns and not met:
                continue
            left -= met
            inner = self._inner(name)
            if inner:
                self._told(inner, self._one(info, inner, archive))
        for path, mode in reversed(self.modes):
            path.chmod(mode)
        for pattern in left:
            self.run.warn(f"tar: {pattern}: Not found in archive")
            self.failed = True
        if self.failed:
            raise _delayed(self.run)
        return 0

    def _inner(self, name: str) -> str:
        """Return a name without what is stripped of it, and a leading slash."""
        if self.strip:
            # A leading ./ is a part (strip_components in tar/util.c).
            name = "/".join(name.split("/")[self.strip :]).lstrip("/")
            if not name:
                return ""
        if name.startswith("/"):
            if not self.warned:
                self.run.warn("tar: Removing leading '/' from member names")
            self.warned = True
            name = name.lstrip("/") or "."
        return name

    def _told(self, name: str, why: str) -> None:
        """Print what bsdtar does of a member."""
        if why:
            self.failed = True
        if self.verbose:
            self.run.warn(f"x {name}{f': {why}' if why else ''}")
        elif why:
            self.run.warn(f"{name}: {why}")

    def _one(self, info: tarfile.TarInfo, name: str, archive: tarfile.TarFile) -> str:
        """Extract a member; return an error in words."""
        if ".." in PurePosixPath(name).parts:
            return "Path contains '..': Unknown error: -1"
        parts = [part for part in name.split("/") if part not in ("", ".")]
        above = self.root
        for part in parts[:-1]:
            above = above / part
            if above.is_symlink():
                return f"Cannot extract through symlink {name.rstrip('/')}: No error: 0"
        target = self.root.joinpath(*parts)
        if info.isdir():
            if target.is_symlink():
                target.unlink()
            target.mkdir(parents=True, exist_ok=True)
            self.modes.append((target, info.mode))
            return ""
        if self.room is not None and info.size > self.room:
            return "Write failed: No space left on device"
        target.parent.mkdir(parents=True, exist_ok=True)
        if info.islnk():
            return self._link(info, target)
        if target.is_symlink() or target.exists():
            target.unlink()
        if info.issym():
            os.symlink(info.linkname, target)
        elif info.isreg():
            self._write(archive.extractfile(info), info, target)
        elif info.isfifo():
            os.mkfifo(target, info.mode)
        else:
            raise self.run.unknown(f"a member such as {info.name} is not simulated")
        self._count(info.size)
        return ""

    def _link(self, info: tarfile.TarInfo, target: Path) -> str:
        other = info.linkname.lstrip("/")
        if ".." in PurePosixPath(other).parts:
            return "Path contains '..': Unknown error: -1"
        source = self.root.joinpath(other)
        if not source.exists():
            words = f"Hard-link target '{other}' does not exist"
            return f"{words}: No such file or directory"
        target.unlink(missing_ok=True)
        os.link(source, target, follow_symlinks=False)
        return ""

    @staticmethod
    def _write(stream: IO[bytes] | None, info: tarfile.TarInfo, target: Path) -> None:
        assert stream is not None
        target.write_bytes(stream.read())
        target.chmod(info.mode)
        os.utime(target, (info.mtime, info.mtime))

    def _count(self, size: int) -> None:
        if self.room is not None and self.holder is not None:
            self.room -= size
            self.holder[1].refer += size


def tail(run: Run, words: list[str]) -> int:
    """Run tail(1): pass the rest of a file on, from a byte on."""
    match words:
        case ["-c", start, file] if run.piped and start.startswith("+"):
            run.changes()
            with run.path(file).open("rb") as stream:
                stream.seek(int(start[1:]) - 1)
                shutil.copyfileobj(stream, run.passes())
            return 0
    raise run.unknown()
