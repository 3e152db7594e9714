"""limits(1) before a command: parsed as in usr.bin/limits/limits.c of 13.2 and 15.1, and not
applied."""

from __future__ import annotations

import re

from bsdvirt.host import tools
from bsdvirt_sim.context import Run

_SIZES = "cdflmsbvpw"
_COUNTS = "nukoy"


def limits(run: Run, words: list[str]) -> int:
    """Run limits(1): options with a value each, then a command."""
    left = list(words)
    while len(left) > 1 and re.fullmatch("-[a-zA-Z]", left[0]):
        option, value = left[0][1], left[1]
        form = r"(\d+[smhdwy]?)+" if option == "t" else r"(\d+[bkmgt]?)+"
        if option in _COUNTS:
            form = r"\d+"
        if option not in "t" + _SIZES + _COUNTS or not re.fullmatch(form, value, re.I):
            raise run.unknown("limits(1) takes no such option")
        left = left[2:]
    if left == words or left[:1] != [tools.QEMU_IMG]:
        raise run.unknown()
    from bsdvirt_sim.tools.compress import qemu_img

    return qemu_img(run, left[1:])
