"""Pools on other pools: their files, whose guests are whose, and who claims the same."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bsdvirt.guest.duplicates import duplicates
from bsdvirt.guest.inventory import Absent, Inventory, inventory
from bsdvirt.guest.pools import read_pools
from bsdvirt.layout import Layout, pool_file
from bsdvirt.spec.identity import Claim, Identity
from bsdvirt.spec.load import identity_to_json
from bsdvirt.spec.types import GuestName
from bsdvirt.zfs.base import Dataset
from bsdvirt_sim import SimHost

FIRST = Layout("zroot/bv", "/bv")
OTHER = Layout("tank/bv", "/bv-tank", "tank", "/bv", ("zroot/bv",))


def claims(number: int, created: str, address: str | None = None) -> Identity:
    nic = Claim(network=GuestName("lan"), mac="02:00:00:00:00:02")
    nic = msgspec.structs.replace(nic, address=address)
    return Identity(
        id=number,
        uuid="5b6df377-1597-44d5-8742-c26e52c7da81",
        kind="jail",
        created=created,
        nics=[nic],
    )


def dataset(name: str, identity: Identity | None = None) -> Dataset:
    told = identity_to_json(identity) if identity else None
    return Dataset(name, "filesystem", 1, 1, 1, guest=told)


def two(here: Identity, there: Identity, name: str = "db") -> Inventory:
    every = [
        dataset("zroot/bv"), dataset("zroot/bv/guests/web", here), dataset("tank/bv"),
        dataset(f"tank/bv/guests/{name}", there),
    ]  # fmt: skip
    return inventory(FIRST, every, [OTHER], [Absent("gone", "it is gone", "import it")])


def test_each_guest_is_in_its_root() -> None:
    found = two(claims(1, "2026-01-01"), claims(2, "2026-01-02"))
    assert {name: guest.dataset for name, guest in found.guests.items()} == {
        "web": "zroot/bv/guests/web", "db": "tank/bv/guests/db"
    }  # fmt: skip
    assert found.home("db") == OTHER
    assert found.home("nobody") == FIRST
    assert found.top(OTHER).name == "tank/bv"
    assert duplicates(found) == {}


def test_of_two_guests_of_a_name_the_first_roots_has_it() -> None:
    found = two(claims(1, "2026-01-01"), claims(2, "2026-01-02"), "web")
    assert found.guests["web"].layout == FIRST
    ((stray, why),) = found.strays
    assert stray.name == "tank/bv/guests/web"
    assert "zroot/bv" in why


def test_the_later_of_two_of_an_id_is_told() -> None:
    told = duplicates(two(claims(1, "2026-01-02"), claims(1, "2026-01-01")))
    assert list(told) == ["web"]
    assert "id 1, as has db" in told["web"].error().message


def test_the_later_of_two_of_an_address_is_told() -> None:
    address = "10.0.0.2/24"
    told = duplicates(two(claims(1, "2026-01-01", address), claims(2, "2026-01-02", address)))
    assert list(told) == ["db"]
    assert "10.0.0.2" in told["db"].error().message
    alone = claims(2, "2026-01-02", "10.0.0.3/24")
    assert duplicates(two(claims(1, "2026-01-01", address), alone)) == {}


def test_the_files_of_pools(tmp_path: Path) -> None:
    fs = SimHost(tmp_path).fs
    assert read_pools(fs, FIRST).layouts == (FIRST,)
    fs.mkdir("/usr/local/etc/bsdvirt/roots", 0o755)
    fs.write(pool_file("tank"), "dataset: tank/bv\nmountpoint: /bv-tank\n")
    fs.write(pool_file("broken"), "dataset: [\n")
    fs.write(pool_file("inner"), "dataset: tank/bv/guests\nmountpoint: /elsewhere\n")
    fs.write(pool_file("over"), "dataset: tank/other\nmountpoint: /bv/guests\n")
    fs.write("/usr/local/etc/bsdvirt/roots/notes.txt", "hello\n")
    roots = read_pools(fs, FIRST)
    named = {one.name: one for one in roots.layouts}
    assert sorted({*named, *(one.name for one in roots.broken)}) == [
        "broken", "inner", "over", "tank", "zroot"
    ]  # fmt: skip
    assert roots.first.dataset == "zroot/bv"
    assert "broken" in {one.name for one in roots.broken}
    assert "over" in {one.name for one in roots.broken}
    one = roots.named("zroot/bv")
    assert one is not None
    assert one.media == "/bv/media"


def test_media_are_those_of_the_first_root() -> None:
    assert OTHER.medium("a.iso") == "/bv/media/a.iso"
    assert OTHER.state == "/bv-tank/state"
    assert OTHER.disk_device("v", "d") == "/dev/zvol/tank/bv/guests/v/d"
