"""Keys, hashes, profiles, sizes: what is taken and what is not."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import pytest

from bsdvirt.errors import NotFoundError, UsageError
from bsdvirt.host.fs import Fs
from bsdvirt.library import profiles
from bsdvirt.spec.cloud import CloudInit
from bsdvirt.spec.images import ImageProfile, listed_checksum
from bsdvirt.spec.load import decode
from bsdvirt.spec.sizes import VmSize, load_named

ROOT = Path(__file__).resolve().parents[3]
ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmDvV0sXW5hWCFvH0XW4aV1tM0iZf2mJ0X1E6v3k9aB"
GIB = 1 << 30


def told(**values: Any) -> CloudInit:
    return decode(CloudInit, values, "x")


def test_keys_as_they_stand_in_a_file() -> None:
    assert told(ssh_keys=[f"  {ED}   me@there \n"]).ssh_keys == [f"{ED} me@there"]
    assert told(ssh_keys=[ED]).ssh_keys == [ED]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "hello",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        ED[:-8],
        ED.replace("ssh-ed25519", "ssh-rsa", 1),
        f'command="rm" {ED}',
        f"{ED}\n{ED}",
        f"{ED} a\x1bb",
        "ssh-dss AAAAB3NzaC1kc3MAAACBAP",
        "ssh-ed25519 !!!!" + ED[16:],
    ],
)
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(UsageError, match=r"ssh_keys\.0"):
        told(ssh_keys=[key])


def test_a_private_key_is_not_shown() -> None:
    with pytest.raises(UsageError) as raised:
        told(ssh_keys=["-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n"])
    assert "c2VjcmV0" not in str(raised.value)
    assert ".pub" in raised.value.hint


def test_a_password_in_the_clear_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError) as raised:
        told(password="hunter2")
    assert "hunter2" not in str(raised.value)
    assert "openssl passwd -6" in str(raised.value)


@pytest.mark.parametrize(
    "hash",
    ["$6$abcdefgh$" + "x" * 86, "$2b$12$" + "y" * 53, "$y$j9T$abcdefgh$" + "z" * 43,
     "$6$rounds=5000$abcdefgh$" + "x" * 86],
)  # fmt: skip
def test_hashes_that_crypt_makes(hash: str) -> None:
    assert told(password=hash).password == hash


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"user_data": "hello\n"}, "is not the first line of user-data"),
        ({"user_data": "#cloud-config-x\n"}, "is not the first line of user-data"),
        ({"user_data": "#cloud-config\n", "user": "me"}, "user_data replaces"),
        ({"user": "root", "password": "$6$abcdefgh$" + "x" * 86}, "no password login"),
        ({"user": "Me"}, "login name"),
        ({"dns": ["nine"]}, "dns"),
    ],
)
def test_what_does_not_fit(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        told(**values)


@pytest.mark.parametrize("text", ["#cloud-config\nx: 1\n", "#cloud-config", "#!/bin/sh\n"])
def test_user_data_of_ones_own(text: str) -> None:
    assert told(user_data=text).user_data == text


# ---- profiles ----


def test_every_profile_shipped_is_good_and_is_installed(tmp_path: Path) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    installed = config["options.data_files"]
    names = profiles.image_names(Fs(tmp_path))
    assert "freebsd-14.3" in names
    for name in names:
        one = profiles.image_profile(Fs(tmp_path), name)
        assert one.description
        assert one.file
        assert f"templates/images/{name}.yaml" in installed["share/bsdvirt/templates/images"]
    for path in ROOT.glob("templates/*.*"):
        assert f"templates/{path.name}" in installed["share/bsdvirt/templates"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "url"),
        ({"url": "https://a/b.img"}, "checksum"),
        ({"url": "http://a/b.img", "checksums": "S"}, "https"),
        ({"url": "https://a/b", "path": "c", "checksums": "S"}, "url"),
        ({"path": "../c", "checksums": "S"}, "path"),
        ({"path": "a/../c", "checksums": "S"}, "path"),
        ({"path": "a//c", "checksums": "S"}, "path"),
        ({"path": "a/c", "checksums": "a/S"}, "checksums"),
        ({"path": "a/c", "checksum": "abc"}, "checksum"),
    ],
)
def test_what_is_no_profile(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        decode(ImageProfile, values, "x")


SHORT, LONG = "a" * 64, "b" * 128


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"SHA512 (f.raw.xz) = {LONG}\n", LONG),
        (f"SHA256 (f.raw.xz) = {SHORT.upper()}\n", SHORT),
        (f"{SHORT}  f.raw.xz\n{SHORT}  g\n", SHORT),
        (f"{SHORT} *f.raw.xz\n", SHORT),
        (f"{LONG}  ./f.raw.xz\n{SHORT}  f.raw.xz\n", LONG),
        (f"SHA512 (f.raw.xz.asc) = {LONG}\n{SHORT}  xf.raw.xz\n", None),
        ("<html>\n", None),
    ],
)
def test_lists_of_checksums(text: str, found: str | None) -> None:
    assert listed_checksum(text, "f.raw.xz") == found


# ---- sizes ----


def test_the_sizes_of_the_issue(tmp_path: Path) -> None:
    found = profiles.sizes(Fs(tmp_path))
    shown = {n: (s.cpus, s.memory // GIB, s.disk // GIB) for n, s in found.items()}
    assert shown == {"small": (1, 2, 20), "medium": (4, 8, 60), "large": (8, 16, 100)}


def test_sizes_of_the_users_own(tmp_path: Path) -> None:
    fs = Fs(tmp_path)
    fs.mkdir("/usr/local/etc/bsdvirt")
    path = "/usr/local/etc/bsdvirt/sizes.yaml"
    fs.write(
        path, "small: {cpus: 2, memory: 1G, disk: 5G}\nhuge: {cpus: 64, memory: 1T, disk: 1T}\n"
    )
    assert profiles.size(fs, "small").cpus == 2
    assert profiles.size(fs, "huge").memory == 1 << 40
    assert profiles.size(fs, "large").cpus == 8
    with pytest.raises(NotFoundError, match="no size hug") as raised:
        profiles.size(fs, "hug")
    assert "huge" in raised.value.hint
    fs.write(path, "# nothing yet\n")
    assert profiles.size(fs, "small").cpus == 1


@pytest.mark.parametrize(
    "text", ["small: 3\n", "small: {cpus: 1}\n", "Small: {cpus: 1, memory: 1G, disk: 1G}\n",
             "small: {cpus: 0, memory: 1G, disk: 1G}\n", "- small\n"],
)  # fmt: skip
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match=r"sizes\.yaml"):
        load_named(VmSize, text, "sizes.yaml")
