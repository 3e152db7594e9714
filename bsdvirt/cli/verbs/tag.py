"""bsdvirt tag"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_change, add_guest, apply_one, open_session
from bsdvirt.cli.output import print_json
from bsdvirt.ops.tags import Tag


class Options(GuestOptions):
    tags: list[str]
    remove: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    parser.add_argument(
        "tags", nargs="*", metavar="TAG", help="without tags: print the guest's tags"
    )
    parser.add_argument(
        "-r", "--remove", action="store_true", help="remove these, or all if none is given"
    )
    add_change(parser)


def run(options: Options) -> int:
    changes = bool(options.tags) or options.remove
    session = open_session(options, changes=changes)
    if changes:
        wanted = Tag(options.guest, tuple(options.tags), options.remove)
        return apply_one(options, wanted, session)
    tags = session.inventory().guest(options.guest).identity.tags
    if options.json:
        print_json(list(tags))
    else:
        for text in tags:
            print(text)
    return 0
