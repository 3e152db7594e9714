"""What bsdvirt adds to the raw commands of the base system, as ratios of one run.

On a real FreeBSD, as root, with a stopped jail that may be started:

    python3 bench/overhead.py NAME [ROUNDS]

Each round starts the jail by the shell that `bsdvirt start --dry-run` prints, and by
`bsdvirt start`, in turn; and lists guests by zfs(8) and jls(8), and by `bsdvirt ls`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

BSDVIRT = (sys.executable, "-m", "bsdvirt")


def run(*argv: str, stdin: str | None = None) -> str:
    """A command's standard output; raises where it fails."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{argv}: {done.stderr.strip()}")
    return done.stdout


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def starts(name: str) -> tuple[float, float]:
    """Seconds of a raw start, and of ours."""
    shell = run(*BSDVIRT, "start", name, "--dry-run")
    raw = seconds(lambda: run("/bin/sh", "-e", stdin=shell))
    run(*BSDVIRT, "stop", name)
    ours = seconds(lambda: run(*BSDVIRT, "start", name))
    run(*BSDVIRT, "stop", name)
    return raw, ours


def listings() -> tuple[float, float]:
    """Seconds of the two raw commands, and of ls."""

    def raw() -> None:
        run("/sbin/zfs", "list", "-Hp", "-o", "name,bsdvirt:guest")
        run("/usr/sbin/jls", "--libxo", "json", "-n", "jid", "name")

    return seconds(raw), seconds(lambda: run(*BSDVIRT, "ls", "--json"))


def report(what: str, pairs: list[tuple[float, float]]) -> None:
    ratios = [ours / raw for raw, ours in pairs]
    raw = statistics.median(pair[0] for pair in pairs)
    print(
        f"{what}: {statistics.median(ratios):.2f} times the raw commands"
        f" (least {min(ratios):.2f}, most {max(ratios):.2f}; raw median {raw:.2f} s)"
    )


def main() -> None:
    name = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    report("start", [starts(name) for _ in range(rounds)])
    report("ls", [listings() for _ in range(rounds)])


if __name__ == "__main__":
    main()
