"""bsdvirt with a log of the host commands that it runs: LOG WORDS …"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def counted(run: Callable[..., Any], log: Path) -> Callable[..., Any]:
    def wrapped(host: Any, argv: list[str], **more: Any) -> Any:
        with log.open("a") as stream:
            stream.write(shlex.join(argv) + "\n")
        return run(host, argv, **more)

    return wrapped


def main() -> None:
    from bsdvirt.cli.main import run
    from bsdvirt.host.real import RealHost
    from bsdvirt_sim import SimHost

    log = Path(sys.argv[1])
    for host in (RealHost, SimHost):
        host.run = counted(host.run, log)  # type: ignore[method-assign]
    sys.exit(run(sys.argv[2:]))


if __name__ == "__main__":
    main()
