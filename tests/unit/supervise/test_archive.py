"""Archives of guests: what was packed comes out, and nothing else does."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bsdvirt.host import tools
from bsdvirt.supervise.archive import begin, chain, pack, tar, unpack
from bsdvirt.supervise.files import Failed

CONFIG = "kind: jail\nvnc: {password: secret12}\n"
KINDS = {"0-root": "filesystem", "1-disk0": "volume"}


def begin_record(kind: str, guid: int = 7, *, package: bool = False, since: int = 0,
                 payload: int = 0, order: str = "<") -> bytes:  # fmt: skip
    """The first record of zfs send, by sys/zfs_ioctl.h."""
    objset = {"filesystem": 2, "volume": 3}[kind]
    head = struct.pack(
        order + "IIQQQIIQQ", 0, payload, 0x2F5BACBAC, 2 if package else 1, 0, objset, 0, guid, since
    )
    return head.ljust(312, b"\0")


DATA = {
    "0-root": begin_record("filesystem") + os.urandom(9 << 18),
    "1-disk0": begin_record("volume", 2**64 - 1, order=">") + bytes(9 << 18) + b"end",
    "2-vars": b"variables",
}


class Packer:
    """Packs streams in a directory, as the steps of an export do."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, **job: Any) -> None:
        self.file = directory / "web.bsdvirt"
        self.directory = directory
        self.monkeypatch = monkeypatch
        (directory / "guest.yaml").write_text(CONFIG)
        streams = [
            {"id": one, "kind": KINDS.get(one, "file"), "form": "zfs" if one in KINDS else "file",
             "raw": False}
            for one in DATA
        ]  # fmt: skip
        manifest = {"format": 1, "compress": "none", "streams": streams}
        manifest |= job.pop("manifest", {})
        self.job: dict[str, Any] = {
            "file": str(self.file), "part": f"{self.file}.part", "force": False,
            "compress": "none", "encrypt": "none", "to": "",
            "manifest": manifest, **job,
        }  # fmt: skip

    def add(self, name: str, data: bytes) -> None:
        source = self.directory / "source"
        source.write_bytes(data)
        pack.add(self.job, name, str(source))

    def all(self, data: dict[str, bytes] = DATA) -> Path:
        config = str(self.directory / "guest.yaml")
        pack.begin(self.job, config)
        for name, content in data.items():
            self.add(name, content)
        pack.end(self.job, config)
        pack.publish(self.job)
        return self.file


@pytest.fixture
def packer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Packer]:
    monkeypatch.setattr(pack, "MEMBER", 1 << 20)
    return lambda **job: Packer(tmp_path, monkeypatch, **job)


def content(path: Path, name: str, key: str = "") -> bytes:
    """What comes out of a stream, until it fails."""
    out = path.with_name("out")
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        unpack.Archive(str(path), key).write(name, descriptor)
    finally:
        os.close(descriptor)
    return out.read_bytes()


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for one in archive:
            stream = archive.extractfile(one)
            assert stream is not None
            yield one.name, stream.read()


def rebuilt(path: Path, change: Callable[[list[tuple[str, bytes]]], None]) -> Path:
    """The archive with other members, the checksum of the manifest made right again."""
    every = list(members(path))
    change(every)
    manifest = dict(every).get("manifest.json", b"{}")
    import hashlib

    with path.open("wb") as out:
        for name, data in every:
            if name == "end.json":
                end = json.loads(data) | {"manifest": hashlib.sha256(manifest).hexdigest()}
                data = chain.control(end)  # noqa: PLW2901
            out.write(tar.header(name, len(data)) + data + tar.padding(len(data)))
        out.write(tar.END)
    return path


def test_what_was_packed_comes_out(packer: Callable[..., Packer]) -> None:
    path = packer().all()
    assert path.stat().st_mode & 0o777 == 0o600
    shown = unpack.Archive(str(path), "")
    assert shown.manifest["config"] == CONFIG
    assert [shown.checksums[name]["length"] for name in DATA] == [len(DATA[n]) for n in DATA]
    assert {name: content(path, name) for name in DATA} == DATA
    assert not list(path.parent.glob("*.part"))


