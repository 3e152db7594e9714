"""The start of many jails at boot against a plain script, as ratios of one run.

On a real FreeBSD, set up with `bsdvirt init` and a release, as root:

    python3 bench/boot.py [JAILS [ROUNDS]]

makes that many jails (20) named bench00 …, and destroys them at the end. Each round starts
them by the shell that `bsdvirt start --dry-run` prints for each, one after the other, as a
plain script would; the same all at once in the background; and by `bsdvirt boot start`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

BSDVIRT = (sys.executable, "-m", "bsdvirt")


def run(*argv: str, stdin: str | None = None) -> str:
    """A command's standard output; raises where it fails."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{argv}: {done.stdout.strip()} {done.stderr.strip()}")
    return done.stdout


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def plain(scripts: Sequence[str]) -> str:
    """One after the other."""
    return "\n".join(f"(\n{script}\n) || exit 1" for script in scripts)


def at_once(scripts: Sequence[str]) -> str:
    """All in the background; it fails where one does."""
    begun = "\n".join(f'(\n{script}\n) & all="$all $!"' for script in scripts)
    return f'all=""\n{begun}\nfor one in $all; do wait $one || exit 1; done'


def one_round(names: Sequence[str]) -> tuple[float, float, float]:
    """Seconds of the plain script, of all at once, and of ours."""
    took = []
    for script in (plain, at_once):
        scripts = [f"set -e\n{run(*BSDVIRT, 'start', name, '--dry-run')}" for name in names]
        took.append(seconds(partial(run, "/bin/sh", stdin=script(scripts))))
        run(*BSDVIRT, "boot", "stop", "--budget", "600", *names)
    ours = seconds(lambda: run(*BSDVIRT, "boot", "start", *names))
    running = run("/usr/sbin/jls", "name").split()
    if not set(names) <= set(running):
        raise SystemExit(f"not all run: {sorted(set(names) - set(running))}")
    run(*BSDVIRT, "boot", "stop", "--budget", "600", *names)
    return took[0], took[1], ours


def report(what: str, ours: Sequence[float], others: Sequence[float]) -> None:
    ratios = [mine / other for mine, other in zip(ours, others, strict=True)]
    print(
        f"boot start: {statistics.median(ratios):.2f} times {what}"
        f" (least {min(ratios):.2f}, most {max(ratios):.2f};"
        f" median {statistics.median(others):.1f} s)"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    names = [f"bench{number:02}" for number in range(count)]
    run(*BSDVIRT, "create", "jail", *names)
    try:
        found = [one_round(names) for _ in range(rounds)]
    finally:
        run(*BSDVIRT, "destroy", "--yes", "--force", *names)
    sequence, together, ours = (list(column) for column in zip(*found, strict=True))
    report("a plain script, one jail after the other", ours, sequence)
    report("a plain script, all jails at once", ours, together)


if __name__ == "__main__":
    main()
