"""image fetch and media add, from a web server on this machine that can be told to misbehave."""

from __future__ import annotations

import hashlib
import lzma
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from scenario_driver import Bsdvirt, Result
from scenario_hosts import sim_world
from scenario_mirror import Mirror, make_certificate
from scenario_view import HostView, assert_same

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl here")

PROFILES = "/usr/local/etc/bsdvirt/images"
HOST_FILE = "/usr/local/etc/bsdvirt/bsdvirt.yaml"
KEPT = "/bsdvirt/media/dist"
PLACE = "releases/VM-IMAGES/14.3-RELEASE/amd64/Latest"
FILE = "FreeBSD-14.3-RELEASE-amd64-BASIC-CLOUDINIT-ufs.raw.xz"
DATA = random.Random(3).randbytes(700_000) + bytes(3 << 20)


@dataclass
class World:
    """A simulated host, and a mirror with the image of a profile that is shipped."""

    driver: Bsdvirt
    view: HostView
    mirror: Mirror

    @property
    def file(self) -> Path:
        return self.mirror.root / PLACE / FILE

    def env(self) -> dict[str, str]:
        return {"SSL_CERT_FILE": str(self.mirror.certificate), "no_proxy": "127.0.0.1"}

    def run(self, *words: str) -> Result:
        return self.driver(*words, env=self.env())

    def ok(self, *words: str) -> Result:
        result = self.run(*words)
        assert result.status == 0, result
        return result

    def fails(self, status: int, *words: str, says: str) -> Result:
        """It ends with one line that says why, and nothing is made."""
        before = self.view.everything()
        result = self.run("-q", *words)
        assert result.status == status, result
        assert len(result.stderr.splitlines()) == 1, result
        assert says in result.stderr, result
        shutil.rmtree(self.view.fs.path(KEPT), ignore_errors=True)
        assert_same(before, self.view.everything())
        return result

    def profile(self, name: str, text: str) -> None:
        self.view.fs.mkdir(PROFILES)
        self.view.fs.write(f"{PROFILES}/{name}.yaml", text)

    def kept(self) -> list[str]:
        return self.view.fs.listdir(KEPT)

    def held(self, name: str) -> bytes:
        path = self.view.fs.path(f"/dev/zvol/zroot/bsdvirt/images/{name}")
        return path.read_bytes().ljust(len(DATA), b"\0")[: len(DATA)]


def list_checksums(directory: Path, name: str = "CHECKSUM.SHA512") -> None:
    lines = [
        f"SHA512 ({path.name}) = {hashlib.sha512(path.read_bytes()).hexdigest()}\n"
        for path in sorted(directory.iterdir())
        if not path.name.startswith("CHECKSUM")
    ]
    (directory / name).write_text("".join(lines))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def world(tmp_path: Path, certificate: Path) -> Iterator[World]:
    place = tmp_path / "served" / PLACE
    place.mkdir(parents=True)
    (place / FILE).write_bytes(lzma.compress(DATA))
    list_checksums(place)
    mirror = Mirror(tmp_path / "served", certificate)
    with sim_world() as (driver, view), mirror.serving():
        host_file = view.fs.path(HOST_FILE)
        fetch = f"fetch:\n  mirrors: [{mirror.url}]\n  timeout: 5\n  retries: 1\n"
        host_file.write_text(host_file.read_text() + fetch)
        view.remember()
        yield World(driver, view, mirror)


def test_a_profile_is_fetched_and_imported(world: World) -> None:
    shown = world.ok("image", "fetch", "freebsd-14.3", "--dry-run").stdout
    assert f"{world.mirror.url}/{PLACE}/{FILE}" in shown
    assert "bsdvirt image import" in shown
    assert not world.view.leftovers()
    assert "freebsd-14.3: added" in world.ok("image", "fetch", "freebsd-14.3").stdout
    assert world.held("freebsd-14.3") == DATA
    info = world.driver.json("image", "info", "freebsd-14.3")
    assert info["profile"] == "freebsd-14.3"
    assert info["source"] == f"{world.mirror.url}/{PLACE}/{FILE}"
    assert info["checksum"] == hashlib.sha512(world.file.read_bytes()).hexdigest()
    assert (info["system"], info["user"], info["loader"]) == ("freebsd", "freebsd", "uefi")
    assert info["cloud_init"] is True
    assert not world.view.fs.exists(KEPT)
    world.fails(4, "image", "fetch", "freebsd-14.3", says="already exists")
    world.ok("image", "fetch", "freebsd-14.3", "--name", "another")
    world.ok("image", "rm", "freebsd-14.3")
    world.ok("image", "rm", "another")
    assert not world.view.leftovers()


