"""A guest's state in a word, and what makes a guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsdvirt.errors import ConflictError, HostError, NotFoundError, UsageError
from bsdvirt.facts.jls import JailFact
from bsdvirt.guest.inventory import Guest, Inventory, inventory, load_guest_file, running_jail
from bsdvirt.guest.state import read_states
from bsdvirt.host.fs import Fs
from bsdvirt.layout import FAILED_DIRECTORY, Layout, failed_file
from bsdvirt.plan.journal import Journal
from bsdvirt.plan.locks import Lock
from bsdvirt.plan.step import Plan
from bsdvirt.record import replace
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.types import AbsolutePath
from bsdvirt.zfs.base import Dataset

LAYOUT = Layout("tank/bsdvirt", "/bsdvirt")
IDENTITY = '{"id":1,"uuid":"5b6df377-1597-44d5-8742-c26e52c7da81","kind":"jail"}'
FOUND = Inventory(
    LAYOUT, {"web": Guest("web", LAYOUT, Identity(id=1, uuid="u", kind="jail"))}, (), ()
)
OURS = JailFact(7, "web", "/bsdvirt/guests/web/root")


@pytest.fixture
def fs(tmp_path: Path) -> Fs:
    made = Fs(tmp_path)
    made.mkdir(LAYOUT.state)
    made.mkdir(FAILED_DIRECTORY)
    return made


def state(fs: Fs, *jails: JailFact) -> str:
    return read_states(fs, FOUND, {jail.name: jail for jail in jails}).of("web")


def _begin(fs: Fs, kind: str = "guest") -> None:
    plan = Plan("start", "web", kind=kind, op="0a1b")  # type: ignore[arg-type]
    Journal.open(fs, LAYOUT.state, plan, "b").leave()


def test_stopped_and_running(fs: Fs) -> None:
    assert state(fs) == "stopped"
    assert state(fs, OURS) == "running"


@pytest.mark.parametrize(
    "jail",
    [
        JailFact(7, "web", "/usr/jails/web"),
        JailFact(7, "web", "/bsdvirt/guests/web/root", dying=True),
        JailFact(7, "web2", "/bsdvirt/guests/web/root"),
    ],
    ids=["somebody else's", "dying", "another name"],
)
def test_what_is_not_this_guest_running(fs: Fs, jail: JailFact) -> None:
    assert state(fs, jail) == "stopped"
    assert running_jail(FOUND.guest("web"), {jail.name: jail}) is None


def test_its_last_start_failed(fs: Fs) -> None:
    fs.write(failed_file("web"), "why\n")
    assert state(fs) == "failed"
    assert state(fs, OURS) == "running"


def test_an_operation_is_under_way_or_was_cut_short(fs: Fs) -> None:
    fs.write(failed_file("web"), "why\n")
    _begin(fs)
    with Lock(fs, "guest", "web").acquire("start"):
        assert state(fs, OURS) == "busy"
    assert state(fs, OURS) == "interrupted"


def test_a_lock_alone_is_no_operation(fs: Fs) -> None:
    with Lock(fs, "guest", "web").acquire("ls"):
        assert state(fs) == "stopped"


def test_the_journal_of_a_network_of_that_name_is_not_the_guests(fs: Fs) -> None:
    _begin(fs, "network")
    assert state(fs) == "stopped"


# ---- datasets as guests ----


def dataset(name: str, guest: str | None = None) -> Dataset:
    return Dataset(f"tank/bsdvirt{name}", "filesystem", 5, 1, 1, guest=guest)


def test_guests_releases_and_strays() -> None:
    found = inventory(
        LAYOUT,
        [
            dataset(""),
            dataset("/guests"),
            dataset("/guests/alien"),
            dataset("/guests/broken", '{"id":"x"}'),
            dataset("/guests/web", IDENTITY),
            dataset("/guests/web-2", IDENTITY.replace(":1,", ":2,")),
            dataset("/guests/web/root", IDENTITY),
            dataset("/releases"),
            dataset("/releases/13.2-RELEASE"),
            dataset("/releases/13.2-RELEASE/sub"),
        ],
    )
    assert list(found.guests) == ["web", "web-2"]
    web = found.guest("web")
    assert [d.name for d in web.datasets] == [
        "tank/bsdvirt/guests/web",
        "tank/bsdvirt/guests/web/root",
    ]
    assert (web.identity.id, web.used) == (1, 5)
    assert [d.name for d, _ in found.strays] == [
        "tank/bsdvirt/guests/alien", "tank/bsdvirt/guests/broken"
    ]  # fmt: skip
    assert found.strays[0][1] == "it has no bsdvirt:guest property"
    assert "id" in found.strays[1][1]
    assert [d.name for d in found.releases()] == ["tank/bsdvirt/releases/13.2-RELEASE"]
    with pytest.raises(NotFoundError, match="no guest wep"):
        found.guest("wep")


@pytest.mark.parametrize("name", ["-rf", "A.B", "a.b", "7", "a b", "web:x", "x" * 33, "_x"])
def test_what_no_guest_may_be_called_is_a_stray(name: str) -> None:
    found = inventory(
        LAYOUT, [dataset(f"/guests/{name}", IDENTITY), dataset("/guests/web", IDENTITY)]
    )
    assert list(found.guests) == ["web"]
    assert found.strays[0][1] == "its name is not a valid guest name"


def test_a_volume_among_the_guests_is_a_stray() -> None:
    disk = replace(dataset("/guests/web", IDENTITY), kind="volume")
    found = inventory(LAYOUT, [disk])
    assert (found.guests, found.strays[0][1]) == ({}, "it is a volume")


HOST = "5b6df377-1597-44d5-8742-c26e52c7da81"


@pytest.mark.parametrize(
    ("there", "foreign"),
    [
        (dataset("/guests/web", IDENTITY), False),
        (dataset("/guests/web", IDENTITY[:-1] + f',"host":"{HOST}"}}'), False),
        (dataset("/guests/web", IDENTITY[:-1] + ',"host":"other"}'), True),
        (replace(dataset("/guests/web"), received=IDENTITY), True),
        (replace(dataset("/guests/web"), received="garbage"), True),
        (replace(dataset("/guests/web", IDENTITY), received=None), False),
    ],
)
def test_who_is_foreign(there: Dataset, foreign: bool) -> None:
    found = inventory(LAYOUT, [there], host=HOST)
    assert (list(found.guests), list(found.foreign)) == (
        ([], ["web"]) if foreign else (["web"], [])
    )
    if foreign:
        with pytest.raises(ConflictError, match="web is foreign") as caught:
            found.guest("web")
        assert "bsdvirt adopt web" in caught.value.hint


def test_in_another_root_one_that_does_not_tell_its_host_is_foreign() -> None:
    other = Layout("tank/other", "/other", "second")
    there = Dataset("tank/other/guests/web", "filesystem", 5, 1, 1, guest=IDENTITY)
    assert list(inventory(LAYOUT, [there], [other], host=HOST).foreign) == ["web"]


def test_a_guests_file(fs: Fs) -> None:
    with pytest.raises(HostError) as raised:
        load_guest_file(fs, LAYOUT, "web")
    assert raised.value.message == "/bsdvirt/guests/web/guest.yaml: No such file or directory"
    assert "zfs mount tank/bsdvirt/guests/web" in raised.value.hint
    fs.mkdir("/bsdvirt/guests/web")
    fs.write("/bsdvirt/guests/web/guest.yaml", "kind: jail\nrelease: 13.2-RELEASE\nhostnme: x\n")
    with pytest.raises(UsageError, match=r"^/bsdvirt/guests/web/guest\.yaml: hostnme"):
        load_guest_file(fs, LAYOUT, "web")


def test_a_root_of_the_users_own() -> None:
    guest = Guest(
        "web", LAYOUT, Identity(id=1, uuid="u", kind="jail", root=AbsolutePath("/srv/web"))
    )
    assert running_jail(guest, {"web": OURS}) is None
    elsewhere = JailFact(7, "web", "/srv/web")
    assert running_jail(guest, {"web": elsewhere}) == elsewhere
