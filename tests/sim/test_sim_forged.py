"""What root in a jail, or whoever sends a guest, puts into properties and names: it becomes no
guest, no row, no option and no word of a shell, and stops no verb for the others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView

from bsdvirt.errors import BsdvirtError
from bsdvirt.spec.load import identity_from_json
from bsdvirt_sim import SimHost

EVIL = "/bsdvirt/guests/aaa/root/tmp/x;touch ${HOME}..pwned;"
ODD = ("A.B", "-rf", "x y", "web\nweb", "é", "..", "a" * 80, "web\tx")
GOOD: dict[str, Any] = {"id": 1, "uuid": "11111111-2222-4333-8444-555555555555", "kind": "jail"}
START = json.dumps(GOOD)[:-1]
IDENTITIES = {
    "deep in a list": '{"id":' + "[" * 4000 + "]" * 4000 + "}",
    "deep where nothing is known": START + ',"zz":' + "[" * 4000 + "]" * 4000 + "}",
    "deep in objects": '{"id":' + '{"a":' * 1500 + "1" + "}" * 1500 + "}",
    "a surrogate": START + ',"release":"\\ud800"}',
    "a NUL": START + ',"release":"\\u0000"}',
    "a number without end": '{"id":' + "9" * 5000 + ',"uuid":"x","kind":"jail"}',
    "infinity": '{"id":1e400,"uuid":"x","kind":"jail"}',
    "a negative id": START.replace('"id": 1', '"id": -5') + "}",
    "an id that no interface has": START.replace('"id": 1', '"id": 99999999') + "}",
    "a list": "[]",
    "null": "null",
    "a number": "3",
    "nothing": "",
    "no MAC": START + ',"nics":[{"network":"private","mac":"zz"}]}',
    "a network that is a path": START
    + ',"nics":[{"network":"../../etc/x","mac":"02:00:00:00:00:00","address":"1.2.3.4/24;id"}]}',
    "half of it": '{"id":1}',
    "no kind": START.replace("jail", "zone") + "}",
}


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Bsdvirt, HostView]]:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "aaa", "web", "datasets.d.mountpoint=/d")
        driver.ok("start", "aaa", "web")
        yield driver, view


def _forged() -> str:
    """A value that, printed as a row, ends its own and begins guest web's."""
    identity = json.dumps(GOOD | {"id": 9, "nics": [], "root": EVIL})
    row = ["zroot/bsdvirt/guests/web", "filesystem", "1", "1", "1", "-", "/bsdvirt/guests/web",
           "yes", "-", identity, "-", "off", "-", "-"]  # fmt: skip
    return "{}\t-\ton\t-\t-\n" + "\t".join(row) + "\nzroot/bsdvirt/guests/aaa/zz\tfilesystem"


def _all_is_well(driver: Bsdvirt) -> None:
    """Every kind of verb that reads all guests, and one that stops and starts one."""
    assert {"aaa", "web"} <= {guest["name"] for guest in driver.json("ls")}
    assert driver.json("info", "web")["state"] == "running"
    driver.ok("ls")
    driver.ok("boot", "plan")
    driver.ok("stop", "web")
    shown = driver.ok("start", "web", "-n").stdout
    assert "touch" not in shown
    assert "pwned" not in shown
    driver.ok("start", "web")
    assert "touch" not in (driver("doctor").stdout + driver("doctor", "--repair").stdout)
    driver.ok("set", "web", "description=x")


def test_properties_that_hold_rows(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    assert isinstance(view.host, SimHost)
    with view.host.change() as state:
        for name in ("bsdvirt:guest", "bsdvirt:op", "bsdvirt:image", "x:y"):
            state.datasets["zroot/bsdvirt/guests/aaa/d"].props[name] = _forged()
    _all_is_well(driver)


@pytest.mark.parametrize("what", IDENTITIES)
def test_an_identity_that_is_none_is_refused_in_words(what: str) -> None:
    with pytest.raises(BsdvirtError) as raised:
        identity_from_json(IDENTITIES[what])
    assert "\n" not in raised.value.message
    assert len(raised.value.message) < 2000


def test_guests_with_such_identities_stop_no_other(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    names = {f"odd{number}": identity for number, identity in enumerate(IDENTITIES.values())}
    for name, identity in names.items():
        _put(view, name, identity)
    try:
        _all_is_well(driver)
    finally:
        for name in names:
            _take(view, name)


def test_datasets_with_odd_names_are_no_guests(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    for number, name in enumerate(ODD):
        _put(view, name, json.dumps(GOOD | {"id": 50 + number}))
    try:
        _all_is_well(driver)
        assert {guest["name"] for guest in driver.json("ls")} == {"aaa", "web"}
    finally:
        for name in ODD:
            _take(view, name)


def _put(view: HostView, name: str, identity: str) -> None:
    assert isinstance(view.host, SimHost)
    import msgspec

    with view.host.change() as state:
        like = state.datasets["zroot/bsdvirt/guests/web"]
        copy = msgspec.json.decode(msgspec.json.encode(like), type=type(like))
        copy.guid += 1000
        copy.mounted = f"/bsdvirt/guests/{name}"
        copy.props["bsdvirt:guest"] = identity
        state.datasets[f"zroot/bsdvirt/guests/{name}"] = copy
        mount = next(one for one in state.mounts if one.path == "/bsdvirt/guests/web")
        state.mounts.append(
            msgspec.structs.replace(
                mount, special=f"zroot/bsdvirt/guests/{name}", path=f"/bsdvirt/guests/{name}"
            )
        )
    _directory(view, name).mkdir(exist_ok=True)


def _take(view: HostView, name: str) -> None:
    assert isinstance(view.host, SimHost)
    with view.host.change() as state:
        state.datasets.pop(f"zroot/bsdvirt/guests/{name}", None)
        state.mounts[:] = [m for m in state.mounts if m.path != f"/bsdvirt/guests/{name}"]
    if name != "..":
        shutil.rmtree(_directory(view, name), ignore_errors=True)


def _directory(view: HostView, name: str) -> Path:
    return view.fs.prefix / "bsdvirt/guests" / name