def test_a_virtual_machine_fetches_the_image_that_it_lacks(world: World) -> None:
    words = ("create", "vm", "one", "--image", "freebsd-14.3", "--tag", "web", "--tag", "prod")
    world.fails(3, *words, says="bsdvirt image fetch freebsd-14.3")
    shown = world.ok(*words, "--fetch", "--dry-run")
    assert f"{world.mirror.url}/{PLACE}/{FILE}" in shown.stdout
    assert "then one, from the image freebsd-14.3" in shown.stderr
    assert not world.view.leftovers()
    world.ok(*words, "--fetch")
    assert world.driver.json("image", "info", "freebsd-14.3")["guests"] == ["one"]
    (guest,) = world.driver.json("ls")
    assert guest["tags"] == ["prod", "web"]
    # It is there now: nothing is downloaded.
    world.mirror.faults[FILE] = ["cut:1"] * 9
    world.ok("create", "vm", "two", "--image", "freebsd-14.3", "--fetch")
    world.fails(2, "create", "vm", "three", "--fetch", says="--fetch goes with --image")
    world.fails(2, "create", "jail", "three", "--tag", "No", says="tag: 'No' is not a tag")


def test_what_was_cut_is_gone_on_with(world: World) -> None:
    world.mirror.faults[FILE] = ["cut:100000"]
    said = world.ok("image", "fetch", "freebsd-14.3").stderr
    assert "retrying" in said
    assert world.mirror.ranges_of(FILE) == ["", "bytes=100000-"]
    assert world.held("freebsd-14.3") == DATA


def test_an_interrupted_fetch_goes_on_where_it_was(world: World) -> None:
    world.mirror.faults[FILE] = ["stall:200000"]
    process = world.driver.begin("image", "fetch", "freebsd-14.3", env=world.env())
    deadline = time.monotonic() + 20
    while not any(
        (world.view.fs.path(KEPT) / name).stat().st_size >= 200000 for name in world.kept()
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    result = world.driver.end(process)
    assert result.status == 1
    assert "are kept" in result.stderr
    assert world.driver.json("image", "ls") == []
    world.ok("image", "fetch", "freebsd-14.3")
    assert world.mirror.ranges_of(FILE)[-1] == "bytes=200000-"
    assert world.held("freebsd-14.3") == DATA
    assert not world.view.fs.exists(KEPT)


def test_a_file_that_is_not_what_it_should_be(world: World) -> None:
    world.file.write_bytes(lzma.compress(b"other" * 1000))
    world.fails(1, "image", "fetch", "freebsd-14.3", says="SHA-512 does not match CHECKSUM")


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        (lambda place: (place / "CHECKSUM.SHA512").write_text("<html>"), 1, "lists no FreeBSD"),
        (lambda place: (place / "CHECKSUM.SHA512").unlink(), 3, "CHECKSUM.SHA512 does not exist"),
        (lambda place: (place / FILE).unlink(), 3, "ufs.raw.xz does not exist"),
    ],
)
def test_a_mirror_without_it(world: World, change: object, status: int, says: str) -> None:
    assert callable(change)
    change(world.file.parent)
    world.fails(status, "image", "fetch", "freebsd-14.3", says=says)


def test_a_file_that_is_no_image_is_not_imported_and_can_be_looked_at(world: World) -> None:
    world.file.write_bytes(b"PK\x03\x04" + bytes(1000))
    list_checksums(world.file.parent)
    result = world.run("image", "fetch", "freebsd-14.3")
    assert result.status == 2
    assert "a zip archive" in result.stderr
    assert world.kept()


