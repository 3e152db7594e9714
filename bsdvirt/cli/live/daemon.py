"""The process that `stats record` becomes: an interpreter that imports only what it needs, as it
stays in memory."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import msgspec

import bsdvirt
from bsdvirt.errors import EXIT_OK, BsdvirtError
from bsdvirt.host.base import Host
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.host.open import open_host
from bsdvirt.ops.history.record import VERB, Recorder, record
from bsdvirt.plan.events import Event, Warned
from bsdvirt.rows.usage import Sample

if TYPE_CHECKING:
    from bsdvirt.ops.history.publish import Socket

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
START = (
    "import sys; sys.path += sys.argv[2:]; sys.modules['typing_extensions'] = None;"
    " from bsdvirt.cli.live.daemon import main; main(sys.argv[1])"
)
"""msgspec uses typing_extensions where it is installed, and does without."""


class Job(msgspec.Struct, frozen=True):
    """What is to be done."""

    sim: str | None = None
    file: str | None = None
    """For node_exporter."""
    socket: str | None = None
    group: int | None = None


def argv(job: Job) -> list[str]:
    """Return the command of the process: without site-packages but for what is imported."""
    modules = (bsdvirt.__file__, msgspec.__file__, _yaml())
    places = dict.fromkeys(os.path.dirname(os.path.dirname(path)) for path in modules if path)
    words = json.dumps(msgspec.to_builtins(job), separators=(",", ":"))
    return [sys.executable, "-I", "-S", "-c", START, words, *places]


def _yaml() -> str | None:
    # Imported where the host file needs it.
    from importlib.util import find_spec

    found = find_spec("yaml")
    return found.origin if found else None


def main(words: str) -> NoReturn:
    """Record until a signal comes, and end the process."""
    job = msgspec.json.decode(words, type=Job)
    for number in ENDS:
        signal.signal(number, _end)
    # A client that is gone does not end this process.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    host = open_host(job.sim, Interrupt())

    def sink(event: Event) -> None:
        from bsdvirt.cli.progress import EventLog

        EventLog(host.fs)(event)

    try:
        _record(host, sink, job)
    except BsdvirtError as error:
        # Under daemon(8), standard error leads nowhere.
        sink(Warned("", VERB, "host", f"ended: {error.message}"))
        print(f"bsdvirt: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(EXIT_OK)


def _record(host: Host, sink: Callable[[Event], None], job: Job) -> None:
    publish: list[Callable[[Sample], None]] = []
    if job.file:
        from bsdvirt.ops.history.publish import File

        publish.append(File(host.fs, job.file, job.group).publish)
    served = _served(host, job)
    if served is not None:
        publish.append(served.publish)
    recorder = Recorder(host, sink, publish)
    # What is imported is never collected: the collector need not look at it each time.
    gc.collect()
    gc.freeze()
    try:
        record(recorder, host, sink, served.wait if served else time.sleep)
    finally:
        if served is not None:
            served.close()


def _served(host: Host, job: Job) -> Socket | None:
    if not job.socket:
        return None
    from bsdvirt.ops.history.publish import Socket

    return Socket(host.fs, job.socket, job.group)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(EXIT_OK)
