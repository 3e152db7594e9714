"""bsdvirt resume"""

from __future__ import annotations

from bsdvirt.cli.power import Options, power
from bsdvirt.cli.power import arguments as arguments


def run(options: Options) -> int:
    return power(options, "resume")
