"""gzip(1), xz(1), bzip2(1), zstd(1) and qemu-img(1), which unpack images.

Their messages about truncated files are those of 13.2.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from bsdvirt_sim.context import Run
from bsdvirt_sim.zfs import volumes

CHUNK = 1 << 20
_ZERO = bytes(CHUNK)
_SHORT = {
    "gzip": ("gzip: {0}: unexpected end of file\ngzip: {0}: uncompress failed", 1),
    "xz": ("xz: {0}: Unexpected end of input", 1),
    "bzip2": (
        "\nbzip2: Compressed file ends unexpectedly;\n"
        "\tperhaps it is corrupted?  *Possible* reason follows.\nbzip2: No error: 0\n"
        "\tInput file = {0}, output file = (stdout)",
        2,
    ),
}
_OPEN: dict[str, Callable[[Path], Any]] = {
    "gzip": gzip.GzipFile,
    "xz": lzma.LZMAFile,
    "bzip2": bz2.BZ2File,
}
QEMU = "qemu-img"


def xz(run: Run, words: list[str]) -> int:
    """Run xz(1)."""
    match words:
        case ["--robot", "-l", file]:
            run.reads()
            return _list(run, file)
    return _unpack(run, "xz", words)


def gzip_(run: Run, words: list[str]) -> int:
    """Run gzip(1)."""
    return _unpack(run, "gzip", words)


def bzip2(run: Run, words: list[str]) -> int:
    """Run bzip2(1)."""
    return _unpack(run, "bzip2", words)


def zstd(run: Run, words: list[str]) -> int:
    """Run zstd(1), where this machine has it."""
    run.changes()
    tool = shutil.which("zstd")
    if len(words) != 2 or words[0] != "-dc" or not run.piped or tool is None:
        raise run.unknown("there is no zstd here" if tool is None else "")
    path = run.path(words[1])
    done = subprocess.run(
        [tool, "-dc", str(path)], stdout=run.passes(), stderr=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise run.fail(f"{words[1]} : Read error (39) : premature end ")
    return 0


def _unpack(run: Run, tool: str, words: list[str]) -> int:
    """Run `-dc FILE` into a pipe: even of a truncated file, what can be unpacked is passed on."""
    run.changes()
    options = {"xz": [["-dc"], ["-dc", "-M", "1GiB"]]}.get(tool, [["-dc"]])
    if words[:-1] not in options or not run.piped:
        raise run.unknown()
    try:
        _decompress(_need(run, tool, words[-1]), tool, run.passes())
    except EOFError:
        text, status = _SHORT[tool]
        raise run.fail(text.format(words[-1]), status) from None
    except (OSError, lzma.LZMAError) as error:
        raise run.unknown(f"what {tool} says of damage was never shown: {error}") from None
    return 0


def _need(run: Run, tool: str, file: str) -> Path:
    path = run.path(file)
    if not path.is_file():
        raise run.unknown(f"what {tool} says of a file that does not exist was never shown")
    return path


def _decompress(path: Path, tool: str, output: IO[bytes]) -> None:
    size = 0
    with _OPEN[tool](path) as reader:
        try:
            while chunk := reader.read(CHUNK):
                if chunk != _ZERO[: len(chunk)]:
                    output.seek(size)
                    output.write(chunk)
                size += len(chunk)
        finally:
            output.truncate(size)


def _list(run: Run, file: str) -> int:
    path = _need(run, "xz", file)
    with tempfile.TemporaryFile(dir=run.directory) as output:
        try:
            _decompress(path, "xz", output)
        except (EOFError, lzma.LZMAError):
            run.print("totals\t0\t0\t0\t0\t---\tNone\t0\t0")
            raise run.fail(f"xz: {file}: Compressed data is corrupt") from None
        size = output.seek(0, 2)
    packed = path.stat().st_size
    numbers = f"1\t1\t{packed}\t{size}\t{packed / size if size else 0:.3f}\tCRC64\t0"
    run.print(f"name\t{file}")
    run.print(f"file\t{numbers}")
    run.print(f"totals\t{numbers}\t1")
    return 0


# ---- qemu-img: installed where its file exists, and run where this machine has it ----


def qemu_img(run: Run, words: list[str]) -> int:
    """Run qemu-img, of the package qemu-tools."""
    tool = shutil.which(QEMU)
    if tool is None:
        raise run.unknown("there is no qemu-img here")
    match words:
        case ["info", "--output=json", "-f", format, file]:
            run.reads()
            done = _run_tool(tool, "info", "--output=json", "-f", format, run.path(file))
            run.out.append(done.stdout.replace(str(run.path("/")).rstrip("/"), ""))
        case [
            "convert", "-p", "-n", "--target-is-zero", "-f", format, "-O", "raw", file, target
        ] if target.startswith(f"{volumes.DEVICES}/"):  # fmt: skip
            run.changes()
            done = _convert(run, tool, ("-f", format), str(run.path(file)), target)
        case [
            "convert", "-p", "-n", "--target-is-zero", "--image-opts", "-O", "raw", options, target
        ] if target.startswith(f"{volumes.DEVICES}/"):  # fmt: skip
            run.changes()
            named, mark, file = options.partition(",file.file.filename=")
            source = f"{named}{mark}{run.path(file.replace(',,', ','))}"
            done = _convert(run, tool, ("--image-opts",), source, target)
        case _:
            raise run.unknown()
    if done.returncode:
        prefix = str(run.path("/")).rstrip("/")
        run.err.append(done.stderr.replace(prefix, ""))
    return done.returncode


def _convert(
    run: Run, tool: str, options: tuple[str, ...], source: str, target: str
) -> subprocess.CompletedProcess[str]:
    name = target.removeprefix(f"{volumes.DEVICES}/")
    dataset = run.state.datasets.get(name)
    if dataset is None:
        raise run.unknown("what qemu-img says of a device that does not exist was never shown")
    path = volumes.place(run, name)
    with path.open("r+b") as stream:
        stream.truncate(int(dataset.props["volsize"]))
    words = ("convert", "-p", "-n", "--target-is-zero", *options, "-O", "raw")
    done = _run_tool(tool, *words, source, path)
    run.out.append(done.stdout)
    dataset.refer += path.stat().st_blocks * 512
    return done


def _run_tool(tool: str, *words: Any) -> subprocess.CompletedProcess[str]:
    argv = [tool, *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)
