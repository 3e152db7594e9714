"""bsdvirt disk"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    GuestOptions,
    add_change,
    add_guest,
    add_listing,
    apply,
    confirm,
    must_confirm,
    open_session,
)
from bsdvirt.cli.flags import add_properties, add_property, given
from bsdvirt.cli.output import print_rows
from bsdvirt.ops import devices
from bsdvirt.ops.show.detail import detail
from bsdvirt.rows.vm import VmInfo
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.types import Space
from bsdvirt.spec.vm import Disk

COLUMNS = ("name", "bus", "slot", "port", "size", "path", "serial")


class Options(GuestOptions):
    action: str
    disk: str
    size: str
    destroy: bool
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ls | add | rm | resize")
    listing = actions.add_parser("ls", help="list a virtual machine's disks")
    add_guest(listing)
    add_listing(listing)
    add = actions.add_parser("add", help="add one")
    _named(add)
    what = add.add_mutually_exclusive_group(required=True)
    add_property(what, Disk, "size")
    add_property(what, Disk, "path")
    add_properties(add, Disk, without=("name", "size", "path"))
    remove = actions.add_parser("rm", help="remove one; its zvol is kept")
    _named(remove)
    remove.add_argument("--destroy", action="store_true", help="also destroy its zvol")
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask")
    resize = actions.add_parser("resize", help="grow a disk")
    _named(resize)
    resize.add_argument("size", metavar="SIZE")
    for changing in (add, remove, resize):
        add_change(changing)


def _named(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    parser.add_argument("disk", metavar="DISK")


def _lost(session: Session, options: Options) -> list[str]:
    """Return the disk's volume with the bytes that become free, and its snapshots."""
    found = session.inventory()
    zvol = found.home(options.guest).disk(options.guest, options.disk)
    lines = [f"{d.name} (frees {d.used} bytes)" for d in found.datasets if d.name == zvol]
    return [*lines, *session.zfs.snapshots(zvol)] if lines else [zvol]


def run(options: Options) -> int:
    session = open_session(options, changes=options.action != "ls")
    if options.action == "ls":
        shown = detail(session, options.guest)
        rows = (isinstance(shown, VmInfo) and shown.disks) or []
        print_rows(rows, COLUMNS, options)
        return 0
    if options.action == "add":
        change = devices.add_disk(options.guest, options.disk, given(options, Disk))
    elif options.action == "rm":
        if options.destroy and must_confirm(options, yes=options.yes):
            confirm(options, f"Destroy {options.disk} for good?", _lost(session, options))
        change = devices.remove_disk(options.guest, options.disk, destroy=options.destroy)
    else:
        size = parsed(Space, options.size, "such as 40G")
        change = devices.resize_disk(options.guest, options.disk, size)
    return apply(options, change, session)
