"""Read an archive. Nothing in it is believed: its structure is checked as a whole before anything
is unpacked, and the last part of a stream is passed on only if its checksum is right."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator

from bsdvirt.supervise.archive import begin, chain, tar
from bsdvirt.supervise.files import Failed, Json, here

FORMAT = 1
MOST_STREAMS = 1024
LEAST_MEMBER = 1 << 16
HELD_BACK = 1 << 20
"""Bytes at the end of a stream that are passed on only if the checksum is right: without them,
zfs receive discards what it has."""
_ID = re.compile(r"[0-9]{1,4}-[A-Za-z0-9_.-]{1,40}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KINDS = ("filesystem", "volume", "file")
_FORMS = ("zfs", "tar", "raw", "file")


class Archive:
    """An archive whose structure has been checked."""

    def __init__(self, path: str, key: str) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = os.open(path, flags)
        self._key = key
        self._reader = tar.Reader(self._descriptor)
        self._members: dict[str, list[tuple[int, int]]] = {}
        self.checksums: Json = {}
        self.encrypt = self._encryption()
        self.manifest = self._manifest()
        for entry in self.manifest["streams"]:
            self._stream(entry["id"])
        self._expect("end.json")
        if self._reader.next():
            raise Failed(f"there is something after its end: {self._reader.name}")

    def _encryption(self) -> str:
        if not self._reader.next():
            raise Failed("it is empty")
        for tool, suffix in chain.SUFFIXES.items():
            if self._reader.name == f"manifest.json{suffix}":
                return tool
        raise Failed("it is not an archive of bsdvirt: it does not begin with a manifest")

    def _manifest(self) -> Json:
        manifest = self._control()
        found = manifest.get("format")
        if not isinstance(found, int):
            raise Failed("its manifest has no format")
        if found != FORMAT:
            raise Failed(f"its format is {found}, and only {FORMAT} is known here: upgrade bsdvirt")
        streams = manifest.get("streams")
        if not isinstance(streams, list) or not 0 < len(streams) <= MOST_STREAMS:
            raise Failed(f"its manifest does not list 1 to {MOST_STREAMS} streams")
        size = manifest.get("member")
        if not isinstance(size, int) or not LEAST_MEMBER <= size <= tar.MOST_MEMBER:
            raise Failed("its manifest has no valid size of members")
        if manifest.get("compress") not in ("none", "zstd"):
            raise Failed("it is compressed in a way that this bsdvirt does not know")
        seen: set[str] = set()
        for entry in streams:
            _check_entry(entry)
            if entry["id"] in seen:
                raise Failed(f"its manifest has {entry['id']} twice")
            seen.add(entry["id"])
        return manifest

    def _stream(self, name: str) -> None:
        """Note where the members of a stream are. All but the last are full: a stream of many
        small members is not bsdvirt's."""
        full, short = self.manifest["member"], False
        places: list[tuple[int, int]] = []
        checksum = f"checksums/{name}.json" + chain.SUFFIXES[self.encrypt]
        while True:
            self._need(checksum if places else f"streams/{name}/")
            if self._reader.name == checksum and places:
                break
            if self._reader.name != f"streams/{name}/{len(places):08d}" or short:
                raise Failed(f"{self._reader.name} is not where it belongs")
            short = self._reader.size != full
            if not 0 < self._reader.size <= full:
                raise Failed(f"{self._reader.name} has a wrong size")
            places.append((self._reader.start, self._reader.size))
        record = self._control()
        length, digest = record.get("length"), record.get("sha256")
        if not isinstance(length, int) or not 0 < length < 1 << 63:
            raise Failed(f"the length of {name} is not valid")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise Failed(f"the checksum of {name} is not valid")
        self._members[name] = places
        guid = record.get("guid")
        if not isinstance(guid, int) or not 0 <= guid < 1 << 64:
            raise Failed(f"the guid of {name} is not valid")
        self.checksums[name] = {"length": length, "sha256": digest, "guid": guid}

    def _expect(self, name: str) -> None:
        self._need(name)
        if self._reader.name != name + chain.SUFFIXES[self.encrypt]:
            raise Failed(f"{self._reader.name} is not where it belongs")
        digest = hashlib.sha256(chain.control(self.manifest)).hexdigest()
        wanted = {"streams": [one["id"] for one in self.manifest["streams"]], "manifest": digest}
        if self._control() != wanted:
            raise Failed("its manifest is damaged")

    def _need(self, what: str) -> None:
        if not self._reader.next():
            raise Failed(f"it ends before {what}")

    def _control(self) -> Json:
        content = iter([self._reader.content()])
        data = bytearray()
        for piece in chain.through(chain.openers(self.encrypt, self._key), content):
            data += piece
            if len(data) > tar.MOST_CONTROL:
                raise Failed(f"{self._reader.name} is too large")
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or chain.control(value) != data:
            raise Failed(f"{self._reader.name} is damaged")
        return value

    def write(self, name: str, out: int) -> None:
        """Write a stream. Raises Failed for one that is not what the manifest says."""
        entry = next((one for one in self.manifest["streams"] if one["id"] == name), None)
        if entry is None:
            raise Failed(f"it has no stream {name}")
        record, digest, length = self.checksums[name], hashlib.sha256(), 0
        commands = chain.unpackers(self.manifest["compress"], self.encrypt, self._key)
        held = bytearray()
        checked = entry["form"] != "zfs"
        for piece in chain.through(commands, self._content(name)):
            digest.update(piece)
            length += len(piece)
            if length > record["length"]:
                raise Failed(f"stream {name} is longer than it says")
            held += piece
            if not checked and len(held) >= begin.SIZE:
                self._check_begin(held, entry)
                checked = True
            if checked and len(held) > 2 * HELD_BACK:
                _write(out, held[:-HELD_BACK])
                del held[:-HELD_BACK]
        if length != record["length"] or digest.hexdigest() != record["sha256"]:
            raise Failed(f"stream {name} is damaged: its checksum is wrong")
        if not checked:
            self._check_begin(held, entry)
        _write(out, held)

    def _check_begin(self, held: bytearray, entry: Json) -> None:
        raw, kind = entry.get("raw") is True, entry["kind"]
        guid = begin.guid_of(bytes(held[: begin.SIZE]), kind, raw=raw)
        if guid != self.checksums[entry["id"]]["guid"]:
            raise Failed(f"stream {entry['id']} is of another dataset")

    def _content(self, name: str) -> Iterator[bytes]:
        for start, size in self._members[name]:
            at, left = start, size
            while left:
                piece = os.pread(self._descriptor, min(left, chain.CHUNK), at)
                if not piece:
                    raise Failed("it is truncated")
                yield piece
                at, left = at + len(piece), left - len(piece)


