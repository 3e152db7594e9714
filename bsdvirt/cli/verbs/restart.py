"""bsdvirt restart"""

from __future__ import annotations

from bsdvirt.cli.common import chosen, open_session, report
from bsdvirt.cli.verbs.stop import Options
from bsdvirt.cli.verbs.stop import arguments as arguments
from bsdvirt.ops.power.restart import RestartGuests
from bsdvirt.session.prepared import carry_out


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    names = chosen(session, options.guests, every=options.all)
    outcomes = carry_out(session, RestartGuests(tuple(names), options.force, options.timeout))
    return report(outcomes, options, as_json=options.json)
