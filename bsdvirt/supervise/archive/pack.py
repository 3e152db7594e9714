"""Write an archive. Each call appends, and leaves a file that the next one continues."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator

from bsdvirt.supervise.archive import begin as begin_record
from bsdvirt.supervise.archive import chain, tar
from bsdvirt.supervise.files import Failed, Json, here

MEMBER = 16 << 20
"""Bytes of each member of a stream but the last."""
MOST_CONFIG = 1 << 20
PARTIAL = ".part"
"""What the name of an archive ends with until it is complete."""


def job_of(path: str) -> Json:
    """Return what is to be written."""
    with open(path, "rb") as stream:
        job: Json = json.load(stream)
    return job


def begin(job: Json, config: str) -> None:
    """Create the archive, with its manifest. `config` is the guest's file."""
    part = here(job["part"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    if _is_pipe(part):
        flags = os.O_WRONLY | os.O_NOFOLLOW
    try:
        descriptor = os.open(part, flags, 0o600)
    except FileExistsError:
        raise Failed(f"{job['part']} exists: another command writes it, or was cut short") from None
    try:
        _Out(descriptor, job).control("manifest.json", _manifest(job, config))
    finally:
        os.close(descriptor)


def add(job: Json, name: str, path: str = "") -> None:
    """Append standard input, or a file, as a stream."""
    entry = next(one for one in job["manifest"]["streams"] if one["id"] == name)
    source = 0
    if path:
        source = os.open(here(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    digest, head, length = hashlib.sha256(), bytearray(), 0

    def read() -> Iterator[bytes]:
        nonlocal length
        while piece := os.read(source, chain.CHUNK):
            digest.update(piece)
            head.extend(piece[: max(0, begin_record.SIZE - len(head))])
            length += len(piece)
            yield piece

    with _appending(job) as out:
        for number, member in enumerate(_members(chain.through(chain.packers(job), read()))):
            out.member(f"streams/{name}/{number:08d}", member)
        if not length:
            raise Failed(f"stream {name} is empty")
        record = {"length": length, "sha256": digest.hexdigest(), "guid": 0}
        if entry["form"] == "zfs":
            record["guid"] = begin_record.guid_of(bytes(head), entry["kind"], raw=entry["raw"])
        out.control(f"checksums/{name}.json", record)


def end(job: Json, config: str) -> None:
    """Append the end of the archive, and sync it to disk."""
    with _appending(job) as out:
        streams = [one["id"] for one in job["manifest"]["streams"]]
        digest = hashlib.sha256(chain.control(_manifest(job, config))).hexdigest()
        out.control("end.json", {"streams": streams, "manifest": digest})
        out.write(tar.END)
        with contextlib.suppress(OSError):
            # A pipe cannot be synced.
            os.fsync(out.descriptor)


def publish(job: Json) -> None:
    """Give the complete archive its name."""
    part, path = here(job["part"]), here(job["file"])
    if job["force"]:
        os.rename(part, path)
    else:
        try:
            os.link(part, path, follow_symlinks=False)
        except FileExistsError:
            raise Failed(f"{job['file']} exists") from None
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK):
                raise
            # A file system without hard links.
            if os.path.lexists(path):
                raise Failed(f"{job['file']} exists") from None
            os.rename(part, path)
        else:
            os.unlink(part)
    directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def discard(path: str) -> None:
    """Remove an archive that was not completed. The path may come from a journal: nothing else is
    removed."""
    real = here(path)
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        status, head = os.fstat(descriptor), os.read(descriptor, tar.BLOCK)
    finally:
        os.close(descriptor)
    begun = not head or head.startswith(b"manifest.json")
    if not (path.endswith(PARTIAL) and stat.S_ISREG(status.st_mode) and begun):
        raise Failed(f"{path} is not an archive that was cut short")
    os.unlink(real)


def _manifest(job: Json, config: str) -> Json:
    """Return the manifest: the same each time, as the guest's file comes from a snapshot."""
    return {**job["manifest"], "config": _config(here(config)), "member": MEMBER}


def _config(path: str) -> str:
    """Return a guest's file, from a snapshot."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Failed(f"{path} is not a regular file")
        data = stream.read(MOST_CONFIG + 1)
    if len(data) > MOST_CONFIG:
        raise Failed(f"{path} is larger than {MOST_CONFIG} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Failed(f"{path} is not UTF-8 text") from None


def _is_pipe(path: str) -> bool:
    """Whether the archive goes to standard output, through a pipe of bsdvirt's."""
    try:
        return stat.S_ISFIFO(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


class _Out:
    """The archive, open at its end."""

    def __init__(self, descriptor: int, job: Json) -> None:
        self.descriptor = descriptor
        self._job = job

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self.descriptor, left) :]

    def member(self, name: str, data: bytes) -> None:
        """Append a member."""
        self.write(tar.header(name, len(data)))
        self.write(data)
        self.write(tar.padding(len(data)))

    def control(self, name: str, value: Json) -> None:
        """Append a member that describes others."""
        sealed = chain.through(chain.sealers(self._job), iter([chain.control(value)]))
        self.member(name + chain.SUFFIXES[self._job["encrypt"]], b"".join(sealed))


@contextlib.contextmanager
def _appending(job: Json) -> Iterator[_Out]:
    """Open the archive at its end: the file that `begin` has created, and no other."""
    descriptor = os.open(here(job["part"]), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        ours = status.st_uid == os.geteuid() and status.st_nlink == 1
        if not ours or not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
            raise Failed(f"{job['part']} was replaced by another user")
        yield _Out(descriptor, job)
    finally:
        os.close(descriptor)


def _members(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of members: all full, but the last."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= MEMBER:
            yield bytes(held[:MEMBER])
            del held[:MEMBER]
    if held:
        yield bytes(held)


def main(mode: str, words: list[str]) -> int:
    """Do one part of the writing."""
    if mode == "discard":
        discard(words[0])
        return 0
    job = job_of(here(words[0]))
    try:
        match mode:
            case "begin":
                begin(job, words[1])
            case "add":
                add(job, *words[1:])
            case "end":
                end(job, words[1])
            case _:
                publish(job)
    except OSError as error:
        print(f"{error.filename or job['part']}: {error.strerror}", file=sys.stderr)
        return 1
    return 0
