"""Processes that survive their terminal or ssh(1) session."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence


def detach(words: Sequence[str]) -> None:
    """Start `bsdvirt words…` in a new session, with no inherited descriptors."""
    env = {name: value for name, value in os.environ.items() if name != "BSDVIRT_FAULT"}
    subprocess.Popen(
        (sys.executable, "-m", "bsdvirt", *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        close_fds=True,
        env=env,
    )
