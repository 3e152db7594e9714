"""bsdvirt cdrom"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_change, add_guest, apply, open_session
from bsdvirt.cli.flags import add_property
from bsdvirt.library import media
from bsdvirt.ops import devices
from bsdvirt.spec.vm import Cdrom

DRIVE = "cd0"


class Options(GuestOptions):
    action: str
    medium: str
    drive: str
    place: str | None


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="insert | eject")
    insert = actions.add_parser("insert", help="insert a medium")
    add_guest(insert)
    insert.add_argument("medium", metavar="MEDIUM", help="name of a medium, or an ISO file")
    eject = actions.add_parser("eject", help="eject the medium")
    add_guest(eject)
    eject.add_argument("place", nargs="?", metavar="DRIVE", help="the drive to empty")
    for changing in (insert, eject):
        add_property(changing, Cdrom, "name", "--drive", note=f"default {DRIVE}", dest="drive")
        changing.set_defaults(drive=DRIVE)
        add_change(changing)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    if options.action == "insert":
        medium = media.resolve(session, options.medium)
        change = devices.insert(options.guest, options.drive, medium)
    else:
        change = devices.eject(options.guest, options.place or options.drive)
    return apply(options, change, session)
