"""bsdvirt pause"""

from __future__ import annotations

from bsdvirt.cli.common import Selection
from bsdvirt.cli.power import arguments as arguments
from bsdvirt.cli.power import power


def run(options: Selection) -> int:
    return power(options, "pause")
