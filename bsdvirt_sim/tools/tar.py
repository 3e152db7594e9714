"""tar(1): extract, pack and list."""

from __future__ import annotations

import fnmatch
import lzma
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset
from bsdvirt_sim.zfs.properties import View


def tar(run: Run, words: list[str]) -> int:
    """Run tar(1)."""
    match words:
        case ["-xpvf", file, "-C", directory]:
            run.changes()
            return _extract(run, file, directory)
        case ["-cvf", "-", "-C", directory, "."] if run.piped:
            run.changes()
            return _pack(run, directory)
        case ["-xpf", "-", "-C", directory] if run.tree:
            run.changes()
            shutil.copytree(
                run.path(run.tree), run.path(directory), symlinks=True, dirs_exist_ok=True
            )
            return 0
        case ["-xOqf", file, pattern]:
            run.reads()
            for info, name, archive in _members(run, file):
                if fnmatch.fnmatchcase(name, pattern):
                    stream = archive.extractfile(info) if info.isreg() else None
                    if stream is not None:
                        run.out.append(stream.read().decode("utf-8", "replace"))
                    return 0
            run.warn(f"tar: {pattern}: Not found in archive")
            raise _delayed(run)
        case ["-tf", file]:
            run.reads()
            for _, name, _ in _members(run, file):
                run.print(name)
            return 0
    raise run.unknown()


def _delayed(run: Run) -> Exception:
    return run.fail("tar: Error exit delayed from previous errors.")


def _members(run: Run, file: str) -> Iterator[tuple[tarfile.TarInfo, str, tarfile.TarFile]]:
    """Yield the members with their names as in the archive."""
    try:
        with tarfile.open(run.path(file)) as archive:
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


def _holder(run: Run, path: str) -> tuple[str, Dataset] | None:
    """Return the dataset that is mounted nearest above a path."""
    found = [
        (name, dataset)
        for name, dataset in run.state.datasets.items()
        if dataset.mounted
        and (path == dataset.mounted or path.startswith(dataset.mounted.rstrip("/") + "/"))
    ]
    return max(found, key=lambda pair: len(pair[1].mounted), default=None)


def _pack(run: Run, directory: str) -> int:
    """Pack a directory into the pipe: the reader copies it."""
    top = run.path(directory)
    run.tree = directory
    run.warn("a .")
    for path in sorted(top.rglob("*")):
        run.warn(f"a ./{path.relative_to(top)}")
    return 0


def _extract(run: Run, file: str, directory: str) -> int:
    root = run.path(directory)
    if not root.is_dir():
        raise run.fail(f"tar: could not chdir to '{directory}'")
    holder = _holder(run, directory)
    room = View(run).space.available(holder[0]) if holder else None
    failed = False
    modes: list[tuple[Path, int]] = []
    for info, name, archive in _members(run, file):
        parts = PurePosixPath(info.name).parts
        if (
            info.name.startswith("/")
            or ".." in parts
            or info.islnk()
            or not (info.isdir() or info.isreg() or info.issym())
        ):
            raise run.unknown(f"a member such as {info.name} is not simulated")
        target = root.joinpath(*parts)
        error = ""
        if info.isdir():
            target.mkdir(parents=True, exist_ok=True)
            modes.append((target, info.mode))
        elif room is not None and info.size > room:
            error, failed = ": Write failed: No space left on device", True
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_symlink() or target.exists():
                target.unlink()
            if info.issym():
                os.symlink(info.linkname, target)
            else:
                stream = archive.extractfile(info)
                assert stream is not None
                target.write_bytes(stream.read())
                target.chmod(info.mode)
            if room is not None and holder is not None:
                room -= info.size
                holder[1].refer += info.size
        run.warn(f"x {name}{error}")
    for path, mode in reversed(modes):
        path.chmod(mode)
    if failed:
        raise _delayed(run)
    return 0
