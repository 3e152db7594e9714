"""What bsdvirt adds to the raw commands of the base system, as ratios of one run.

On a real FreeBSD, as root, with a stopped jail that may be started:

    python3 bench/overhead.py NAME [ROUNDS]

Each round measures each of these in turn, and the raw commands that its goal names:

    --version, --help   python3 -c pass
    ls                  python3 -c pass, jls(8) and zfs(8) list, one after another
    exec NAME true      python3 -c pass
    start               the shell that `start --dry-run` prints, and python3 -c pass
    create              the shell that `create --dry-run` prints, and python3 -c pass; the jail
                        NAME-bench is created and destroyed

The command is the one that is installed, if there is one.

Anywhere, without a jail:

    python3 bench/overhead.py [--against DIRECTORY]

Each round runs Python without any module, `bsdvirt --version`, and Python importing what `ls`,
`exec`, `start` and `create` import: of this source tree, and in turn of another one in DIRECTORY.
"""

from __future__ import annotations

import compileall
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

INSTALLED = shutil.which("bsdvirt")
BSDVIRT = (INSTALLED,) if INSTALLED else (sys.executable, "-m", "bsdvirt")
PYTHON = (sys.executable, "-c", "pass")
GOALS = {"--version": 1.5, "--help": 1.5, "ls": 1.5, "exec": 2.0, "start": 1.15, "create": 1.3}
"""How many times the raw commands each may take."""
ROOT = Path(__file__).resolve().parents[1]
VERBS = ("ls", "exec", "start", "create")
ROUNDS = 15


def run(*argv: str, stdin: str | None = None) -> str:
    """A command's standard output; raises where it fails."""
    # Never on a terminal, where `exec` gives the command one of its own.
    done = subprocess.run(argv, input=stdin or "", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{argv}: {done.stderr.strip()}")
    return done.stdout


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def timed(*words: str) -> float:
    """Return the seconds of a command line of ours."""
    return seconds(lambda: run(*BSDVIRT, *words))


def round_of(name: str, found: dict[str, list[tuple[float, float]]]) -> None:
    """Measure everything once, the jail being stopped, as it is again afterwards: the seconds of
    the raw commands, and of ours."""
    python = seconds(lambda: run(*PYTHON))
    for word in ("--version", "--help"):
        found[word].append((python, timed(word)))
    listed = python + seconds(lambda: run("/usr/sbin/jls", "--libxo", "json", "-n", "jid", "name"))
    listed += seconds(lambda: run("/sbin/zfs", "list", "-Hp", "-o", "name,bsdvirt:guest"))
    found["ls"].append((listed, timed("ls")))
    found["start"].append(changed(("start", name), ("stop", name), python))
    run(*BSDVIRT, "start", name)
    found["exec"].append((python, timed("exec", name, "--", "true")))
    run(*BSDVIRT, "stop", name)
    made = f"{name}-bench"
    found["create"].append(changed(("create", "jail", made), ("destroy", made, "--yes"), python))


def changed(words: tuple[str, ...], back: tuple[str, ...], python: float) -> tuple[float, float]:
    """Return the seconds of a change by its own shell, with those of Python, and by us. It is
    taken back after each."""
    shell = run(*BSDVIRT, *words, "--dry-run")
    raw = python + seconds(lambda: run("/bin/sh", "-e", stdin=shell))
    run(*BSDVIRT, *back)
    ours = timed(*words)
    run(*BSDVIRT, *back)
    return raw, ours


def report(what: str, pairs: list[tuple[float, float]]) -> None:
    ratios = [ours / raw for raw, ours in pairs]
    raw = statistics.median(pair[0] for pair in pairs)
    ratio = statistics.median(ratios)
    print(
        f"{what}: {ratio:.2f} times the raw commands, goal {GOALS[what]:.2f}"
        f"{'' if ratio <= GOALS[what] else ': NOT MET'}"
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
    found: dict[str, list[tuple[float, float]]] = {what: [] for what in GOALS}
    try:
        for _ in range(rounds):
            round_of(name, found)
    finally:
        for what, pairs in found.items():
            if pairs:
                report(what, pairs)


if __name__ == "__main__":
    main()
