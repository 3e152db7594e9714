"""Copy files into a guest's root and out of it.

The guest's administrator controls the root, and may change it meanwhile. So each directory in a
path is opened from its parent, symbolic links are not followed, and file types are checked on the
descriptor that is then read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from bsdvirt.errors import BsdvirtError, HostError, Interrupted, NotFoundError, UsageError
from bsdvirt.host.tree import Tree, copy_file, remove_tree, temporary_name

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLLOWED = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_DIRECTORY = (errno.ENOTDIR, errno.ELOOP, errno.EMLINK)
"""Errors of opening a link or a file as a directory: ELOOP on Linux, EMLINK on FreeBSD."""


def nothing() -> None:
    """Never interrupt."""


class Options(Struct, frozen=True):
    """How to copy. `check` is called repeatedly, and raises to stop the copy."""

    recursive: bool = False
    keep_ids: bool = True
    """Whether set-user-ID and set-group-ID bits are kept."""
    check: Callable[[], None] = nothing


def copy_in(
    source: str, root: Path, inner: str, *, recursive: bool, check: Callable[[], None] = nothing
) -> None:
    """Copy a file of the host, or with `recursive` a directory, beneath `root`. Raises UsageError,
    NotFoundError, HostError for a link in the path, and OSError."""
    real = Path(source).resolve()
    if not real.exists():
        raise NotFoundError(f"{source} does not exist", "check the path")
    if not real.name or root.resolve().is_relative_to(real):
        raise UsageError(f"{source} contains the guest's root", "choose a directory beside it")
    parts = plain_parts(inner)
    with _open_root(root) as top, _open_outer(real.parent) as outer:
        directory, last = _walk(top, parts, into=True)
        with _closing(directory):
            _copy(outer, real.name, directory, last or real.name, Options(recursive, True, check))
            os.fsync(directory)


def copy_out(
    root: Path, inner: str, target: str, *, recursive: bool, check: Callable[[], None] = nothing
) -> None:
    """Copy out of `root`. Set-user-ID and set-group-ID bits are removed: the guest must not create
    programs of root on the host. A link in place of the target is not followed, since an earlier
    copy may have created it; with a trailing slash it is."""
    parts = plain_parts(inner)
    if not parts:
        raise UsageError("the whole root cannot be copied", "name a directory in it")
    if Path(target).resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{target} is in the guest's own root", "copy it in the guest")
    with _open_root(root) as top:
        directory, last = _walk(top, parts, into=False)
        with _closing(directory), _open_target(target, last) as (outer, name):
            _copy(directory, last, outer, name, Options(recursive, False, check))
            os.fsync(outer)


def plain_parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path. Raises UsageError for `..`."""
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts or "\0" in path:
        raise UsageError(f"{path!r}: the path contains ..", "write the path without ..")
    return parts


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_root(root: Path) -> contextlib.AbstractContextManager[int]:
    return _closing(os.open(root, _DIRECTORY))


def _open_outer(path: Path) -> contextlib.AbstractContextManager[int]:
    return _closing(os.open(path, _FOLLOWED))


@contextlib.contextmanager
def _open_target(target: str, name: str) -> Iterator[tuple[int, str]]:
    """Return the directory of the host to copy into, and the name there: the source's own, if the
    target is a directory."""
    if target.endswith("/"):
        with _open_outer(Path(target)) as directory:
            yield directory, name
        return
    place = Path(target)
    with _open_outer(place.parent) as parent:
        try:
            directory = os.open(place.name or ".", _DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            yield parent, place.name
            return
        except OSError as error:
            if error.errno not in _NO_DIRECTORY:
                raise
            if _is_link(parent, place.name):
                hint = f"{target}/ follows it; or name the real path"
                raise HostError(f"{target} is a link", hint) from error
            yield parent, place.name
            return
        with _closing(directory):
            yield directory, name


def _walk(top: int, parts: tuple[str, ...], *, into: bool) -> tuple[int, str]:
    """Open the directory of the last part, and return its name; with `into`, if that is a
    directory, itself and no name."""
    descriptor = os.dup(top)
    try:
        for number, part in enumerate(parts):
            final = number == len(parts) - 1
            if final and not into:
                return descriptor, part
            try:
                deeper = os.open(part, _DIRECTORY, dir_fd=descriptor)
            except OSError as error:
                if final and (
                    error.errno == errno.ENOENT
                    or (error.errno in _NO_DIRECTORY and not _is_link(descriptor, part))
                ):
                    return descriptor, part
                link = error.errno in _NO_DIRECTORY
                why = "is a link, or not a directory" if link else str(error.strerror)
                raise _refused("/".join(parts), part, why) from error
            os.close(descriptor)
            descriptor = deeper
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, ""


def _is_link(directory: int, name: str) -> bool:
    """For messages only: the file type is checked on the descriptor."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _refused(path: str, part: str, why: str) -> HostError:
    return HostError(f"/{path}: {part} {why}", "links are not followed: use the real path")


def _copy(source: int, name: str, target: int, new: str, options: Options) -> None:
    """Raises HostError for a symbolic link."""
    mode = os.stat(name, dir_fd=source, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        raise _refused(name, name, "is a link")
    if not stat.S_ISDIR(mode):
        copy_file(source, name, target, new, options.keep_ids, options.check)
    elif options.recursive:
        _copy_directory(source, name, target, new, options)
    else:
        raise UsageError(f"{name} is a directory", "use -r to copy it with its contents")


def _copy_directory(source: int, name: str, target: int, new: str, options: Options) -> None:
    """Copy under a temporary name and rename it, so that it is complete or missing. Into an
    existing directory, this is done for each entry."""
    with _closing(os.open(name, _DIRECTORY, dir_fd=source)) as inner:
        try:
            there = os.open(new, _DIRECTORY, dir_fd=target)
        except FileNotFoundError:
            _copy_new(source, inner, target, new, options)
            return
        except OSError as error:
            if error.errno in _NO_DIRECTORY:
                raise HostError(f"{new} exists, and is not a directory", "remove it") from error
            raise
        with _closing(there):
            _merge(inner, there, new, options)


def _copy_new(source: int, inner: int, target: int, new: str, options: Options) -> None:
    temporary = temporary_name(source, target, new)
    os.mkdir(temporary, 0o700, dir_fd=target)
    try:
        with _closing(os.open(temporary, _DIRECTORY, dir_fd=target)) as outer:
            Tree(inner, outer, options.keep_ids, options.check, made=True).run()
        # A directory that is empty would be replaced; one that holds something is an error.
        os.rename(temporary, new, src_dir_fd=target, dst_dir_fd=target)
    except BaseException:
        with contextlib.suppress(OSError):
            remove_tree(target, temporary)
        raise


def _merge(inner: int, there: int, new: str, options: Options) -> None:
    tree = Tree(inner, there, options.keep_ids, options.check, made=False)
    try:
        tree.run()
    except Interrupted:
        raise
    except (BsdvirtError, OSError) as error:
        if not tree.copied:
            raise
        what = error.message if isinstance(error, BsdvirtError) else _words(error)
        raise HostError(
            f"{what}; {tree.copied} files and links were copied into {new} before that",
            "correct that, and copy again",
        ) from error


def _words(error: OSError) -> str:
    name = error.filename
    shown = os.fsdecode(name) if isinstance(name, str | bytes) else "file"
    return f"{shown}: {error.strerror}"
