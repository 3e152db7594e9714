"""Every verb that reads prints what its schema says, and every field has help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scenario_driver import Bsdvirt
from scenario_hostile import received
from scenario_hosts import sim_world
from scenario_view import HostView
from scenario_vm import SMALL, image

from bsdvirt.cli.verbs.schema import OUTPUTS
from bsdvirt.rows.base import Row, declared

TYPES = {
    "array": list, "boolean": bool, "integer": int, "null": type(None), "number": float,
    "object": dict, "string": str,
}  # fmt: skip


def _rows(cls: type[Row] = Row) -> Iterator[type[Row]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _rows(sub)


@pytest.mark.parametrize("cls", sorted(set(_rows()), key=str), ids=lambda cls: cls.__name__)
def test_every_field_has_help(cls: type[Row]) -> None:
    found = declared(cls)
    assert set(found) == set(cls.__struct_fields__)
    for name, meta in found.items():
        assert meta.description, name
        assert meta.description.endswith("."), name
    assert cls.__doc__


def _wrong(value: Any, schema: dict[str, Any], parts: dict[str, Any], at: str) -> list[str]:
    """What of a value is not as its JSON Schema says, as far as our schemas go."""
    if "$ref" in schema:
        schema = parts[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        tried = [_wrong(value, one, parts, at) for one in schema["anyOf"]]
        return [] if [] in tried else min(tried, key=len)
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{at}: {value} is none of the enum"]
    if "type" not in schema:
        return []
    kind = TYPES[schema["type"]]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        return [f"{at}: {value!r} is no {schema['type']}"]
    wrong = []
    if isinstance(value, list):
        for number, one in enumerate(value):
            wrong += _wrong(one, schema.get("items", {}), parts, f"{at}.{number}")
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        wrong += [f"{at}.{key}: not declared" for key in value.keys() - known.keys()]
        wrong += [f"{at}.{key}: missing" for key in set(schema["required"]) - value.keys()]
        for key in value.keys() & known.keys():
            wrong += _wrong(value[key], known[key], parts, f"{at}.{key}")
    elif isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
        for key, one in value.items():
            wrong += _wrong(one, schema["additionalProperties"], parts, f"{at}.{key}")
    return wrong


def _check(driver: Bsdvirt, verb: str, *words: str) -> Any:
    shown = driver(*verb.split(), *words, "--json").json()
    assert not _wrong(shown, *_parts(driver, verb), verb)
    return shown


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Bsdvirt, HostView]]:
    with sim_world() as (driver, view):
        data = "datasets=[{name: data, mountpoint: /data, quota: 100M}]"
        driver.ok(
            "create", "jail", "t1", "limits.memoryuse=1G", "boot.auto=yes", "expose=tcp:18080:80",
            "resolver.mode=keep", data, "--start",
        )  # fmt: skip
        driver.ok("create", "jail", "t2", "boot.after=t1")
        driver.ok("mount", "t1", f"{view.host_scratch}:/mnt")
        driver.ok("tag", "t2", "web")
        (view.scratch / "boot.iso").write_bytes(b"\0" * (1 << 20))
        image(driver, view)
        driver.ok("media", "add", f"{view.host_scratch}/boot.iso", "--name", "boot.iso")
        cdroms = "cdroms=[{name: cd0, media: boot.iso}]"
        driver.ok("create", "vm", "v1", "--image", "gold", *SMALL, cdroms)
        driver.ok("start", "v1")
        received(view, "t2", "t3", "-p")
        yield driver, view


def test_reading_verbs_print_what_their_schema_says(world: tuple[Bsdvirt, HostView]) -> None:
    driver, _ = world
    for verb, words in {
        "ls": (), "stats": (), "ps": ("t1",), "mount": ("t1",), "tag": ("t2",), "nic ls": ("t1",),
        "disk ls": ("v1",), "release ls": (), "release available": (),
        "image ls": (), "image info": ("gold",),
        "image profiles": (), "media ls": (), "pool ls": (), "pool usage": (),
        "network ls": (), "network interfaces": (), "cpu map": (),
        "network info": ("private",), "boot plan": (), "boot status": (), "expose": (),
        "doctor": (), "properties": (),
    }.items():  # fmt: skip
        assert _check(driver, verb, *words), verb


def test_info_prints_what_its_schema_says(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    jail, vm, foreign = (_check(driver, "info", name) for name in ("t1", "v1", "t3"))
    assert jail["root"] == f"{view.mountpoint}/guests/t1/root"
    assert jail["usage"]
    assert jail["datasets"][0]["name"] == "data"
    assert vm["pid"]
    assert vm["disks"][0]["bus"] == "virtio"
    assert vm["cdroms"][0]["media"] == "boot.iso"
    assert "root" not in vm
    assert foreign["adopt"] == "bsdvirt adopt t3"
    assert {one["pool"] for one in (jail, vm, foreign)} == {view.root}
    assert {row["pool"] for row in driver.json("ls")} == {view.root}


def test_changes_print_what_their_schema_says(world: tuple[Bsdvirt, HostView]) -> None:
    driver, _ = world
    assert not _wrong(driver.json("stop", "t2"), *_parts(driver, "stop"), "stop")
    failed = driver.json("destroy", "t1", "--yes", status=4)
    assert failed[0]["hint"]
    assert not _wrong(failed, *_parts(driver, "destroy"), "destroy")


def _parts(driver: Bsdvirt, verb: str) -> tuple[dict[str, Any], dict[str, Any]]:
    schema = driver.ok("schema", *verb.split()).json()
    return schema, schema["$defs"]


def test_people_read_sizes_and_no_old_names(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    lines = driver.ok("info", "t1").lines
    assert "  quota:       100M" in lines
    assert not [line for line in lines if line.startswith("home:")]
    (iso,) = driver.json("media", "ls")
    assert driver.ok("media", "ls", "-H").lines == [
        "\t".join(("boot.iso", str(1 << 20), iso["changed"], "v1"))
    ]
    assert "1M" in driver.ok("media", "ls").stdout


def test_a_list_of_schemas_names_each_output(world: tuple[Bsdvirt, HostView]) -> None:
    driver, _ = world
    listed = driver.ok("schema", "--list").lines
    assert {"jail", "vm", "info", "start", *OUTPUTS} <= set(listed)
    for name in listed:
        assert driver.ok("schema", *name.split()).json()["$schema"]
    driver.fails(2, "schema", "lss", says="did you mean ls")
