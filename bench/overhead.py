"""What bsdvirt adds to the raw commands of the base system, as ratios of one run.

On a real FreeBSD, as root, with a stopped jail that may be started:

    python3 bench/overhead.py NAME [ROUNDS]

Each round starts the jail by the shell that `bsdvirt start --dry-run` prints, and by
`bsdvirt start`, in turn; lists guests by zfs(8) and jls(8), and by `bsdvirt ls`; and runs a
command in the jail by jexec(8), and by `bsdvirt exec`.

Anywhere, without a jail:

    python3 bench/overhead.py [--against DIRECTORY]

Each round runs Python without any module, `bsdvirt --version`, and Python importing what `ls`,
`exec`, `start` and `create` import: of this source tree, and in turn of another one in DIRECTORY.
"""

from __future__ import annotations

import compileall
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

BSDVIRT = (sys.executable, "-m", "bsdvirt")
ROOT = Path(__file__).resolve().parents[1]
VERBS = ("ls", "exec", "start", "create")
ROUNDS = 15


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
    """Seconds of a raw start, and of ours; the jail runs on."""
    shell = run(*BSDVIRT, "start", name, "--dry-run")
    raw = seconds(lambda: run("/bin/sh", "-e", stdin=shell))
    run(*BSDVIRT, "stop", name)
    return raw, seconds(lambda: run(*BSDVIRT, "start", name))


def entries(name: str) -> tuple[float, float]:
    """Seconds of jexec(8), and of exec; the jail is stopped."""
    raw = seconds(lambda: run("/usr/sbin/jexec", name, "true"))
    ours = seconds(lambda: run(*BSDVIRT, "exec", name, "--", "true"))
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


def imports(trees: dict[str, Path]) -> None:
    """Print how long the start of each command takes, by the source tree."""
    works = {"python3 -c pass": ("-c", "pass"), "--version": ("-m", "bsdvirt", "--version")}
    works |= {verb: ("-c", f"import bsdvirt.cli.verbs.{verb}") for verb in VERBS}
    for tree in trees.values():
        # As installed: nothing is compiled while it is measured.
        compileall.compile_dir(tree / "bsdvirt", quiet=1)
    took: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for work, words in works.items():
            for name, tree in trees.items():
                took.setdefault((work, name), []).append(_processor(tree, words))
    for work in works:
        for name in trees:
            # The least: whatever else the machine does only adds.
            ours, bare = min(took[work, name]), min(took["python3 -c pass", name])
            print(f"{work} of {name}: {ours / bare:.2f} times python3 -c pass ({ours:.3f} s)")


def _processor(tree: Path, words: tuple[str, ...]) -> float:
    """Return the processor time of Python in a source tree, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    subprocess.run(
        (sys.executable, *words), cwd=tree, env=environment, stdout=subprocess.DEVNULL, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    words = sys.argv[1:]
    if not words or words[0] == "--against":
        imports({"this tree": ROOT, **{word: Path(word) for word in words[1:]}})
        return
    name = words[0]
    rounds = int(words[1]) if len(words) > 1 else 5
    pairs = [(starts(name), entries(name)) for _ in range(rounds)]
    report("start", [pair[0] for pair in pairs])
    report("exec", [pair[1] for pair in pairs])
    report("ls", [listings() for _ in range(rounds)])


if __name__ == "__main__":
    main()
