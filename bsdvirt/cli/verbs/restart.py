"""bsdvirt restart"""

from __future__ import annotations

from bsdvirt.cli.common import apply_to_selected
from bsdvirt.cli.verbs.stop import Options
from bsdvirt.cli.verbs.stop import arguments as arguments
from bsdvirt.ops.power.restart import RestartGuests


def run(options: Options) -> int:
    return apply_to_selected(
        options,
        lambda names: RestartGuests(names, options.force, options.timeout),
        starts=True,
    )
