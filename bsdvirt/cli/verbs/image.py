"""bsdvirt image"""

from __future__ import annotations

import argparse
from typing import get_args

from bsdvirt.cli.common import add_dry_run, add_json, add_listing, open_session, say_done
from bsdvirt.cli.output import print_info, print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.library import images
from bsdvirt.spec.base import parsed
from bsdvirt.spec.cloud import System, UserName
from bsdvirt.spec.images import Image, Loader

COLUMNS = ("name", "size", "used", "loader", "cloud_init", "guests")
PROFILES = ("name", "arch", "loader", "cloud_init", "description")
READS = ("ls", "info", "profiles")


class Options(Globals):
    action: str
    file: str
    profile: str
    name: str | None
    loader: Loader | None
    system: System
    user: str
    cloud_init: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="fetch | import | ls | info | rm | profiles"
    )
    fetch = actions.add_parser("fetch", help="download the image of a profile")
    fetch.add_argument("profile", metavar="PROFILE", help="see bsdvirt image profiles")
    fetch.add_argument("--name", metavar="NAME", help="default: the profile's name")
    add_dry_run(fetch)
    _add_import(actions.add_parser("import", help="import a file of this host"))
    add_listing(actions.add_parser("ls", help="list images"))
    info = actions.add_parser("info", help="show one image in full")
    info.add_argument("name", metavar="NAME")
    add_json(info)
    remove = actions.add_parser("rm", help="remove an image that no disk is a clone of")
    remove.add_argument("name", metavar="NAME")
    add_dry_run(remove)
    add_listing(actions.add_parser("profiles", help="list the profiles"))


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        help="raw, also compressed (.gz .xz .zst .bz2); qcow2, vmdk, vhd with qemu-img",
    )
    parser.add_argument("--name", metavar="NAME", required=True, help="the image's name")
    parser.add_argument("--loader", choices=get_args(Loader), help="boot loader that it needs")
    parser.add_argument(
        "--system", choices=get_args(System), default="other", help="operating system"
    )
    parser.add_argument("--user", default="", metavar="USER", help="login user")
    parser.add_argument("--cloud-init", action="store_true", help="cloud-init runs in it")
    add_dry_run(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action not in READS)
    match options.action:
        case "fetch":
            from bsdvirt.library import image_fetch

            name = image_fetch.fetch(session, options.profile, options.name)
            say_done(options, name, "added")
        case "import":
            user = options.user
            if user:
                user = str(parsed(UserName, user, "such as freebsd or debian", of="--user"))
            about = Image(
                loader=options.loader,
                system=options.system,
                user=user,
                cloud_init=options.cloud_init,
            )
            name = images.import_file(session, options.file, str(options.name), about)
            say_done(options, name, "added")
        case "rm":
            images.remove(session, str(options.name))
            say_done(options, str(options.name), "removed")
        case "info":
            print_info(images.entry(session, str(options.name)), options)
        case "profiles":
            from bsdvirt.library import image_fetch

            profiles = image_fetch.entries(session)
            print_rows(profiles, PROFILES, options)
        case _:
            rows = images.entries(session)
            print_rows(rows, COLUMNS, options)
    return 0
