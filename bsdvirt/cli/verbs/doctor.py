"""bsdvirt doctor"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_change, open_session
from bsdvirt.cli.output import print_json
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import EXIT_FAILED, EXIT_OK, UsageError
from bsdvirt.ops.doctor.examine import examine
from bsdvirt.ops.doctor.repair import repair
from bsdvirt.rows.base import plain
from bsdvirt.rows.host import PlannedRow
from bsdvirt.session.session import Session


class Options(Globals):
    repair: bool
    set_aside: str | None


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repair", action="store_true", help="repair what bsdvirt manages")
    parser.add_argument(
        "--set-aside",
        metavar="JOURNAL",
        help="rename the journal of an unfinished operation, so that it is not recovered",
    )
    add_change(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=options.repair or options.set_aside is not None)
    if options.set_aside is not None:
        return _set_aside(session, options)
    if options.repair:
        for line in repair(session):
            if not options.quiet and not options.json:
                print(line)
        if options.dry_run:
            if options.json and options.asking is None:
                print_json(plain([PlannedRow(name=n, plan=text) for n, text in options.planned]))
            return EXIT_OK
    findings = examine(session)
    if options.json:
        print_json(plain(findings))
    else:
        for finding in findings:
            word = "problem" if finding.problem else "notice"
            print(f"{word}: {finding.subject}: {finding.message} ({finding.remedy})")
        if not findings:
            print("all is well")
    return EXIT_FAILED if any(finding.problem for finding in findings) else EXIT_OK


def _set_aside(session: Session, options: Options) -> int:
    from bsdvirt.session.recovery import set_aside

    if options.repair:
        raise UsageError("--repair and --set-aside do not go together", "run one, then the other")
    lines = set_aside(session, str(options.set_aside))
    if options.json:
        print_json(lines)
    elif not options.quiet:
        print("\n".join(lines))
    return EXIT_OK