@pytest.mark.parametrize("encrypt", ["none", "openssl"])
def test_compressed_and_encrypted(packer: Callable[..., Packer], encrypt: str) -> None:
    one = packer(compress="zstd:1", encrypt=encrypt, manifest={"compress": "zstd"})
    one.job["to"] = key = str(one.directory / "passphrase") if encrypt != "none" else ""
    # A passphrase takes long to try, which is not what is tested.
    one.monkeypatch.setattr(chain, "CIPHER", ("enc", "-aes-256-cbc", "-pbkdf2", "-iter", "9"))
    for tool in ("zstd", "openssl"):
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=False)
        one.monkeypatch.setattr(chain, tool.upper(), found.stdout.strip() or f"/usr/bin/{tool}")
    (one.directory / "passphrase").write_text("open sesame\n")
    path = one.all()
    assert path.stat().st_size < len(DATA["0-root"]) + len(DATA["1-disk0"])
    assert (CONFIG.encode()[:10] in path.read_bytes()) == (encrypt == "none")
    assert {name: content(path, name, key) for name in DATA} == DATA
    if encrypt != "none":
        with pytest.raises(Failed, match="its key is needed"):
            unpack.Archive(str(path), "")
        (one.directory / "passphrase").write_text("open barley\n")
        with pytest.raises(Failed):
            unpack.Archive(str(path), key)


def test_tar_reads_it(packer: Callable[..., Packer]) -> None:
    """By hand: tar -xOf FILE 'streams/0-root/*' is the stream."""
    path = packer().all()
    found = b"".join(data for name, data in members(path) if name.startswith("streams/0-root/"))
    assert found == DATA["0-root"]
    assert [name for name, _ in members(path)][-1] == "end.json"


def test_truncated_anywhere(packer: Callable[..., Packer]) -> None:
    path = packer().all({"0-root": DATA["0-root"][:50_000], "1-disk0": DATA["1-disk0"][:9000],
                         "2-vars": b"v"})  # fmt: skip
    whole = path.read_bytes()
    for size in range(0, len(whole), 1024):
        path.write_bytes(whole[:size])
        with pytest.raises(Failed):
            unpack.Archive(str(path), "")


def test_no_byte_can_be_changed(packer: Callable[..., Packer]) -> None:
    """Whatever was changed, no stream that differs comes out whole."""
    small = {"0-root": DATA["0-root"][:3000], "1-disk0": DATA["1-disk0"][:700], "2-vars": b"v"}
    path = packer().all(small)
    whole = path.read_bytes()
    for at in range(0, len(whole), 29):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(Failed):
            for name in small:
                content(path, name)


def test_the_end_of_a_damaged_stream_is_held_back(packer: Callable[..., Packer]) -> None:
    path = packer().all()
    whole = bytearray(path.read_bytes())
    whole[2 << 20] ^= 1
    path.write_bytes(whole)
    with pytest.raises(Failed, match="its checksum is wrong"):
        content(path, "0-root")
    got = path.with_name("out").read_bytes()
    assert len(got) <= len(DATA["0-root"]) - unpack.HELD_BACK


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (b"no stream at all", "not a stream of zfs"),
        (begin_record("volume") + b"x", "not the stream of a filesystem"),
        (begin_record("filesystem", package=True) + b"x", "one snapshot in full"),
        (begin_record("filesystem", since=5) + b"x", "one snapshot in full"),
        (begin_record("filesystem", payload=8) + b"x", "one snapshot in full"),
    ],
)
def test_other_streams_are_refused(
    packer: Callable[..., Packer], stream: bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = packer()
    real = begin.guid_of
    monkeypatch.setattr(begin, "guid_of", lambda *_, **__: 7)
    path = one.all({**DATA, "0-root": stream})
    monkeypatch.setattr(begin, "guid_of", real)
    with pytest.raises(Failed, match=why):
        content(path, "0-root")
    assert path.with_name("out").read_bytes() == b""
    with pytest.raises(Failed, match=why):
        begin.guid_of(stream, "filesystem", raw=False)


def swapped(every: list[tuple[str, bytes]]) -> None:
    names = [name for name, _ in every]
    one, two = names.index("streams/0-root/00000000"), names.index("streams/0-root/00000001")
    every[one], every[two] = (names[one], every[two][1]), (names[two], every[one][1])


def renamed(new: str) -> Callable[[list[tuple[str, bytes]]], None]:
    def change(every: list[tuple[str, bytes]]) -> None:
        every[1] = (new, every[1][1])

    return change


def manifest(**values: Any) -> Callable[[list[tuple[str, bytes]]], None]:
    def change(every: list[tuple[str, bytes]]) -> None:
        every[0] = (every[0][0], chain.control(json.loads(every[0][1]) | values))

    return change


def small_members(every: list[tuple[str, bytes]]) -> None:
    every[1:2] = [(f"streams/0-root/{number:08d}", b"x") for number in range(1000)]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (renamed("../../etc/passwd"), "not where it belongs"),
        (renamed("/etc/passwd"), "not where it belongs"),
        (renamed("streams/1-disk0/00000000"), "not where it belongs"),
        (lambda every: every.insert(1, every[1]), "not where it belongs"),
        (lambda every: every.insert(0, every[0]), "not where it belongs"),
        (lambda every: every.append(("more", b"x")), "something after its end"),
        (lambda every: every.pop(), "it ends before end.json"),
        (lambda every: every.pop(0), "does not begin with a manifest"),
        (lambda every: every.clear(), "it is empty"),
        (small_members, "not where it belongs"),
        (manifest(format=2), "its format is 2, and only 1 is known here: upgrade bsdvirt"),
        (manifest(format="1"), "no format"),
        (manifest(streams=[]), "does not list"),
        (manifest(streams=[{"id": "0-a"}] * 2000), "does not list"),
        (manifest(streams=["0-root"]), "cannot be read"),
        (manifest(streams=[{"id": "../x", "kind": "volume", "form": "zfs"}]), "invalid name"),
        (manifest(member=1), "size of members"),
        (manifest(member=1 << 40), "size of members"),
        (manifest(compress="xz"), "does not know"),
    ],
)  # fmt: skip
def test_hostile_archives(
    packer: Callable[..., Packer], change: Callable[[Any], None], why: str
) -> None:
    path = rebuilt(packer().all(), change)
    with pytest.raises(Failed, match=why):
        unpack.Archive(str(path), "")


