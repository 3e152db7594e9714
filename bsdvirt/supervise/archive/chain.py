"""The programs that a stream passes through: zstd(1), and age(1) or openssl(1)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator

from bsdvirt.supervise.files import ROOT, Failed, Json, here

CHUNK = 1 << 20
PRINTED = 4096
AGE = "/usr/local/bin/age"
OPENSSL = "/usr/bin/openssl"
ZSTD = "/usr/bin/zstd"
SUFFIXES = {"none": "", "age": ".age", "openssl": ".enc"}
"""What the names of members end with that are encrypted so, besides the streams."""
CIPHER = ("enc", "-aes-256-cbc", "-pbkdf2", "-iter", "600000", "-md", "sha256")
Argv = list[str]


def control(value: Json) -> bytes:
    """Return the content of a member that describes others."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def packers(job: Json) -> list[Argv]:
    """Return what a stream is packed by, in order."""
    return [*_compressor(job["compress"]), *sealers(job)]


def sealers(job: Json) -> list[Argv]:
    """Return what encrypts; none for an archive that is not encrypted."""
    tool, to = job["encrypt"], job["to"]
    if tool == "age":
        return [[AGE, "-R", here(to)] if to.startswith("/") else [AGE, "-r", to]]
    if tool == "openssl":
        return [[OPENSSL, *CIPHER, "-salt", "-pass", f"file:{here(to)}"]]
    return []


def unpackers(compress: str, encrypt: str, key: str) -> list[Argv]:
    """Return what a stream is unpacked by, in order."""
    return [*openers(encrypt, key), *([] if compress == "none" else [[ZSTD, "-dcq"]])]


def openers(encrypt: str, key: str) -> list[Argv]:
    """Return what decrypts. `key` is the file of the identity or of the passphrase."""
    if encrypt != "none" and not key:
        raise Failed(f"it is encrypted with {encrypt}: its key is needed")
    if encrypt == "age":
        return [[AGE, "-d", "-i", key]]
    if encrypt == "openssl":
        return [[OPENSSL, *CIPHER, "-d", "-pass", f"file:{key}"]]
    return []


def _compressor(word: str) -> list[Argv]:
    name, _, level = word.partition(":")
    return [] if name == "none" else [[ZSTD, "-cq", "-T0", f"-{level or 3}"]]


def through(commands: list[Argv], source: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what the last of the commands prints, given `source`; `source` itself without any.

    Raises Failed if one of them fails, and what `source` raises.
    """
    if not commands:
        yield from source
        return
    children: list[subprocess.Popen[bytes]] = []
    errors: list[BaseException] = []
    try:
        for argv in commands:
            above = children[-1].stdout if children else subprocess.PIPE
            children.append(
                subprocess.Popen(
                    _found(argv), stdin=above, stdout=subprocess.PIPE, stderr=subprocess.PIPE
                )
            )
            if len(children) > 1 and children[-2].stdout is not None:
                children[-2].stdout.close()
        pump = threading.Thread(target=_pump, args=(source, children[0], errors), daemon=True)
        pump.start()
        last = children[-1].stdout
        assert last is not None
        while piece := os.read(last.fileno(), CHUNK):
            yield piece
        pump.join()
        if errors:
            raise errors[0]
        for child in children:
            _check(child)
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
            child.wait()


def _pump(
    source: Iterator[bytes], child: subprocess.Popen[bytes], errors: list[BaseException]
) -> None:
    """Write everything to a child. One that ends early is found by its exit status."""
    assert child.stdin is not None
    write: Callable[[bytes], object] = child.stdin.write
    try:
        for piece in source:
            write(piece)
        child.stdin.close()
    except BrokenPipeError:
        pass
    except BaseException as error:
        errors.append(error)
        # The child must not take what it has for the whole.
        child.kill()


def _check(child: subprocess.Popen[bytes]) -> None:
    assert child.stderr is not None
    printed = child.stderr.read(PRINTED).decode("utf-8", "replace").strip().splitlines()
    if child.wait() != 0:
        name = str(child.args[0]).rpartition("/")[2]  # type: ignore[index]
        raise Failed(f"{name}: {printed[-1] if printed else f'exit status {child.returncode}'}")


def _found(argv: Argv) -> Argv:
    """Return the command with the path of its program; on a simulated host, of this machine's."""
    path = (shutil.which(argv[0].rpartition("/")[2]) if ROOT else argv[0]) or argv[0]
    if not os.path.exists(path):
        raise Failed(f"{argv[0]} is not installed")
    return [path, *argv[1:]]
