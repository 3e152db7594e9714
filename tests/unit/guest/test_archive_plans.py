"""Archives: the plans that write and read them, and manifests that cannot be believed."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import msgspec
import pytest

from bsdvirt.errors import UsageError
from bsdvirt.guest.archive.export import Source, Target, plan_export
from bsdvirt.guest.archive.manifest import Shown, Stream, shown_from_json
from bsdvirt.guest.archive.parts import Parts, Place
from bsdvirt.guest.archive.receive import Packed, check_parts, plan_import
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.kinds import KINDS
from bsdvirt.layout import Layout
from bsdvirt.plan.step import Command, Pipeline, Plan
from bsdvirt.session.recovery import bounds
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.load import load_guest

LAYOUT = Layout("zroot/bsdvirt", "/bsdvirt")
GUEST = Guest("web", LAYOUT, Identity(id=3, uuid="u", kind="jail", host="h"))
OP = "0123456789abcdef"
SHA = "0" * 64


def entry(id: str, part: str, kind: str = "filesystem", form: str = "zfs", **more: Any) -> Any:
    volsize = 1 << 20 if kind == "volume" else None
    return {"id": id, "kind": kind, "form": form, "part": part, "size": 100, "volsize": volsize,
            "raw": False, **more}  # fmt: skip


def shown(*entries: Any, **more: Any) -> dict[str, Any]:
    manifest = {
        "format": 1, "by": "bsdvirt 1", "name": "web", "kind": "jail",
        "created": "2026-11-27T10:30:00Z", "host": "h", "uuid": "u", "snapshot": "a",
        "running": False, "release": "15.1-RELEASE", "tags": ["front"], "compress": "none",
        "streams": list(entries), "config": "kind: jail\nrelease: 15.1-RELEASE\n",
        "member": 1 << 24, **more,
    }  # fmt: skip
    checksums = {one["id"]: {"length": 10, "sha256": SHA, "guid": 7} for one in entries}
    return {"encrypt": "none", "manifest": manifest, "checksums": checksums}


def parsed(data: Any) -> Shown:
    return shown_from_json(json.dumps(data), "web.bsdvirt")


WEB = shown(entry("0-data", "data"), entry("1-root", "root"))
VM = shown(entry("0-disk0", "disk0", "volume"), entry("1-vars", "uefi-vars.fd", "file", "file"),
           kind="vm")  # fmt: skip


def argvs(plan: Plan) -> list[str]:
    """The commands of a plan, by the word that says what each does."""
    found = []
    for step in (*plan.steps, *plan.finish):
        match step.do:
            case Command(argv=argv):
                found.append(" ".join(argv))
            case Pipeline(left=left, right=right):
                found.append(f"{' '.join(left)} | {' '.join(right)}")
            case _:
                found.append(type(step.do).__name__)
    program = " ".join(tools.ARCHIVE)
    return [text.replace(program, "archive") for text in found]


def test_an_export_is_these_commands() -> None:
    source = Source(GUEST, "a", "/bsdvirt/guests/web")
    plan = plan_export(source, parsed(WEB).manifest, Target("/b/web.bsdvirt"), OP)
    own, job = "zroot/bsdvirt/guests/web", "/var/run/bsdvirt/archive.web.json"
    config = "/bsdvirt/guests/web/.zfs/snapshot/a/guest.yaml"
    assert argvs(plan) == [
        "WriteFile",
        f"archive begin {job} {config}",
        f"/sbin/zfs send -L -e -c -vP {own}/data@a | archive add {job} 0-data",
        f"/sbin/zfs send -L -e -c -vP {own}/root@a | archive add {job} 1-root",
        f"archive end {job} {config}",
        f"archive publish {job}",
        "RemoveFile",
    ]
    # What recovery would do to it is within what recovery may do.
    assert bounds(LAYOUT).beyond(plan) == ""


def test_a_raw_stream_and_a_portable_export() -> None:
    source = Source(GUEST, "a", "/bsdvirt/guests/web")
    every = shown(
        entry("0-data", "data", raw=True), entry("1-root", "root", form="tar"),
        entry("2-disk", "disk", "volume", "raw"),
    )  # fmt: skip
    plan = plan_export(source, parsed(every).manifest, Target("/b/web.bsdvirt"), OP)
    own, job = "zroot/bsdvirt/guests/web", "/var/run/bsdvirt/archive.web.json"
    assert argvs(plan)[2:7] == [
        f"/sbin/zfs send -w -vP {own}/data@a | archive add {job} 0-data",
        "/usr/bin/tar -cf - --numeric-owner -C /bsdvirt/guests/web/root/.zfs/snapshot/a ."
        f" | archive add {job} 1-root",
        f"/sbin/zfs clone -o bsdvirt:op={OP} -o volmode=dev {own}/disk@a {own}/export-2",
        "Await",
        f"/bin/dd if=/dev/zvol/{own}/export-2 bs=1m status=progress | archive add {job} 2-disk",
    ]
    assert argvs(plan)[-2] == f"/sbin/zfs destroy -r {own}/export-2"


def test_no_secret_is_a_word_of_a_command() -> None:
    target = Target("/b/web.bsdvirt", encrypt="openssl", to="/root/passphrase")
    source = Source(GUEST, "a", "/bsdvirt/guests/web")
    plan = plan_export(source, parsed(WEB).manifest, target, OP)
    assert not [text for text in argvs(plan) if "passphrase" in text or "kind: jail" in text]


def imported(data: Any, config: str) -> Plan:
    found = parsed(data)
    streams = tuple(Stream(one, found.checksums[one.id]) for one in found.manifest.streams)
    parts = KINDS[found.manifest.kind].archived(load_guest(config))
    check_parts(found.manifest.streams, parts, "web.bsdvirt")
    return plan_import(GUEST, Packed("/b/web.bsdvirt", streams), parts, config, OP)


JAIL = "kind: jail\nrelease: 15.1-RELEASE\ndatasets: [{name: data, mountpoint: /data}]\n"


def test_an_import_is_these_commands() -> None:
    own, mark = "zroot/bsdvirt/guests/web", f"-o bsdvirt:op={OP}"
    data = shown(
        entry("0-data", "data"), entry("1-x", "data/-x y"), entry("2-v", "data/v", "volume"),
        entry("3-root", "root"),
    )  # fmt: skip
    plan = imported(data, JAIL)
    assert [text for text in argvs(plan) if not text.startswith("/sbin/zfs create")] == [
        f"archive stream /b/web.bsdvirt 0-data | /sbin/zfs receive -u {mark} -o mountpoint=/data"
        f" -o jailed=on {own}/data@import",
        f"/sbin/zfs destroy {own}/data@import",
        f"archive stream /b/web.bsdvirt 1-x | /sbin/zfs receive -u {mark} {own}/data/-x y@import",
        f"/sbin/zfs destroy {own}/data/-x y@import",
        f"archive stream /b/web.bsdvirt 2-v | /sbin/zfs receive -u {mark} -o volmode=dev"
        f" {own}/data/v@import",
        f"/sbin/zfs destroy {own}/data/v@import",
        f"archive stream /b/web.bsdvirt 3-root | /sbin/zfs receive -u {mark} {own}/root@import",
        f"/sbin/zfs destroy {own}/root@import",
        f"/sbin/zfs mount {own}/root",
        "WriteFile",
        *(f"/sbin/zfs inherit bsdvirt:op {one}"
          for one in (f"{own}/data", f"{own}/data/-x y", f"{own}/data/v", f"{own}/root", own)),
    ]  # fmt: skip
    assert bounds(LAYOUT).beyond(plan) == ""


def test_a_disk_and_the_variables_of_a_virtual_machine() -> None:
    plan = imported(VM, "kind: vm\nmemory: 64M\ndisks: [{name: disk0, size: 1M}]\n")
    assert argvs(plan)[1:6] == [
        "archive stream /b/web.bsdvirt 0-disk0 | /sbin/zfs receive -u"
        f" -o bsdvirt:op={OP} -o volmode=dev -o compression=lz4 -o sync=standard"
        " zroot/bsdvirt/guests/web/disk0@import",
        "/sbin/zfs destroy zroot/bsdvirt/guests/web/disk0@import",
        "Await",
        "archive extract /b/web.bsdvirt 1-vars /bsdvirt/guests/web/uefi-vars.fd",
        "WriteFile",
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (shown(entry("0-root", "root")), "data is missing"),
        (shown(entry("0-root", "root"), entry("1-data", "data"), entry("2-etc", "etc")),
         "names no filesystem etc"),
        (shown(entry("0-root", "root", "volume"), entry("1-data", "data")), "names no volume root"),
        (shown(entry("0-root", "root"), entry("1-x", "root/x"), entry("2-data", "data")),
         "names no filesystem root/x"),
        (shown(entry("0-root", "root"), entry("1-data", "data"), entry("2-y", "data/x/y")),
         "without data/x"),
        (shown(entry("0-root", "root"), entry("1-data", "data"),
               entry("2-f", "guest.yaml", "file", "file")), "guest.yaml is not a file of such"),
    ],
)  # fmt: skip
def test_only_what_the_guests_file_names_is_in_it(data: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        imported(data, JAIL)


@pytest.mark.parametrize("part", ["../x", "/etc", "a/../b", "a//b", "", "a@b", "a\n", "..",
                                  "a/", "a/./b", "a#b", "a" * 300])  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(part: str) -> None:
    with pytest.raises(UsageError):
        parsed(shown(entry("0-root", part)))


@pytest.mark.parametrize(
    "data",
    [
        shown(entry("0-root", "root"), entry("1-root", "root")),
        shown(entry("0-root", "root", "file", "zfs")),
        shown(entry("0-root", "root", form="raw")),
        shown(entry("0-root", "root", "volume", volsize=None)),
        shown(entry("0-root", "root"), format=2),
        shown(entry("0-root", "root"), more=1),
        shown(entry("0-root", "root"), kind="image"),
        shown(entry("0-root", "root"), tags=["a b"]),
        shown(*(entry(f"{n}-a", f"a{n}") for n in range(1025))),
        {**shown(entry("0-root", "root")), "checksums": {}},
        shown(entry("0-root", "root", size=-1)),
        shown(entry("0-root", "root", size=1 << 80)),
    ],
)
def test_manifests_that_are_refused(data: Any) -> None:
    with pytest.raises(UsageError):
        parsed(data)


VALUES: tuple[Any, ...] = (None, True, -1, 1 << 70, "", "x", "../..", "\0", [], {}, [[]], 1.5)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in nested data: what holds it, and its key."""
    found: list[tuple[Any, Any]] = []
    for key in value if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            found += places(value[key])
    return found


def test_any_manifest_is_read_or_refused() -> None:
    """Never another error, whatever stands in it; and what is read can be written again."""
    source = random.Random(16)  # noqa: S311
    parts = Parts({"root": Place("filesystem"), "data": Place("filesystem", nested=())})
    for _ in range(2000):
        data = copy.deepcopy(source.choice((WEB, VM)))
        for _ in range(source.randint(1, 3)):
            holder, key = source.choice(places(data))
            if source.random() < 0.2 and isinstance(holder, dict):
                del holder[key]
            else:
                holder[key] = copy.deepcopy(source.choice(VALUES))
            if not places(data):
                break
        try:
            found = parsed(data)
            check_parts(found.manifest.streams, parts, "web.bsdvirt")
        except UsageError:
            continue
        assert msgspec.json.encode([one.part for one in found.manifest.streams])
