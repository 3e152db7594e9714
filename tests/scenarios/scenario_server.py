"""Forks a bsdvirt for each command it reads, a JSON value a line; see scenario_driver."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def load() -> None:
    """Import what commands on a simulated host use."""
    for top in ("bsdvirt", "bsdvirt_sim"):
        package = importlib.import_module(top)
        for module in pkgutil.walk_packages(package.__path__, f"{top}."):
            if module.name.rpartition(".")[2] not in ("libzfs", "__main__"):
                importlib.import_module(module.name)


WARM = (
    ("init", "--pool", "zroot"),
    ("release", "add", "/usr/freebsd-dist"),
    ("network", "create", "lan", "--address", "10.79.1.1/24"),
    ("create", "jail", "web", "limits.maxproc=99", "cpuset=0"),
    ("start", "web"),
    ("info", "web"),
    ("set", "web", "boot.auto=yes"),
    ("ls", "--json"),
    ("doctor",),
    ("stop", "web"),
    ("create", "vm", "vm", "--disk", "8M", "--loader", "bhyveload"),
    ("start", "vm", "--dry-run"),
    ("destroy", "--all", "--yes"),
)
"""What is made once, of types, patterns and templates, is more than half of a command's time."""


def warm_up() -> None:
    """Run some commands in this process, on a host of their own: what they leave in memory
    those that are forked from here need not make again."""
    from bsdvirt.cli.main import run

    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    quiet = io.StringIO()
    with (
        tempfile.TemporaryDirectory(prefix="bsdvirt-warm-") as directory,
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
    ):
        for words in WARM:
            with contextlib.suppress(SystemExit):
                run(["--sim", directory, *words])
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def child(request: dict[str, Any], out: int, err: int) -> None:
    """Be the command, to the end of this process."""
    status = 1
    try:
        reader, writer = os.pipe()
        os.write(writer, request["stdin"].encode())
        os.close(writer)
        for descriptor, place in ((reader, 0), (out, 1), (err, 2)):
            os.dup2(descriptor, place)
        os.environ.update(request["env"])
        from bsdvirt.cli.main import run
        from bsdvirt.cli.streams import close_streams, open_streams

        sys.stdin = os.fdopen(0, encoding="utf-8")
        open_streams()
        status = close_streams(run(request["words"]))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    for variable in [name for name in os.environ if name.startswith("BSDVIRT_")]:
        del os.environ[variable]
    load()
    warm_up()
    gc.freeze()
    for line in sys.stdin:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            pid = os.fork()
            if pid == 0:
                child(json.loads(line), out.fileno(), err.fileno())
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode("utf-8", "replace"))
        answer = {"status": status, "stdout": texts[0], "stderr": texts[1]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
