"""Duplicate address detection, and the line of sh(1) that waits for it.

A new IPv6 address is tentative until the next command, or until a command has waited for it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator

from bsdvirt_sim.commands import run_nested
from bsdvirt_sim.context import Run, UnknownCommand
from bsdvirt_sim.net.wire import wire
from bsdvirt_sim.state import Host, Inet, Interface

TENTATIVE, DUPLICATED = "tentative", "duplicated"
LASTS = 1.0
"""Seconds: one solicitation (ip6_dad_count), and the wait for its answer."""
_LINE = re.compile(
    r"i=0; while s=\$\((?P<shows>[^()]*)\); do case \$s in (?P<taken>.*?;;) (?P<waiting>[^;]*)\) ;;"
    r" \*\) break;; esac; if \[ \$i -ge (?P<rounds>\d+) \]; then"
    r' echo "(?P<late>[^"]*)" >&2; break; fi; i=\$\(\(i\+1\)\); /bin/sleep (?P<pause>[\d.]+); done'
)
_TAKEN = re.compile(r'\*"([^"]*)"\*\) echo "([^"]*)" >&2; exit (\d+);;')


def settle(run: Run) -> None:
    """Complete the detection on all interfaces."""
    for face, entry in _tentative(run.state):
        others = [other for other in wire(run, face) if other is not face and other.up]
        taken = any(
            entry.address == had.address and not had.dad
            for other in others
            for had in other.addresses
        )
        entry.dad = DUPLICATED if taken else ""


def _tentative(state: Host) -> Iterator[tuple[Interface, Inet]]:
    loopbacks = [jail.lo0 for jail in state.jails.values() if jail.lo0 is not None]
    for face in [*state.interfaces.values(), *loopbacks]:
        for entry in face.addresses:
            if entry.dad == TENTATIVE:
                yield face, entry


def is_wait(line: str) -> bool:
    """Whether a line for sh(1) waits for addresses."""
    return _LINE.fullmatch(line) is not None


def wait(run: Run, line: str, show: Callable[[list[str]], str], say: Callable[[str], None]) -> int:
    """Run such a line. `show` runs a command and returns its output."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise UnknownCommand(["/bin/sh", "-c", line], "no line that waits for addresses")
    shows = [shlex.split(part) for part in match["shows"].split("; ")]
    taken = _TAKEN.findall(match["taken"])
    waiting = [part.strip('*"') for part in match["waiting"].split("|")]
    waited = 0.0
    for _ in range(int(match["rounds"]) + 1):
        seen = "".join(show(argv) for argv in shows)
        for words, message, status in taken:
            if words in seen:
                say(message)
                return int(status)
        if not any(words in seen for words in waiting):
            return 0
        run.sleep(float(match["pause"]))
        waited += float(match["pause"])
        if waited >= LASTS:
            settle(run)
    say(match["late"])
    return 0


def sh(run: Run, words: list[str]) -> int:
    """Run sh(1) on the host, with such a line."""
    run.changes()
    if len(words) != 2 or words[0] != "-c" or not is_wait(words[1]):
        raise run.unknown()

    def show(argv: list[str]) -> str:
        return "".join(run_nested(run, argv).out)

    return wait(run, words[1], show, run.warn)
