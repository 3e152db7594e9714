"""Shared by `create jail` and `create vm`: names, interfaces, network stack."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from bsdvirt.cli.common import add_change, open_session, report
from bsdvirt.cli.flags import add_property, with_secrets
from bsdvirt.cli.output import say
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import UsageError
from bsdvirt.guest.order import IDENTITY_PREFIX, set_boot
from bsdvirt.layout import Layout
from bsdvirt.ops.create.guests import Create, Order
from bsdvirt.ops.tags import checked_tags
from bsdvirt.session.prepared import carry_out
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.paths import split_assignments
from bsdvirt.spec.types import GuestName, TagName

KINDS = ("jail", "vm")


class CreateOptions(Globals):
    """The options for what every new guest can have."""

    words: list[str]
    pool: str | None
    thick: bool
    network: list[str] | None
    no_network: bool
    address: str | None
    address6: str | None
    hostname: str | None
    cpuset: str | None
    placement: str | None
    autostart: bool
    tags: list[str]
    start: bool


class StackOptions(CreateOptions):
    """The options for the network stack of a new jail."""

    inherit: bool
    shared: str | None


class Wanted(Struct, frozen=True):
    """The settings from the command line for guests of either kind."""

    session: Session
    names: tuple[str, ...]
    boot: Boot
    pool: Layout | None
    settings: list[tuple[str, str]]
    """The properties, without those of the guest's identity."""
    tags: tuple[TagName, ...]


def wanted(options: CreateOptions, kind: str) -> Wanted:
    """Open the session and return the guests to create. Raises UsageError."""
    names = guest_names(options.words, f"create {kind}")
    if options.address and len(names) > 1:
        raise UsageError(
            "--address goes with one name only", "omit it: the network's pool assigns addresses"
        )
    tags = checked_tags(options.tags)
    session = open_session(options, changes=True)
    assignments = split_assignments(word for word in options.words if "=" in word)
    assignments = with_secrets(options, assignments)
    auto = options.autostart or session.hostfile.defaults.autostart
    boot = set_boot(Boot(auto=auto), assignments)
    pool = session.pool(options.pool) if options.pool is not None else None
    settings = [a for a in assignments if not a[0].startswith(IDENTITY_PREFIX)]
    return Wanted(session, names, boot, pool, settings, tuple(tags))


def provided(options: CreateOptions, what: str, source: str) -> bool:
    """Return whether a release or an image is added to the pool first, and print that."""
    if source and not options.dry_run:
        say(f"{what} from {source}")
    return bool(source)


def create(
    options: CreateOptions, new: Wanted, order: Order, *, coming: bool, screen: bool = False
) -> int:
    """Create the guests, and print how to go on."""
    request = Create(
        new.names, order, new.boot, new.pool, start=options.start, coming=coming, tags=new.tags
    )
    outcomes = carry_out(new.session, request)
    status = report(outcomes, options)
    ready = [outcome.name for outcome in outcomes if outcome.ok]
    if ready and not (options.quiet or options.json or options.dry_run):
        if options.start:
            print(f"get in: bsdvirt console {ready[0]}")
        else:
            print(f"start it: bsdvirt start {ready[0]}")
        if options.start and screen:
            print("its screen and the password: bsdvirt info NAME, at `vnc`")
    return status


def add_names(parser: argparse.ArgumentParser, metavar: str, help: str, where: str) -> None:
    """Add the kind, and the names and properties; `where` is the command that lists these."""
    parser.add_argument("kind", type=kind_word, metavar=metavar, help=help)
    parser.add_argument(
        "words", nargs="+", metavar="NAME | PROPERTY=VALUE",
        help=f"names and properties; {where} lists properties",
    )  # fmt: skip


def add_pool(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pool", metavar="NAME | DATASET",
        help="create it on another pool, as `bsdvirt pool ls` lists them",
    )  # fmt: skip
    parser.add_argument("--root", dest="pool", help=argparse.SUPPRESS)


