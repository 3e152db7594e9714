"""What listings read without msgspec is what load.py reads, or is left to it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from bsdvirt.errors import UsageError
from bsdvirt.ops.show.guests import UNITS
from bsdvirt.rows.base import declared, unit_of
from bsdvirt.rows.guest import GuestRow
from bsdvirt.spec.brief import Brief, brief_host, brief_identity
from bsdvirt.spec.identity import MAX_BYTES, Identity
from bsdvirt.spec.load import identity_from_json, load_hostfile

UUID = "1fbf9926-da99-43e0-a9fc-b402e6d14ce3"
CLAIM = {"network": "private", "mac": "02:70:7b:a7:76:8a", "address": "10.77.0.3/24"}
JAIL = {
    "id": 2, "uuid": UUID, "kind": "jail", "created": "2026-11-28T02:10:05Z",
    "release": "15.1-RELEASE", "nics": [CLAIM], "host": "6446cec4-e416-4bd7-b938-ef5f4784b967",
}  # fmt: skip
VM = {
    "id": 2047, "uuid": UUID, "kind": "vm", "v": 1, "template": True, "tags": ["web", "db.2"],
    "nics": [CLAIM | {"slot": 6, "address6": "fd00::3/64", "aliases": ["10.77.0.9/32", "::1"]}],
    "disks": {"root": {"slot": 4, "port": 0, "serial": "BHYVE-1A", "eui64": "0x00112233445566aa"},
              "cd": {"port": 1, "slot": None}},
    "cpus": {"cpus": "0-3,6", "exclusive": True},
    "boot": {"auto": True, "order": 3, "after": ["db"], "delay": 5, "ready": "tcp:80",
             "ready_timeout": 9, "ready_policy": "continue"},
    "shared": [{"address": "192.0.2.1/24", "interface": "em0"}], "root": "/srv/web",
    "root_dataset": "tank/web", "release": "", "host": "", "created": "2026-11-28T02:10:05Z",
}  # fmt: skip
FIELDS = (
    "id", "uuid", "kind", "release", "host", "tags", "template", "root", "autostart", "boot_order",
    "next", "next_shared", "created", "root_dataset", "v",
)  # fmt: skip
CLAIMED = ("network", "mac", "address", "address6", "slot", "aliases")


def same(text: str) -> bool:
    """Whether the value is read briefly; whatever is, load.py reads too, and alike."""
    try:
        whole = identity_from_json(text)
    except UsageError as error:
        with pytest.raises(UsageError) as raised:
            brief_identity(text, identity_from_json)
        assert str(raised.value) == str(error)
        return False
    brief = brief_identity(text, identity_from_json)
    assert {name: getattr(brief, name) for name in FIELDS} == {
        name: getattr(whole, name) for name in FIELDS
    }
    assert [[getattr(nic, name) for name in CLAIMED] for nic in brief.nics] == [
        [getattr(nic, name) for name in CLAIMED] for nic in whole.nics
    ]
    assert brief.addresses() == whole.addresses()
    assert [(one.address, one.interface) for one in brief.shared] == [
        (one.address, one.interface) for one in whole.shared
    ]
    assert (brief.boot, brief.disks, brief.cpus) == (whole.boot, whole.disks, whole.cpus)
    return isinstance(brief, Brief)


@pytest.mark.parametrize("value", [JAIL, VM, {"id": 1, "uuid": UUID, "kind": "jail"}])
def test_what_is_usual_is_read_briefly(value: dict[str, Any]) -> None:
    assert same(json.dumps(value))
    assert same(json.dumps(value, separators=(",", ":")))


ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, 31, 32, 2047, 2048, -1, 1.0, 1e3, 10**400, "", "a", "A", "0", "00",
    "web", "Web", "-", ".", "..", "/", "/a/", "/a", "/a/../b", "/a b", "//a", "tank/a", "tank//a",
    "tank/..", "1tank", "\u00e9", "\n", "a\n", "\\", "\x7f", "x" * 15, "x" * 16, "x" * 33,
    "x" * 65, "x" * 300, "1.2.3.4", "1.2.3.4/24", "1.2.3.4/33", "1.2.3.04", "1.2.3", "01.2.3.4",
    "256.1.1.1", "::", "::1", "1::2::3", "fd00::1/64", "fd00::1/129", "FD00::1", "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7", "::ffff:1.2.3.4", "fe80::1%em0", "02:00:00:00:00:01", "03:00:00:00:00:01",
    "02:00:00:00:00", "2:0:0:0:0:1", "02-00-00-00-00-01", UUID, UUID.upper(), UUID[:-1],
    "2026-11-28", "2026-11-28T02:10:05Z", "2026-1-28T02:10:05ZZ", "2026T11-28-02:10:05Z", "0-3",
    "3-0", "1,0", "0,1", "0-1023", "1024", "0-1,2", "0,0", "0x", "0x00112233445566aa", "jail",
    "vm", [], [1], ["a"], ["a", "a"], ["A"], {}, {"a": 1}, {"port": 0}, {"a": {"port": 0}},
    {"A": {"port": 0}}, {"a": {"port": 32}}, {"a": {"port": 0, "slot": 32}}, [{}], [CLAIM],
    [CLAIM] * 9, [CLAIM | {"x": 1}], {"cpus": "0"}, {"auto": True}, {"auto": 1}, {"order": 10000},
    {"ready": "tcp:0"}, {"after": ["web"]}, [{"address": "1.2.3.4/24"}],
)  # fmt: skip


@pytest.mark.parametrize("name", [*VM, "next", "next_shared", "unknown"])
def test_what_is_odd_is_read_by_the_authority(name: str) -> None:
    for odd in ODD:
        same(json.dumps(VM | {name: odd}, ensure_ascii=False))
        same(json.dumps(JAIL | {name: odd}))
    same(json.dumps({key: value for key, value in VM.items() if key != name}))


@pytest.mark.parametrize("name", [*CLAIMED, "unknown"])
def test_so_are_odd_claims(name: str) -> None:
    for odd in ODD:
        same(json.dumps(JAIL | {"nics": [CLAIM | {name: odd}]}))


@pytest.mark.parametrize(
    "name", ["auto", "order", "after", "delay", "ready", "ready_timeout", "ready_policy", "unknown"]
)
def test_so_is_what_is_odd_about_the_boot(name: str) -> None:
    for odd in (*ODD, "tcp:", "tcp:0", "tcp:65535", "tcp:65536", "tcp:080", "tcp:8 0", "true", 600):
        same(json.dumps(JAIL | {"boot": {name: odd}}))
        same(json.dumps(JAIL | {"boot": {name: [odd, odd]}}))


def test_so_are_other_odd_claims() -> None:
    for odd in ODD:
        same(json.dumps(JAIL | {"shared": [{"address": odd}]}))
        same(json.dumps(JAIL | {"disks": {"a": {"port": 0, "serial": odd}}}))
        same(json.dumps(JAIL | {"disks": {"a": {"port": 0, "eui64": odd}}}))
        same(json.dumps(JAIL | {"cpus": {"cpus": odd}}))


def test_so_is_what_is_damaged() -> None:
    draw = random.Random(14)
    text = json.dumps(VM)
    for _ in range(1500):
        at = draw.randrange(len(text))
        with_it = (
            text[:at]
            + draw.choice("\"'{}[]:,0aZ \t\n\\\u00e9-.")
            + text[at + draw.choice((0, 1, 1)) :]
        )
        same(with_it)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "[" * 100_000, '{"id":1,"id":1,"uuid":"x","kind":"jail"}', "{", "NaN",
     json.dumps(JAIL) + " x", json.dumps(JAIL | {"tags": ["a" * 30] * MAX_BYTES})],
)  # fmt: skip
def test_so_is_what_is_no_identity(text: str) -> None:
    assert not same(text)


def test_what_is_not_in_a_listing_is_read_when_it_is_asked_for() -> None:
    brief = brief_identity(json.dumps(VM), identity_from_json)
    assert isinstance(brief, Brief)
    assert isinstance(brief.boot, type(Identity(id=1, uuid="", kind="jail").boot))


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ("dataset: zroot/bsdvirt", True),
        ("# a comment\n\ndataset: zroot/bsdvirt\nmountpoint: /srv/jails\n", True),
        ("dataset: zroot\n", True),
        ("dataset: zroot/bsdvirt\nparallel: 4\nplacement_policy: pack\n", True),
        ("dataset: zroot\nboot:\n  budget: 60\ndefaults:\n  network: lan\n  autostart: true\n"
         "stats:\n  interval: 5\nzfs:\n  backend: zfs\nexpose:\n  filtered: false\n", True),
        ("dataset: zroot\nboot:\n  budget: 2\n", False),
        ("dataset: zroot\nboot:\n  budget: 060\n", False),
        ("dataset: zroot\nboot:\n    budget: 60\n", False),
        ("dataset: zroot\nboot:\n  budget: 60\n  budget: 60\n", False),
        ("dataset: zroot\nboot:\n", False),
        ("dataset: zroot\nboot: \n", False),
        ("boot:\n  dataset: zroot\n", False),
        ("  dataset: zroot\n", False),
        ("dataset: zroot\n  mountpoint: /srv\n", False),
        ("dataset: zroot\nparallel: 65\n", False),
        ("dataset: zroot\nunknown: 1\n", False),
        ("dataset: zroot\ndefaults:\n  network: no\n", False),
        ("dataset:\n  dataset: zroot\n", False),
        ("dataset: zroot/bsdvirt\nzfs:\n  backend: libzfs\n", False),
        ("dataset: zroot/bsdvirt\ndataset: tank\n", False),
        ("dataset: 'zroot/bsdvirt'\n", False),
        ("dataset: yes\n", False),
        ("dataset: zroot/../x\n", False),
        ("dataset: zroot # x\n", False),
        ("dataset: zroot\nmountpoint: srv\n", False),
        ("dataset: zroot\nmountpoint: /srv/\n", False),
        ("dataset:  zroot\n", False),
        ("dataset: zroot\tx\n", False),
        ("dataset: -o\n", False),
        ("mountpoint: /srv\n", False),
        ("", False),
    ],
)  # fmt: skip
def test_a_host_file_as_init_writes_it_is_read_briefly(text: str, usual: bool) -> None:
    brief = brief_host(text)
    assert (brief is not None) == usual
    if brief is not None:
        whole = load_hostfile(text)
        assert brief == (str(whole.dataset), str(whole.mountpoint))


def test_the_units_of_a_listing_are_those_of_its_rows() -> None:
    units = {name: unit_of(GuestRow, name) for name in declared(GuestRow)}
    assert {name: unit for name, unit in units.items() if unit} == UNITS