def test_a_profile_of_ones_own(world: World) -> None:
    digest = hashlib.sha256(world.file.read_bytes()).hexdigest()
    url = f"{world.mirror.url}/{PLACE}/{FILE}"
    world.profile("mine", f"url: {url}\nchecksum: {digest}\nsystem: linux\nuser: me\n")
    rows = {row["name"]: row for row in world.driver.json("image", "profiles")}
    assert rows["mine"]["own"] is True
    assert rows["mine"]["url"] == url
    assert rows["freebsd-14.3"]["own"] is False
    world.ok("image", "fetch", "mine")
    assert world.held("mine") == DATA
    assert world.driver.json("image", "info", "mine")["user"] == "me"
    world.profile("freebsd-14.3", f"url: {url}\nchecksum: {'0' * 64}\n")
    world.fails(1, "image", "fetch", "freebsd-14.3", says="does not match its profile")
    world.profile("bad", "url: http://x/y\nchecksums: S\n")
    world.fails(2, "image", "fetch", "bad", says=f"{PROFILES}/bad.yaml")
    world.profile("other", f"url: {url}\nchecksum: {digest}\narch: arm64\n")
    world.fails(5, "image", "fetch", "other", says="is for arm64")


def test_a_shipped_profile_elsewhere_is_not_reached_from_a_simulated_host(world: World) -> None:
    world.fails(5, "image", "fetch", "debian-12", says="fetches nothing from outside")


# ---- media ----


def test_a_medium_is_fetched(world: World) -> None:
    data = bytes(0x8001) + b"CD001" + random.Random(5).randbytes(300_000)
    (world.mirror.root / "boot.iso").write_bytes(data)
    url, digest = f"{world.mirror.url}/boot.iso", hashlib.sha256(data).hexdigest()
    assert "fetch -r" in world.ok("media", "add", url, "--dry-run").stdout
    assert not world.view.leftovers()
    assert digest in world.ok("media", "add", url).stderr
    world.mirror.faults["boot.iso"] = ["cut:1000"]
    world.ok("media", "add", url, "--name", "two.iso", "--checksum", digest)
    for name in ("boot.iso", "two.iso"):
        path = world.view.fs.path(f"/bsdvirt/media/{name}")
        assert path.read_bytes() == data
        assert path.stat().st_mode & 0o777 == 0o444
    assert not world.view.fs.exists(KEPT)
    world.fails(4, "media", "add", url, says="already exists")
    world.fails(1, "media", "add", url, "--name", "c", "--checksum", "0" * 64, says="SHA-256")
    world.fails(3, "media", "add", f"{world.mirror.url}/none.iso", says="none.iso does not exist")
    for name in ("boot.iso", "two.iso"):
        world.ok("media", "rm", name)
    assert not world.view.leftovers()


def test_a_page_that_is_called_iso_is_told(world: World) -> None:
    (world.mirror.root / "page.iso").write_text("<html>Log in here</html>\n")
    said = world.ok("media", "add", f"{world.mirror.url}/page.iso").stderr
    assert "not an ISO 9660 file" in said


def test_without_a_checksum_only_the_same_version_is_gone_on_with(world: World) -> None:
    mirror, file = world.mirror, world.mirror.root / "a.iso"
    file.write_bytes(b"1" * 300_000)
    mirror.faults["a.iso"] = ["cut:1000"]
    world.ok("media", "add", f"{mirror.url}/a.iso", "--name", "plain.iso")
    assert mirror.ranges_of("a.iso") == ["", ""]
    mirror.asked.clear()
    mirror.etag, mirror.faults["a.iso"] = '"1"', ["cut:1000"]
    world.ok("media", "add", f"{mirror.url}/a.iso", "--name", "same.iso")
    assert mirror.ranges_of("a.iso") == ["", "bytes=1000-"]
    mirror.faults["a.iso"] = ["stall:1000"]
    process = world.driver.begin(
        "media", "add", f"{mirror.url}/a.iso", "--name", "other.iso", env=world.env()
    )
    while len(mirror.ranges_of("a.iso")) < 3:
        time.sleep(0.05)
    mirror.etag = '"2"'
    file.write_bytes(b"2" * 200_000)
    assert world.driver.end(process).status == 0
    assert world.view.fs.read_bytes("/bsdvirt/media/other.iso") == b"2" * 200_000
    for name in ("plain.iso", "same.iso", "other.iso"):
        world.ok("media", "rm", name)


def test_without_a_checksum_nothing_is_kept_of_a_part(world: World) -> None:
    (world.mirror.root / "a.iso").write_bytes(bytes(300_000))
    world.mirror.faults["a.iso"] = ["cut:1000", "503", "503", "503"]
    result = world.run("media", "add", f"{world.mirror.url}/a.iso")
    assert result.status == 1
    assert "are kept" not in result.stderr
    assert not world.view.leftovers()
