"""bsdvirt stats record"""

from __future__ import annotations

import argparse
import os
from typing import NoReturn

from bsdvirt.cli.common import open_session
from bsdvirt.cli.live.daemon import Job, argv
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import BsdvirtError, ConflictError, HostError, UsageError
from bsdvirt.host.fs import keep_private
from bsdvirt.layout import RUN_DIRECTORY
from bsdvirt.ops.history.place import plan_place
from bsdvirt.ops.history.record import VERB
from bsdvirt.plan.events import Warned
from bsdvirt.plan.locks import LOCK_DIRECTORY, Lock
from bsdvirt.session.prepared import Part, run_part
from bsdvirt.session.session import Session

PID_FILE = f"{LOCK_DIRECTORY}/stats"
"""The lock; rc.d/bsdvirt_stats reads the process from it."""


class Options(Globals):
    action: str
    prometheus_file: str | None
    prometheus_socket: str | None
    prometheus_group: str | None


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=(VERB.split()[1:]), metavar="record")
    parser.add_argument(
        "--prometheus-file", metavar="FILE",
        help="also write counters in Prometheus's text format, for node_exporter",
    )  # fmt: skip
    parser.add_argument(
        "--prometheus-socket", metavar="PATH",
        help="also answer HTTP requests for them on this unix socket",
    )  # fmt: skip
    parser.add_argument(
        "--prometheus-group", metavar="GROUP",
        help="group that may read that file and connect to that socket (default: only root)",
    )  # fmt: skip


def run(options: Options) -> NoReturn:
    session = open_session(options, changes=False, shows=True)
    session.need_root()
    try:
        _run(session, options)
    except BsdvirtError as error:
        # Under daemon(8), standard error leads nowhere.
        session.sink(Warned("", VERB, "host", f"not started: {error.message}"))
        raise


def _run(session: Session, options: Options) -> NoReturn:
    """Take the lock, and become the process that records."""
    job = Job(options.sim, options.prometheus_file, options.prometheus_socket, _group(options))
    _ = session.hostfile
    keep_private(session.host.fs, RUN_DIRECTORY)
    lock = _lock(session)
    run_part(session, Part(plan_place(session), journalled=False))
    lock.outlive()
    words = argv(job)
    os.execv(words[0], words)  # noqa: S606


def _group(options: Options) -> int | None:
    """Return the number of the group. Raises UsageError."""
    if not options.prometheus_group:
        return None
    if not (options.prometheus_file or options.prometheus_socket):
        raise UsageError(
            "--prometheus-group is for a file or a socket",
            "bsdvirt stats record --prometheus-file FILE --prometheus-group GROUP",
        )
    import grp

    try:
        return grp.getgrnam(options.prometheus_group).gr_gid
    except KeyError:
        what = f"no group {options.prometheus_group}"
        raise UsageError(what, "getent group lists all") from None


def _lock(session: Session) -> Lock:
    """Take the lock, and write our process into it. Raises ConflictError where another records."""
    try:
        lock = Lock(session.host.fs, "stats").acquire(VERB)
    except ConflictError as error:
        who = error.message.partition(": ")[2].strip() or "another process"
        raise ConflictError(
            f"{VERB} runs already: process {who}", "service bsdvirt_stats stop"
        ) from None
    except OSError as error:
        raise HostError(f"{PID_FILE}: {error.strerror}", "check the file") from error
    lock.say(f"{os.getpid()}\n")
    return lock
