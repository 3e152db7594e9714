"""bsdvirt create"""

from __future__ import annotations

import argparse
from typing import Any

from bsdvirt.app import creation, guests, releases
from bsdvirt.app.batch import Outcome
from bsdvirt.app.changes import set_boot
from bsdvirt.app.session import Session
from bsdvirt.cli.common import add_dry_run, add_json, open_session, report
from bsdvirt.cli.main import Globals
from bsdvirt.cli.output import say
from bsdvirt.errors import UsageError
from bsdvirt.host.facts import read_kernel
from bsdvirt.jail.release import host_release
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.paths import set_paths, split_assignments
from bsdvirt.spec.types import GuestName

KINDS = ("jail", "vm")


class Options(Globals):
    kind: str
    words: list[str]
    release: str | None
    no_fetch: bool
    thick: bool
    network: list[str] | None
    no_network: bool
    address: str | None
    address6: str | None
    hostname: str | None
    cpuset: str | None
    autostart: bool
    start: bool
    dry_run: bool
    json: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=KINDS, help="what to make")
    parser.add_argument(
        "words", nargs="+", metavar="NAME | PROPERTY=VALUE",
        help="names, and properties as `bsdvirt properties jail` lists them",
    )  # fmt: skip
    parser.add_argument("--release", metavar="R", help="the host's own where it is not given")
    parser.add_argument(
        "--no-fetch", action="store_true", help="refuse where the release is not here yet"
    )
    parser.add_argument("--thick", action="store_true", help="a full copy, not a clone")
    parser.add_argument(
        "--network", action="append", metavar="NET", help="an interface on NET; may be repeated"
    )
    parser.add_argument("--no-network", action="store_true", help="lo0 only")
    parser.add_argument("--address", metavar="A", help="IPv4 of the first interface")
    parser.add_argument("--address6", metavar="A", help="IPv6 of the first interface")
    parser.add_argument("--hostname", metavar="H")
    parser.add_argument("--cpuset", metavar="LIST", help="CPUs, such as 0-3,6")
    parser.add_argument("--autostart", action="store_true", help="start at boot")
    parser.add_argument("--start", action="store_true", help="start it, too")
    add_dry_run(parser)
    add_json(parser)


def run(options: Options) -> int:
    names = [str(_name(word)) for word in options.words if "=" not in word]
    if not names:
        raise UsageError("which name?", "bsdvirt create jail NAME")
    if len(set(names)) != len(names):
        raise UsageError("a name is given twice", "name each guest once")
    if options.kind == "vm":
        raise UsageError("virtual machines are not made yet", "create jail NAME")
    if options.address and len(names) > 1:
        raise UsageError("--address goes with one name only", "leave it to the network's pool")
    session = open_session(options, changes=True)
    assignments = split_assignments(word for word in options.words if "=" in word)
    boot = set_boot(
        Boot(auto=options.autostart or session.hostfile.defaults.autostart), assignments
    )
    jail = _jail(session, options, [a for a in assignments if not a[0].startswith("boot.")])
    source = releases.provide(session, jail.release, fetch=not options.no_fetch)
    if source and not options.dry_run:
        say(f"release {jail.release} added from {source}")
    order = creation.Order(tuple(names), jail, boot, options.thick)
    outcomes = creation.create(session, order)
    if options.start and not options.dry_run:
        outcomes = _started(session, outcomes)
    status = report(outcomes, options, as_json=options.json)
    if not options.quiet and not options.json and not options.dry_run:
        _say_how_to_go_on(outcomes, options)
    return status


def _name(word: str) -> GuestName:
    try:
        return GuestName.parse(word)
    except ValueError as error:
        raise UsageError(str(error), "such as web or db-1") from None


def _jail(session: Session, options: Options, assignments: list[tuple[str, str]]) -> Jail:
    """The jail that the options and the properties ask for."""
    given = dict(assignments)
    release = given.pop("release", None) if options.release is None else options.release
    if release is None:
        release = host_release(read_kernel(session.host).release)
    settings: dict[str, Any] = {"kind": "jail", "release": release}
    if nics := _nics(session, options):
        settings["nics"] = nics
    for name in ("hostname", "cpuset"):
        if value := getattr(options, name):
            settings[name] = value
    return set_paths(decode(Jail, settings, "create"), list(given.items()))


def _nics(session: Session, options: Options) -> list[dict[str, Any]]:
    if options.no_network:
        if options.network or options.address or options.address6:
            raise UsageError("--no-network stands alone", "leave --network and --address away")
        return []
    networks = options.network or [str(session.hostfile.defaults.network)]
    nics: list[dict[str, Any]] = [{"network": network} for network in networks]
    for name in ("address", "address6"):
        if value := getattr(options, name):
            nics[0][name] = value
    return nics


def _started(session: Session, created: list[Outcome]) -> list[Outcome]:
    ready = [outcome.name for outcome in created if outcome.ok]
    started = guests.start(session, ready) if ready else []
    made = {outcome.name: outcome.message for outcome in created}
    merged = [_merged(outcome, f"{made[outcome.name]}; {outcome.message}") for outcome in started]
    failed = [outcome for outcome in created if not outcome.ok]
    return sorted([*failed, *merged], key=lambda outcome: outcome.name)


def _merged(outcome: Outcome, message: str) -> Outcome:
    """The outcome with what came before; a guest that does not start is still made."""
    if outcome.error is not None:
        outcome.error.hint = outcome.error.hint or f"it is created; bsdvirt logs {outcome.name}"
    return Outcome(outcome.name, message, outcome.error, outcome.notes)


def _say_how_to_go_on(outcomes: list[Outcome], options: Options) -> None:
    ready = [outcome.name for outcome in outcomes if outcome.ok]
    if ready and options.start:
        print(f"get in: bsdvirt console {ready[0]}")
    elif ready:
        print(f"start it: bsdvirt start {ready[0]}")