def add_guest_options(parser: argparse.ArgumentParser, kind: type[GuestSpec]) -> None:
    """Add the options that both kinds of guest have."""
    first = "of the first interface"
    add_property(parser, kind, "nics.network", note="default: that of the host file", repeat=True)
    parser.add_argument("--no-network", action="store_true", help="no network interface")
    add_property(parser, kind, "nics.address", note=first)
    add_property(parser, kind, "nics.address6", note=first)
    add_property(parser, kind, "hostname")
    add_property(parser, kind, "cpuset")
    add_property(parser, kind, "placement")
    add_property(parser, Boot, "auto", "--autostart")
    parser.add_argument(
        "--tag", dest="tags", action="append", default=[], metavar="TAG",
        help="tag to select it by; may be repeated",
    )  # fmt: skip
    parser.add_argument("--start", action="store_true", help="also start it")
    add_change(parser)


def guest_names(words: Sequence[str], verb: str) -> tuple[str, ...]:
    """Return the names among names and properties. Raises UsageError."""
    names = tuple(
        str(parsed(GuestName, word, _meant_by(word))) for word in words if "=" not in word
    )
    if not names:
        raise UsageError("which name?", f"bsdvirt {verb} NAME")
    if len(set(names)) != len(names):
        raise UsageError("a name is given twice", "name each guest once")
    return names


def kind_word(word: str) -> str:
    """Return the kind of guest to create. Raises UsageError, naming the missing word."""
    if word in KINDS:
        return word
    if _is_name(word):
        raise UsageError(
            f"{word}: a jail or a virtual machine?",
            f"bsdvirt create jail {word} or bsdvirt create vm {word}",
        )
    raise UsageError(
        f"{word!r} is not a kind of guest", "bsdvirt create jail NAME or create vm NAME"
    )


def _is_name(word: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(GuestName.parse(word))
    return False


def _meant_by(word: str) -> str:
    """Return a hint for a word that is not a name."""
    if re.fullmatch(r"\d+\.\d+(-[A-Za-z0-9]+)?", word):
        return f"a release is given by --release {word}"
    with contextlib.suppress(ValueError):
        version = ipaddress.ip_interface(word).version
        return f"an address is given by --address{'6' if version == 6 else ''} {word}"
    short = word.split(".")[0]
    if "." in word and _is_name(short):
        return f"a host name is given by hostname={word}, as in: {short} hostname={word}"
    return "such as web or db-1"


def nics_of(session: Session, options: CreateOptions) -> list[dict[str, Any]]:
    """Return the interfaces as plain data. Raises UsageError."""
    if options.no_network:
        if options.network or options.address or options.address6:
            raise UsageError(
                "--no-network excludes --network and --address", "omit --network and --address"
            )
        return []
    networks = options.network or [str(session.hostfile.defaults.network)]
    nics: list[dict[str, Any]] = [{"network": network} for network in networks]
    for name in ("address", "address6"):
        if (value := getattr(options, name)) is not None:
            nics[0][name] = value
    return nics


def stack_of(options: StackOptions, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the stack that the options ask for, as plain data. `given` are the properties of the
    command line. Raises UsageError for options that do not go together."""
    if bool(options.inherit) + bool(options.shared) + ("stack" in given) > 1:
        raise UsageError("--inherit, --shared and stack= do not go together", "use one of them")
    if not (options.inherit or options.shared):
        stack = given.get("stack", "vnet").strip()
        if stack != "vnet" and (options.network or options.address or options.address6):
            raise UsageError(
                f"stack={stack} has no interfaces of its own",
                "omit --network and --address; --shared IF takes addresses",
            )
        return {}
    option = "--inherit" if options.inherit else "--shared"
    if options.network or options.no_network:
        raise UsageError(f"{option} excludes --network", "omit --network")
    addresses = [text for text in (options.address, options.address6) if text]
    if options.inherit:
        if addresses:
            raise UsageError("--inherit uses all of the host's addresses", "omit --address")
        return {"stack": "inherit"}
    if not addresses:
        raise UsageError("--shared: which address?", "--shared em0 --address 10.0.0.2/24")
    shared = [{"interface": options.shared, "address": text} for text in addresses]
    return {"stack": "shared", "addresses": shared}
