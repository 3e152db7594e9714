"""bsdvirt schema"""

from __future__ import annotations

import argparse
from typing import Any, get_args

import msgspec
from msgspec import Struct

from bsdvirt.cli.output import print_json
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import UsageError
from bsdvirt.rows import (
    archive,
    cpu,
    events,
    guest,
    history,
    host,
    jail,
    library,
    log,
    report,
    snapshot,
    storage,
    usage,
    vm,
)
from bsdvirt.rows.base import Row
from bsdvirt.spec.base import did_you_mean
from bsdvirt.spec.schema import DIALECT, PropertyInfo, Which, json_schema


class Output(Struct, frozen=True):
    """What a verb prints with --json: one of these rows, or a list of them."""

    rows: tuple[type[Row] | type[str], ...]
    many: bool = True


CHANGES = (
    "adopt",
    "boot start",
    "boot stop",
    "cdrom eject",
    "cdrom insert",
    "clone",
    "cpu rebalance",
    "create",
    "destroy",
    "disk add",
    "disk resize",
    "disk rm",
    "export",
    "import",
    "network confirm",
    "network revert",
    "network set",
    "nic add",
    "nic rm",
    "pause",
    "promote",
    "release update",
    "rename",
    "reset",
    "restart",
    "resume",
    "rollback",
    "set",
    "send",
    "standby promote",
    "snapshot create",
    "snapshot hold",
    "snapshot periodic",
    "snapshot prune",
    "snapshot release",
    "snapshot rm",
    "start",
    "stop",
    "uefi reset",
    "uefi restore",
    "uninit",
    "unmount",
    "upgrade",
)
EVENT = "event"
OUTPUTS = {
    "ls": Output((guest.GuestRow,)),
    "info": Output((jail.JailInfo, vm.VmInfo, guest.ForeignInfo), many=False),
    "stats": Output((guest.UsageRow,)),
    "stats counters": Output((usage.Sample,), many=False),
    "stats since": Output((history.GuestPast, history.HostPast)),
    "top": Output((usage.Figures,), many=False),
    "logs": Output((log.LogPart,), many=False),
    "limits": Output((usage.LimitRow,)),
    "ps": Output((jail.ProcessRow,)),
    "mount": Output((jail.MountRow,)),
    "tag": Output((str,)),
    "snapshot diff": Output((snapshot.DiffRow,)),
    "snapshot ls": Output((snapshot.SnapshotRow, snapshot.SnapshotNode)),
    "expose": Output((host.ExposeRow,)),
    "nic ls": Output((guest.NicRow,)),
    "disk ls": Output((vm.DiskRow,)),
    "cpu explain": Output((cpu.CpuChoice,), many=False),
    "cpu map": Output((cpu.CpuMap,), many=False),
    "release ls": Output((library.ReleaseRow,)),
    "release available": Output((library.AvailableRow,)),
    "outdated": Output((library.OutdatedRow,)),
    "import list": Output((archive.ArchiveRow,), many=False),
    "image ls": Output((library.ImageRow,)),
    "image info": Output((library.ImageRow,), many=False),
    "image profiles": Output((library.ProfileRow,)),
    "media ls": Output((library.MediumRow,)),
    "pool ls": Output((host.PoolRow,)),
    "pool usage": Output((storage.StorageRow,), many=False),
    "network ls": Output((host.NetworkRow,)),
    "network interfaces": Output((host.InterfaceRow,)),
    "network info": Output((host.NetworkRow,), many=False),
    "boot plan": Output((guest.BootPlan,), many=False),
    "boot status": Output((guest.BootRow,)),
    "doctor": Output((host.Finding, host.PlannedRow)),
    "events": Output((events.Operation,)),
    "report": Output((report.Section,)),
    "properties": Output((PropertyInfo,)),
    EVENT: Output(events.EVENTS, many=False),
    **dict.fromkeys(CHANGES, Output((guest.OutcomeRow,))),
}
"""The type of each verb's output with --json, and of a line of --events json. `get` prints the
contents of the guest's file."""


class Options(Globals):
    words: list[str]
    list: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="FILE | VERB",
        help="a file (jail, vm, network, host, pool, image, size; default: jail), or a verb for"
        " its JSON output, such as ls or network ls, or event for a line of --events json",
    )  # fmt: skip
    parser.add_argument("-l", "--list", action="store_true", help="list these files and verbs")


def run(options: Options) -> int:
    files = get_args(Which)
    if options.list:
        print("\n".join((*files, *OUTPUTS)))
        return 0
    which = " ".join(options.words) or "jail"
    which = "pool" if which == "root" else which
    if which in files:
        print_json(json_schema(which))  # type: ignore[arg-type]
    elif which in OUTPUTS:
        title = "a line of --events json" if which == EVENT else f"bsdvirt {which} --json"
        print_json({"$schema": DIALECT, **output_schema(title, OUTPUTS[which])})
    else:
        hint = did_you_mean(which, (*files, *OUTPUTS)) or "bsdvirt schema --list"
        raise UsageError(f"schema: no file and no verb {which}", hint)
    return 0


def output_schema(title: str, output: Output) -> dict[str, Any]:
    """Return the JSON Schema of a verb's output, with the help and the unit of each field."""
    found, parts = msgspec.json.schema_components(output.rows, ref_template="#/$defs/{name}")
    row: dict[str, Any] = found[0] if len(found) == 1 else {"anyOf": list(found)}
    whole = {"type": "array", "items": row} if output.many else row
    return {"title": title, **whole, "$defs": parts}
