"""What `stats record` costs: a tick for many guests, and memory.

    PYTHONPATH=. python3 bench/record.py [GUESTS...]

On a simulated host with that many running jails (100), anywhere: its answers are kept, and another
process, which imports nothing of the simulator, gets them in no time. Prints as JSON the CPU
time of a tick, as a ratio to that of the sample in it (`stats` takes two), and resident memory: of
Python alone, after the first ticks, and its growth over many more.
"""

from __future__ import annotations

import gc
import json
import re
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

ROOT = __file__.rpartition("/bench/")[0]
sys.path[:0] = [ROOT, f"{ROOT}/bench"]
WARM, TICKS = 100, 400
STEP = 10
MARK = re.compile(r"bsdvirt:([0-9a-f]{16})-")
"""What each `zfs get` has between the values: another number each time."""


def kept(directory: str, count: int) -> dict[str, Any]:
    """Return the id of a simulated host, and its answers to what a tick asks."""
    from pathlib import Path

    from sample import Replay, populated

    from bsdvirt.host.base import Host
    from bsdvirt.ops.history.record import Recorder

    replay = Replay(populated(Path(directory), count))
    recorder = Recorder(cast(Host, replay), print)
    recorder.tick()
    recorder.tick()
    answers = [
        [[MARK.sub("MARK", word) for word in argv], one.status, MARK.sub("MARK", one.stdout)]
        for argv, one in replay._known.items()
    ]
    return {"id": replay.host_id(), "answers": answers}


def resident() -> int:
    """Return the kilobytes of resident memory."""
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * 4


def measure(root: str) -> dict[str, float]:
    """Measure in this process, which has the answers on standard input."""
    bare = resident()
    from bsdvirt.host.base import Host, Result
    from bsdvirt.host.fs import Fs
    from bsdvirt.host.real import RealHost
    from bsdvirt.ops.history.record import Recorder

    assert RealHost
    given = json.load(sys.stdin)
    host_id = given["id"]
    answers = {tuple(argv): (status, text) for argv, status, text in given["answers"]}
    del given

    class Answering:
        fs = Fs(root)
        owner_uid = 0

        def run(self, argv: Sequence[str], **rest: Any) -> Result:
            status, text = answers[tuple(MARK.sub("MARK", word) for word in argv)]
            # A copy: what a real host prints is new each time.
            mark = next((found[0] for word in argv if (found := MARK.search(word))), "MARK")
            return Result(tuple(argv), status, text.replace("MARK", mark).encode().decode())

        def jail_cpus(self, jid: int) -> tuple[int, ...] | None:
            return (0, 1)

        def host_id(self) -> str:
            return host_id

    now = float(time.time() // 3600 * 3600)
    host = cast(Host, Answering())
    recorder = Recorder(host, print, clock=lambda: now, monotonic=lambda: now)
    gc.collect()
    gc.freeze()
    imported = resident()
    for _ in range(WARM):
        now += STEP
        recorder.tick()
    warm, spent = resident(), []
    for _ in range(TICKS):
        now += STEP
        began = time.process_time()
        recorder.tick()
        spent.append(time.process_time() - began)
    after = resident()
    samples = []
    from bsdvirt.cpu.accounting import figures
    from bsdvirt.ops.show.sample import read_sample
    from bsdvirt.session.session import Session

    before = recorder._before
    assert before is not None
    for _ in range(20):
        session = Session(host)
        began = time.process_time()
        figures(before, read_sample(session, kept=recorder._kept))
        samples.append(time.process_time() - began)
    return {
        "guests": len(before.guests),
        "tick_ms": round(1000 * sum(spent) / len(spent), 2),
        "ratio": round(sum(spent) / len(spent) / (sum(samples) / len(samples)), 2),
        "percent_at_10s": round(100 * sum(spent) / len(spent) / STEP, 3),
        "python_kb": bare,
        "imported_kb": imported,
        "warm_kb": warm,
        "grown_kb": after - warm,
    }


def _command(root: str) -> list[str]:
    """Return the daemon's own command, that measures instead."""
    from bsdvirt.cli.live.daemon import START, Job, argv

    words = argv(Job())
    at = words.index(START)
    start, _, _ = START.rpartition(" from ")
    measures = f"{start} import json, record; print(json.dumps(record.measure({root!r})))"
    return [*words[:at], measures, "", f"{ROOT}/bench", *words[at + 2 :]]


def main(words: list[str]) -> None:
    import subprocess
    import tempfile

    for count in [int(word) for word in words] or [100]:
        with tempfile.TemporaryDirectory() as top:
            answers = kept(f"{top}/host", count)
            told = subprocess.run(
                _command(f"{top}/host/root"),
                input=json.dumps(answers),
                text=True,
                check=True,
                stdout=subprocess.PIPE,
            )
            print(told.stdout, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
