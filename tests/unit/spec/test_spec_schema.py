"""The table of properties and the JSON Schema: whole, and true to the declarations."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from bsdvirt.spec.base import Live, Spec
from bsdvirt.spec.becomes import Becomes
from bsdvirt.spec.cloud import CloudInit
from bsdvirt.spec.fields import fields_of, item_of, plain, struct_of
from bsdvirt.spec.hostfile import HostFile, PoolFile
from bsdvirt.spec.images import FileName, ImageProfile
from bsdvirt.spec.jail import Jail, Nic
from bsdvirt.spec.mounts import Mount
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Route
from bsdvirt.spec.paths import get_path
from bsdvirt.spec.schema import DIALECT, ROOTS, PropertyInfo, Which, json_schema, properties
from bsdvirt.spec.sizes import VmSize
from bsdvirt.spec.stack import AliasAddress, SharedAddress
from bsdvirt.spec.storage import Delegated
from bsdvirt.spec.types import (
    AbsolutePath,
    DatasetName,
    DeviceName,
    GuestName,
    HttpsUrl,
    IpAddress,
    Memory,
    Space,
    Subnet,
)
from bsdvirt.spec.vm import Cdrom, Disk, Vm, VmNic

ALL = properties()
ROUTE = Route(to=Subnet("10.5.0.0/16"), via=IpAddress("10.77.0.5"))
EXAMPLES: dict[Which, Any] = {
    "jail": Jail(
        release="a",
        nics=[Nic(network=GuestName("lan"), routes=[ROUTE])],
        mounts=[Mount(name=GuestName("p"), type="procfs")],
        datasets=[Delegated(name=DeviceName("d"), mountpoint=AbsolutePath("/d"))],
    ),
    "vm": Vm(
        memory=Memory(1 << 30),
        nics=[VmNic(network=GuestName("lan"), routes=[ROUTE])],
        disks=[Disk(name=DeviceName("disk0"), size=Space(1 << 30))],
        cdroms=[Cdrom(name=DeviceName("cd0"))],
        cloud=CloudInit(),
    ),
    "network": Network(id=1, routes=[ROUTE]),
    "host": HostFile(dataset=DatasetName("tank")),
    "pool": PoolFile(dataset=DatasetName("tank2"), mountpoint=AbsolutePath("/second")),
    "image": ImageProfile(url=HttpsUrl("https://a/b.img"), checksums=FileName("SHA256SUMS")),
    "size": VmSize(cpus=1, memory=Memory(1 << 30), disk=Space(1 << 30)),
}
SHARED = Jail(
    release="a", stack="shared", addresses=[SharedAddress(address=AliasAddress("10.0.0.2/24"))]
)
"""Addresses do not go with interfaces."""


@pytest.mark.parametrize("info", ALL, ids=lambda info: f"{info.kinds[0]}-{info.name}")
def test_every_property_says_what_it_is(info: PropertyInfo) -> None:
    assert re.fullmatch(r"[A-Z`].*\.", info.help), "help is one sentence"
    assert info.type
    assert "\n" not in info.help + info.type
    assert isinstance(info.live, Live)


GIVEN = ("url", "checksums", "disks.NAME.size", "mounts.NAME.type", "datasets.NAME.mountpoint")
"""What the examples do not leave as it is by default."""


def _declared(cls: type[Spec]) -> Iterator[tuple[type[Spec], Becomes]]:
    """What each property becomes, with the struct that has the property."""
    for field in fields_of(cls).values():
        yield from ((cls, one) for one in field.becomes)
        inner = struct_of(item_of(field.type) or field.type)
        if inner is not None:
            yield from _declared(inner)


@pytest.mark.parametrize("root", ROOTS.values())
def test_what_a_property_becomes_is_written_by_something_that_is_there(root: type[Spec]) -> None:
    for cls, one in _declared(root):
        assert not one.by or importlib.util.find_spec(f"bsdvirt.{one.by}"), one
        assert not one.of or hasattr(cls, one.of), one


def test_names_lead_somewhere() -> None:
    for kind, example in EXAMPLES.items():
        for info in properties(kind):
            if not info.name.startswith("boot.") and info.name not in GIVEN:
                whole = SHARED if info.name.startswith("addresses.") else example
                value = plain(get_path(whole, re.sub(r"\.N(AME)?\b", ".0", info.name)))
                assert value == info.default or info.required, info.name


def test_some_rows() -> None:
    rows = {info.name: info for info in properties("jail")}
    assert rows["nics.N.address"].type == "pool | dhcp | none | an IPv4 address"
    assert rows["nics.N.mtu"].type == "integer 72..65535"
    assert rows["limits.memoryuse"].type == "size"
    assert rows["resolver.servers"].type == "list of IP address, at most 3"
    assert rows["limits.pcpu"].unit == "%"
    assert rows["boot.order"].default == 100
    assert rows["release"].required
    assert rows["release"].live is Live.NEVER
    assert len({(info.kinds, info.name) for info in ALL}) == len(ALL)


@pytest.mark.parametrize("which", list(ROOTS))
def test_schema_is_json_with_descriptions(which: Which) -> None:
    schema = json.loads(json.dumps(json_schema(which)))
    assert schema["$schema"] == DIALECT
    assert schema["additionalProperties"] is False
    for name, one in schema["properties"].items():
        assert name == "kind" or one["description"]


@pytest.mark.parametrize("which", list(ROOTS))
def test_schema_agrees_with_the_defaults(which: Which) -> None:
    check(json_schema(which), plain(EXAMPLES[which], defaults=True), which)


@pytest.mark.parametrize(
    "value",
    [
        {"release": 14},
        {"release": "a\n"},
        {"release": "a", "nics": [{}] * 9},
        {"release": "a", "nics": [{"address": "dhcp"}]},
        {"release": "a", "limits": {"memoryuse": "5X"}},
        {"release": "a", "params": {"vnet": "new"}},
        {"release": "a", "params": {"sysvshm": "on"}},
        {"release": "a", "other": 1},
        {},
    ],
)
def test_schema_refuses_what_is_wrong(value: Any) -> None:
    with pytest.raises(AssertionError):
        check(json_schema("jail"), value, "jail")


TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def check(schema: dict[str, Any], value: Any, at: str) -> None:
    """As much of JSON Schema as our schemas use."""
    if "const" in schema:
        assert value == schema["const"], at
    if "enum" in schema:
        assert value in schema["enum"], at
    if "not" in schema:
        assert value not in schema["not"]["enum"], at
    if "anyOf" in schema:
        assert any(passes(one, value) for one in schema["anyOf"]), at
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(
            isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
            for kind in kinds
        ), at
    if isinstance(value, str):
        assert re.search(schema.get("pattern", ""), value), at
        assert len(value) <= schema.get("maxLength", len(value)), at
    if isinstance(value, int | float):
        assert schema.get("minimum", value) <= value <= schema.get("maximum", value), at
    if isinstance(value, list):
        assert len(value) <= schema.get("maxItems", len(value)), at
        for number, item in enumerate(value):
            check(schema["items"], item, f"{at}.{number}")
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= value.keys(), at
        for name, item in value.items():
            check(schema.get("propertyNames", {}), name, f"{at}.{name}")
            inner = schema["properties"].get(name, schema["additionalProperties"])
            assert inner is not False, f"{at}.{name}"
            check(inner, item, f"{at}.{name}")


def passes(schema: dict[str, Any], value: Any) -> bool:
    try:
        check(schema, value, "")
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("module", ["yaml", "ipaddress", "difflib"])
def test_reading_an_identity_imports_little(module: str) -> None:
    code = (
        "import sys; before = set(sys.modules); from bsdvirt.spec import load;"
        """load.identity_from_json('{"id":1,"uuid":"5b6df377-1597-44d5-8742-c26e52c7da81","kind":"jail"}');"""
        f"sys.exit({module!r} in set(sys.modules) - before)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
