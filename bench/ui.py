"""What the terminal UI costs: a tick with many guests, memory over many ticks, the first paint.

    python3 bench/ui.py [--guests 500] [--ticks 100]      CPU time of a tick
    python3 bench/ui.py --soak [--ticks 3600]             memory before and after
    python3 bench/ui.py --read DIR                        CPU time of reading a simulated host
    python3 bench/ui.py --paint                           first paint, in imports of textual.app

Hosts are invented (bench/ui_source.py), but for --read: there the time that the simulated host
takes to answer commands is taken out. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]
SIZE = (160, 48)
SETTLED = 320
"""Ticks after which the rings of figures are full."""
LIMIT = 5.0
"""Percent of a core, at a tick a second."""


def _app(guests: int):  # type: ignore[no-untyped-def]
    from ui_source import Invented

    from bsdvirt.cli.language import CommandLine
    from bsdvirt.tui.app import BsdvirtApp
    from bsdvirt.tui.settings import Settings

    return BsdvirtApp([Invented(guests)], Settings(interval=3600.0), CommandLine())


async def _ticks(guests: int, warm: int, ticks: int) -> dict[str, float]:
    """Return the CPU seconds of a tick, and the growth of memory, after `warm` ticks."""
    app = _app(guests)
    source = app.sources[""]
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()

        async def run(count: int) -> float:
            """Return the CPU seconds of as many ticks, without those of inventing rows."""
            invented = 0.0
            began = time.process_time()
            for _ in range(count):
                before = time.process_time()
                tick = source.tick()
                invented += time.process_time() - before
                app.store.take(tick)
                app.main.refresh_from(app.store)
                await pilot.pause()
            return time.process_time() - began - invented

        await run(warm)
        gc.collect()
        before = _resident()
        spent = await run(ticks)
        gc.collect()
        return {"seconds": spent / ticks, "grown": _resident() - before}


def _read(sim: str, ticks: int) -> dict[str, float]:
    """Return the CPU seconds of a reading, without those of the simulated host's commands."""
    from bsdvirt.tui.feed.local import LocalSource

    source = LocalSource(sim, read_only=True)
    host: Any = source.host
    real = host.run
    commands, answering = 0, 0.0

    def run(*words: Any, **options: Any) -> Any:
        nonlocal commands, answering
        began = time.process_time()
        try:
            return real(*words, **options)
        finally:
            answering += time.process_time() - began
            commands += 1

    host.run = run
    guests = len(source.tick().guests)
    commands, answering, began = 0, 0.0, time.process_time()
    for _ in range(ticks):
        source.tick()
    spent = time.process_time() - began - answering
    return {
        "seconds": spent / ticks, "percent": 100 * spent / ticks, "guests": guests,
        "commands": commands / ticks, "host": answering / ticks,
    }  # fmt: skip


def _resident() -> int:
    """Return the bytes of resident memory now; where the kernel does not tell, the most so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def _first_paint() -> float:
    """Return the seconds from the start of Python to the first screen with guests."""
    script = (
        "import asyncio, sys, time; sys.path[:0] = sys.argv[1:3]; import ui\n"
        "async def first():\n"
        "    app = ui._app(5)\n"
        "    async with app.run_test(size=ui.SIZE) as pilot:\n"
        "        while 'guest001' not in ui.screen(app): await pilot.pause(0.001)\n"
        "        import os; os._exit(0)\n"
        "asyncio.run(first())"
    )
    return _timed(script)


def screen(app) -> str:  # type: ignore[no-untyped-def]
    """Return what the terminal shows."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def _timed(script: str) -> float:
    began = time.perf_counter()
    argv = [sys.executable, "-c", script, str(ROOT), str(ROOT / "bench")]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _paint() -> dict[str, float]:
    pairs = [(_timed("import textual.app"), _first_paint()) for _ in range(5)]
    imports, paints = min(one for one, _ in pairs), min(one for _, one in pairs)
    return {"import": imports, "paint": paints, "ratio": paints / imports}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--guests", type=int, default=500)
    parser.add_argument("--ticks", type=int)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--read", metavar="DIR")
    parser.add_argument("--paint", action="store_true")
    options = parser.parse_args()
    if options.paint:
        print(json.dumps(_paint()))
        return
    if options.read:
        print(json.dumps(_read(options.read, options.ticks or 20)))
        return
    ticks = options.ticks or (3600 if options.soak else 100)
    warm = SETTLED if options.soak else 10
    measured = asyncio.run(_ticks(options.guests, warm, ticks))
    share = 100 * measured["seconds"]
    print(json.dumps({**measured, "percent": share, "limit": LIMIT, "ticks": ticks}))


if __name__ == "__main__":
    main()
