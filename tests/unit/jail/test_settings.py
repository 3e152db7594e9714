"""A jail's own name, time zone and release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bsdvirt.guest.inventory import Guest
from bsdvirt.host.fs import Fs
from bsdvirt.jail import settings
from bsdvirt.jail.facts.settings import host_zone, read_own
from bsdvirt.layout import Layout
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode

BASE = "::1\tlocalhost localhost.my.domain\n127.0.0.1\tlocalhost\n"


def jail(**data: Any) -> Jail:
    return decode(Jail, {"kind": "jail", "release": "13.2-RELEASE", **data}, "test")


def test_a_line_for_each_address_with_a_name_that_has_a_dot() -> None:
    text = settings.hosts_text(BASE, "web", ["10.77.0.2", "fd00::2"])
    assert text == (
        f"{BASE}10.77.0.2\tweb web.localdomain\t{settings.MARK}\n"
        f"fd00::2\tweb web.localdomain\t{settings.MARK}\n"
    )
    assert settings.hosts_text(text, "web", ["10.77.0.2", "fd00::2"]) == text
    moved = settings.hosts_text(text, "db.example.org", ["10.77.0.3"])
    assert moved == f"{BASE}10.77.0.3\tdb.example.org db\t{settings.MARK}\n"


def test_a_name_that_the_file_has_already_is_left_to_it() -> None:
    mine = f"{BASE}192.0.2.1 web.example.org web # by hand\n"
    assert settings.hosts_text(mine, "web", ["10.77.0.2"]) == mine
    assert settings.hosts_text("10.0.0.1 other # web\n", "web", ["10.77.0.2"]).count("web") == 3


HEADER = "#undef __FreeBSD_version\n#define __FreeBSD_version 1302001\t/* Master */\n"
VERSION = '#!/bin/sh\nUSERLAND_VERSION="13.2-RELEASE-p4"\n'


@pytest.mark.parametrize(
    ("kernel", "version", "header", "data", "params"),
    [
        ("15.1-RELEASE-p1", VERSION, HEADER, {},
         [("osrelease", "13.2-RELEASE-p4"), ("osreldate", "1302001")]),
        ("15.1-RELEASE-p1", VERSION, "", {}, [("osrelease", "13.2-RELEASE-p4")]),
        ("13.2-RELEASE", VERSION, HEADER, {}, []),
        ("13.1-RELEASE", VERSION, HEADER, {}, []),
        ("15.1-RELEASE", VERSION, HEADER, {"params": {"osrelease": "14.0-RELEASE"}}, []),
        ("15.1-RELEASE", VERSION, HEADER, {"userland": "none"}, []),
        ("15.1-RELEASE", 'USERLAND_VERSION="13.2-R\';$(reboot)"\n', HEADER, {}, []),
        ("15.1-RELEASE", f'USERLAND_VERSION="13.2-{"R" * 40}"\n', HEADER, {}, []),
        ("15.1-RELEASE", "", HEADER, {}, []),
    ],
)  # fmt: skip
def test_the_release_of_an_older_userland(
    kernel: str, version: str, header: str, data: dict[str, Any], params: list[tuple[str, str]]
) -> None:
    facts = settings.OwnFacts(version=version, header=header)
    assert settings.release_params(jail(**data), facts, kernel) == params


def test_what_stands_in_the_way_stops_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/hosts").mkdir(parents=True)
    (root / "etc/localtime").write_bytes(b"\xff" * (8 << 20))
    (root / "usr/share/zoneinfo").mkdir(parents=True)
    (root / "usr/share/zoneinfo/UTC").write_text("")
    facts = read_own(Fs(tmp_path), "/root", jail(timezone="UTC"))
    assert (facts.hosts, facts.hosts_there, facts.localtime) == (None, True, True)
    assert facts.zones == {"UTC"}
    (root / "etc/hosts").rmdir()
    (root / "etc/hosts").symlink_to("/etc/passwd")
    assert read_own(Fs(tmp_path), "/root", jail()).hosts is None


@pytest.mark.parametrize(
    ("noted", "link", "zone"),
    [
        ("Europe/Berlin\n", "", "Europe/Berlin"),
        ("", "/usr/share/zoneinfo/America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ("", "", ""),
        ("../../etc/passwd\n", "", ""),
    ],
)
def test_the_hosts_zone(tmp_path: Path, noted: str, link: str, zone: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "var/db").mkdir(parents=True)
    if noted:
        (tmp_path / "var/db/zoneinfo").write_text(noted)
    if link:
        (tmp_path / "etc/localtime").symlink_to(link)
    assert host_zone(Fs(tmp_path)) == zone


@pytest.mark.parametrize(
    ("version", "kernel", "found"),
    [
        ("13.2-RELEASE-p4", "15.1-RELEASE", "older"),
        ("15.1-RELEASE", "15.1-RELEASE-p1", ""),
        ("15.1-RELEASE-p3", "15.0-RELEASE", "newer"),
        ("16.0-CURRENT", "15.1-STABLE", "newer"),
        (None, "15.1-RELEASE", ""),
        ("trixie", "15.1-RELEASE", ""),
    ],
)
def test_a_userland_of_another_release(version: str | None, kernel: str, found: str) -> None:
    assert settings.differs(version, kernel) == found


@pytest.mark.parametrize(("room", "there"), [(0, False), (40, False), (4096, True)])
def test_env_is_set_where_the_kernel_has_room(room: int, there: bool) -> None:
    guest = Guest("web", Layout("tank/bsdvirt", "/bsdvirt"), Identity(id=3, kind="jail", uuid="u"))
    pairs = settings.environment(guest, jail(params={"env.role": "db"}), room)
    assert pairs == ([("env.bsdvirt.name", "web"), ("env.bsdvirt.id", "3")] if there else [])