def _check_entry(entry: object) -> None:
    if not isinstance(entry, dict):
        raise Failed("its manifest cannot be read")
    name = entry.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise Failed("its manifest has a stream with an invalid name")
    if entry.get("kind") not in _KINDS or entry.get("form") not in _FORMS:
        raise Failed(f"its manifest has an unknown kind of stream, {name}")


def _write(out: int, data: bytes | bytearray) -> None:
    left = memoryview(bytes(data))
    while left:
        left = left[os.write(out, left) :]


def extract(archive: Archive, name: str, path: str) -> None:
    """Write a stream to a new file, which only root may read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(here(path), flags, 0o600)
    try:
        archive.write(name, descriptor)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check(archive: Archive) -> None:
    """Unpack every stream, to nowhere. Raises Failed for one that is damaged."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for entry in archive.manifest["streams"]:
            archive.write(entry["id"], nowhere)
    finally:
        os.close(nowhere)


def main(mode: str, words: list[str]) -> int:
    """Show an archive, check it, print one of its streams, or write it to a file."""
    path, *rest = words
    number = {"show": 0, "check": 0, "stream": 1, "extract": 2}[mode]
    given, key = rest[:number], here("".join(rest[number:]))
    try:
        archive = Archive(here(path), key)
        if mode == "stream":
            archive.write(given[0], 1)
        elif mode == "extract":
            extract(archive, given[0], given[1])
        elif mode == "check":
            check(archive)
        else:
            shown = {
                "encrypt": archive.encrypt,
                "manifest": archive.manifest,
                "checksums": archive.checksums,
            }
            json.dump(shown, sys.stdout)
    except BrokenPipeError:
        # Whoever reads it has failed, and says why.
        return 1
    except Failed as error:
        raise Failed(f"{path}: {error}") from error
    return 0
