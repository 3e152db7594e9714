"""Runs the commands of the captures on a simulated host.

replay.yaml says, for each file, which commands are not run and why, what is done in
their stead so that the state goes on as it did, and what is volatile in an output.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from captures import Entry

from bsdvirt.host.base import Result
from bsdvirt_sim import SimHost, UnknownCommand

HERE = Path(__file__).parent
TOOLS = {
    "chmod": "/bin/chmod",
    "cpuset": "/usr/bin/cpuset",
    "devfs": "/sbin/devfs",
    "freebsd-version": "/bin/freebsd-version",
    "ifconfig": "/sbin/ifconfig",
    "jail": "/usr/sbin/jail",
    "jls": "/usr/sbin/jls",
    "kldload": "/sbin/kldload",
    "kldstat": "/sbin/kldstat",
    "mount": "/sbin/mount",
    "netstat": "/usr/bin/netstat",
    "pfctl": "/sbin/pfctl",
    "ps": "/bin/ps",
    "rctl": "/usr/bin/rctl",
    "route": "/sbin/route",
    "swapinfo": "/usr/sbin/swapinfo",
    "sysctl": "/sbin/sysctl",
    "sysrc": "/usr/sbin/sysrc",
    "umount": "/sbin/umount",
    "uname": "/usr/bin/uname",
    "zfs": "/sbin/zfs",
    "zpool": "/sbin/zpool",
}


@dataclass
class Shell:
    """Just enough of a shell for the captured lines."""

    host: SimHost

    def line(self, text: str) -> Result:
        """Run a line: commands joined by ; and &&, with a grep at the end of a pipe."""
        text = text.replace('"$(printf %09000d 1)"', "0" * 8999 + "1")
        status, out, err = 0, "", ""
        for part, needed in _parts(text):
            if needed and status:
                continue
            status, stdout, stderr = self.one(part)
            out, err = out + stdout, err + stderr
        return Result((text,), status, out, err)

    def one(self, text: str) -> tuple[int, str, str]:
        text = text.removesuffix(" 2>/dev/null")
        command, _, pattern = text.partition(" | grep ")
        left, _, right = command.partition(" | zfs receive ")
        if right:
            result = self.host.pipe(_argv(left), ("/sbin/zfs", "receive", *shlex.split(right)))
            return result.status, result.stdout, result.stderr
        status, out, err = self.simple(command)
        if pattern:
            out = "".join(line for line in out.splitlines(True) if pattern in line)
            status = 0 if out else 1
        return status, out, err

    def simple(self, text: str) -> tuple[int, str, str]:
        words = shlex.split(text)
        match words:
            case ["cat", path]:
                if not self.host.fs.exists(path):
                    return 1, "", f"cat: {path}: No such file or directory\n"
                return 0, self.host.fs.read_text(path), ""
            case ["rm", "-f", path]:
                self.host.fs.unlink(path)
                return 0, "", ""
            case ["ls", path] if not self.host.fs.exists(path):
                return 1, "", f"ls: {path}: No such file or directory\n"
            case ["jexec", *rest]:
                out, err = io.StringIO(), io.StringIO()
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    status = self.host.attach(("/usr/sbin/jexec", *rest))
                return status, out.getvalue(), err.getvalue()
        result = either_way(self.host, _argv(text))
        return result.status, result.stdout, result.stderr


def either_way(host: SimHost, argv: tuple[str, ...]) -> Result:
    """Run a command of which we do not know whether it changes anything."""
    try:
        return host.run(argv, changes=False)
    except UnknownCommand as error:
        if "changes the host" not in str(error):
            raise
    return host.run(argv, changes=True)


def _argv(text: str) -> tuple[str, ...]:
    words = shlex.split(text)
    return (TOOLS[words[0]], *words[1:])


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    quoted = re.split(r"""("[^"]*"|'[^']*')""", text)
    # Operators within quotes are text.
    hidden = "".join(
        piece.replace(";", "\0").replace("&&", "\1") if i % 2 else piece
        for i, piece in enumerate(quoted)
    )
    needed = False
    for piece in re.split(r"(;|&&)", hidden):
        if piece in (";", "&&"):
            needed = piece == "&&"
        elif piece.strip():
            yield piece.strip().replace("\0", ";").replace("\1", "&&"), needed


class Rules:
    """replay.yaml: what is skipped, what is volatile. A rule that names a release is of its
    captures only."""

    def __init__(self, release: str) -> None:
        self.data: dict[str, Any] = yaml.safe_load((HERE / "replay.yaml").read_text())
        self.release = release

    def of(self, file: str) -> list[dict[str, Any]]:
        """The rules of what is not run of a file."""
        every: list[dict[str, Any]] = self.data["skip"].get(file, [])
        return [rule for rule in every if rule.get("only", self.release) == self.release]

    def skip(self, file: str, entry: Entry) -> dict[str, Any] | None:
        """Why the command is not run, and what is instead; None where it is run."""
        for rule in self.of(file):
            hit = rule.get("command") == entry.command or (
                "match" in rule and re.match(rule["match"], entry.command)
            )
            if hit and rule.get("number", entry.number) == entry.number:
                assert rule["why"]
                return dict(rule)
        return None

    def normal(self, entry: Entry, text: str) -> str:
        """The text with what is volatile replaced."""
        text = text.rstrip("\n") + "\n"
        for rule in self.data["volatile"]:
            if re.match(rule["commands"], entry.command):
                text = re.sub(rule["pattern"], rule["becomes"], text, flags=re.MULTILINE)
        return text