def test_swapped_members_have_a_wrong_checksum(packer: Callable[..., Packer]) -> None:
    path = rebuilt(packer().all(), swapped)
    with pytest.raises(Failed):
        content(path, "0-root")


def test_a_stream_is_never_longer_than_it_says(packer: Callable[..., Packer]) -> None:
    def shortened(every: list[tuple[str, bytes]]) -> None:
        for number, (name, data) in enumerate(every):
            if name == "checksums/0-root.json":
                every[number] = (name, chain.control(json.loads(data) | {"length": 1000}))

    path = rebuilt(packer().all(), shortened)
    with pytest.raises(Failed, match="longer than it says"):
        content(path, "0-root")
    assert path.with_name("out").stat().st_size <= 2 * unpack.HELD_BACK


@pytest.mark.parametrize("kind", [
    tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
])  # fmt: skip
def test_only_regular_files_are_in_it(packer: Callable[..., Packer], kind: bytes) -> None:
    path = packer().all()
    data = path.read_bytes()
    info = tarfile.TarInfo("streams/0-root/00000000")
    info.type, info.linkname = kind, "/etc/passwd"
    first = 512 + -(-len(next(members(path))[1]) // 512) * 512
    for header in (info.tobuf(tarfile.USTAR_FORMAT), info.tobuf(tarfile.GNU_FORMAT)):
        path.write_bytes(data[:first] + header + data[first + 512 :])
        with pytest.raises(Failed, match="not an archive of bsdvirt"):
            unpack.Archive(str(path), "")


def test_the_file_appears_whole_or_not_at_all(packer: Callable[..., Packer]) -> None:
    one = packer()
    one.file.write_text("mine")
    with pytest.raises(Failed, match="exists"):
        one.all()
    assert one.file.read_text() == "mine"
    part = Path(one.job["part"])
    assert part.exists()
    pack.discard(str(part))
    assert not part.exists()
    pack.discard(str(part))
    one.job["force"] = True
    assert content(one.all(), "2-vars") == DATA["2-vars"]


def test_discard_removes_no_other_file(tmp_path: Path) -> None:
    """The path may come from a journal that is not ours."""
    for name, text in (("passwd", "manifest.json"), ("a.part", "something else")):
        (tmp_path / name).write_text(text)
        with pytest.raises(Failed):
            pack.discard(str(tmp_path / name))
        assert (tmp_path / name).exists()
    (tmp_path / "link.part").symlink_to(tmp_path / "passwd")
    with pytest.raises(OSError):
        pack.discard(str(tmp_path / "link.part"))
    assert (tmp_path / "passwd").exists()


def test_the_program(packer: Callable[..., Packer]) -> None:
    """As bsdvirt runs it: one line on standard error says what is wrong, in a process that imports
    nothing else."""
    path = packer().all()
    shown = subprocess.run([*tools.ARCHIVE, "show", str(path)], capture_output=True, check=True)
    assert json.load(io.BytesIO(shown.stdout))["encrypt"] == "none"
    got = subprocess.run([*tools.ARCHIVE, "stream", str(path), "0-root"], capture_output=True,
                         check=True)  # fmt: skip
    assert got.stdout == DATA["0-root"]
    path.write_bytes(path.read_bytes()[:-512])
    wrong = subprocess.run([*tools.ARCHIVE, "show", str(path)], capture_output=True, check=False)
    assert (wrong.returncode, wrong.stderr.count(b"\n")) == (1, 1)
    assert b"web.bsdvirt: " in wrong.stderr
    assert sys.executable == tools.PYTHON
