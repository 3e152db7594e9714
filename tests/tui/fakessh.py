"""A stand-in for ssh(1): it runs the line of the other host on a simulated host."""

from __future__ import annotations

import sys
from pathlib import Path

SCRIPT = """#!{python}
import fcntl, os, subprocess, sys
PLACE = {place!r}
words = sys.argv[1:]
options = []
while words[0] != "--":
    options.append(words.pop(0))
host = words[1]
with open(PLACE + "/calls", "a") as calls:
    print(*sys.argv[1:], sep="\\t", file=calls)
if os.path.exists(PLACE + "/" + host + ".down"):
    print("ssh: connect to host " + host + " port 22: Connection refused", file=sys.stderr)
    sys.exit(255)
if "-O" in options or "-fN" in options:
    sys.exit(0)
line = words[2]
reads = "--json" in line and "ls" in line
with open(PLACE + "/" + host + ".lock", "w") as lock:
    if reads:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            open(PLACE + "/" + host + ".overlapped", "w").close()
    env = {{**os.environ, "BSDVIRT_SIM": PLACE + "/" + host, "PATH": {path!r} + ":/bin:/usr/bin"}}
    sys.exit(subprocess.run(["/bin/sh", "-c", line], env=env).returncode)
"""


def fake_ssh(tmp_path: Path) -> str:
    """Return the path of an ssh whose hosts are the simulated hosts in `tmp_path`, by name. The
    file HOST.down there makes one refuse connections; `calls` there has the words of each use."""
    path = tmp_path / "ssh"
    bin = tmp_path / "bin"
    bin.mkdir()
    command = bin / "bsdvirt"
    repository = Path(__file__).resolve().parents[2]
    command.write_text(
        f'#!/bin/sh\ncd {repository} && exec {sys.executable} -m bsdvirt "$@"\n', encoding="utf-8"
    )
    command.chmod(0o755)
    text = SCRIPT.format(python=sys.executable, place=str(tmp_path), path=str(bin))
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return str(path)
