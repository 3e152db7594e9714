"""Images and media: imported, shown, refused, removed."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import random
from pathlib import Path

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same

KIB = 1024
SIZE = 5_000_001
WHOLE = 5 * KIB * KIB


def disk(view: HostView, name: str = "disk.img") -> tuple[str, bytes]:
    """A disk image with a hole in it, and with a size that is no multiple of anything."""
    numbers = random.Random(7)
    data = bytearray(SIZE)
    data[: 900 * KIB] = numbers.randbytes(900 * KIB)
    data[3300 * KIB : 3700 * KIB] = numbers.randbytes(400 * KIB)
    (view.scratch / name).write_bytes(bytes(data))
    return f"{view.host_scratch}/{name}", bytes(data)


def held(view: HostView, image: str) -> bytes:
    """What the image's volume holds; behind the end of the simulated one are zeros."""
    with view.fs.path(f"/dev/zvol/{view.root}/images/{image}").open("rb") as stream:
        return stream.read(WHOLE).ljust(WHOLE, b"\0")


def zvol(view: HostView, name: str, prop: str) -> str:
    dataset = f"{view.root}/{name}"
    return view.run("/sbin/zfs", "get", "-Hp", "-o", "value", prop, dataset).stdout.strip()


@scenario()
def a_raw_image_is_imported(driver: Bsdvirt, view: HostView) -> None:
    path, data = disk(view)
    view.remember()
    assert driver.json("image", "ls") == []
    shown = driver.ok("image", "import", path, "--name", "first", "--dry-run").stdout
    assert "dd" in shown
    assert "volmode=dev" in shown
    assert not view.leftovers()
    words = ("--loader", "uefi", "--system", "freebsd", "--user", "freebsd", "--cloud-init")
    driver.ok("image", "import", path, "--name", "first", *words)
    assert held(view, "first") == data.ljust(WHOLE, b"\0")
    row = driver.json("image", "info", "first")
    assert row == driver.json("image", "ls")[0]
    assert row["size"] == WHOLE
    assert row["checksum"] == hashlib.sha256(data).hexdigest()
    assert row["source"] == path
    assert row["format"] == "raw"
    assert (row["loader"], row["system"], row["user"]) == ("uefi", "freebsd", "freebsd")
    assert row["cloud_init"] is True
    assert row["complete"] is True
    assert row["guests"] == []
    wanted = {"volmode": "dev", "volblocksize": "16384", "compression": "lz4", "readonly": "on",
              "sync": "standard", "refreservation": "0", "volsize": str(WHOLE)}  # fmt: skip
    assert {prop: zvol(view, "images/first", prop) for prop in wanted} == wanted
    assert f"{view.root}/images/first@base" in view.datasets()
    assert driver.ok("image", "ls", "-H").lines[0].split("\t")[0] == "first"
    assert not view.journals()
    driver.ok("image", "rm", "first", "--dry-run")
    assert driver.json("image", "ls")
    driver.ok("image", "rm", "first")
    assert not view.leftovers()


@scenario()
def a_compressed_image_is_imported(driver: Bsdvirt, view: HostView) -> None:
    _, data = disk(view)
    for ending, packed in (("gz", gzip.compress(data)), ("xz", lzma.compress(data))):
        (view.scratch / f"disk.img.{ending}").write_bytes(packed)
        path = f"{view.host_scratch}/disk.img.{ending}"
        driver.ok("image", "import", path, "--name", ending)
        assert held(view, ending) == data.ljust(WHOLE, b"\0"), ending
        info = driver.json("image", "info", ending)
        assert info["format"] == f"raw.{ending}"
        assert info["checksum"] == hashlib.sha256(packed).hexdigest()
        driver.ok("image", "rm", ending)
        (view.scratch / f"cut.{ending}").write_bytes(packed[: len(packed) // 2])
        cut = f"{view.host_scratch}/cut.{ending}"
        driver.fails(2, "image", "import", cut, "--name", "cut", says="cannot be uncompressed")
    assert driver.json("image", "ls") == []
    assert not view.leftovers()


@scenario()
def what_is_no_image_is_not_imported(driver: Bsdvirt, view: HostView) -> None:
    path, _ = disk(view)
    driver.ok("image", "import", path, "--name", "one")
    before = view.everything()
    driver.fails(4, "image", "import", path, "--name", "one", says="already exists")
    driver.fails(3, "image", "import", "/nonexistent", "--name", "a", says="/nonexistent")
    driver.fails(2, "image", "import", view.host_scratch, "--name", "a", says="a directory")
    driver.fails(2, "image", "import", path, "--name", "a/b", says="image name")
    driver.fails(2, "image", "import", path, says="--name")
    driver.fails(2, "image", "import", path, "--name", "a", "--user", "A B", says="login name")
    for name, content, says in (
        ("empty.img", b"", "is empty"),
        ("a.iso", bytes(0x8001) + b"CD001", "bsdvirt media add"),
        ("a.qcow2.gz", gzip.compress(b"QFI\xfb" + bytes(100)), "uncompress it first"),
    ):
        (view.scratch / name).write_bytes(content)
        file = f"{view.host_scratch}/{name}"
        driver.fails(2, "image", "import", file, "--name", "a", says=says)
    driver.fails(3, "image", "rm", "two", says="one")
    driver.fails(3, "image", "info", "two", says="one")
    driver.fails(3, "image", "fetch", "nothing-such", says="no profile")
    assert_same(before, view.everything())
    driver.ok("image", "rm", "one")


@scenario()
def a_qcow2_image_without_its_tool_names_the_package(driver: Bsdvirt, view: HostView) -> None:
    if view.fs.exists("/usr/local/bin/qemu-img"):
        return
    (view.scratch / "a.qcow2").write_bytes(b"QFI\xfb\0\0\0\3" + bytes(1000))
    path = f"{view.host_scratch}/a.qcow2"
    driver.fails(5, "image", "import", path, "--name", "a", says="pkg install qemu-tools")


@scenario()
def an_image_that_is_in_use_stays(driver: Bsdvirt, view: HostView) -> None:
    path, _ = disk(view)
    driver.ok("image", "import", path, "--name", "gold")
    clone = f"{view.root}/guests/clone"
    view.do("/sbin/zfs", "clone", f"{view.root}/images/gold@base", clone)
    assert driver.json("image", "ls")[0]["guests"] == ["clone"]
    said = driver.fails(4, "image", "rm", "gold", says="clone").stderr
    assert f"zfs promote {clone}" in said
    view.do("/sbin/zfs", "promote", clone)
    driver.ok("image", "rm", "gold")
    view.do("/sbin/zfs", "destroy", "-r", clone)


@scenario()
def media_are_added_and_taken_away(driver: Bsdvirt, view: HostView) -> None:
    data = bytes(0x8001) + b"CD001" + bytes(700 * KIB)
    (view.scratch / "install.iso").write_bytes(data)
    path = f"{view.host_scratch}/install.iso"
    assert driver.json("media", "ls") == []
    view.remember()
    assert "dd" in driver.ok("media", "add", path, "--dry-run").stdout
    assert not view.leftovers()
    digest = hashlib.sha256(data).hexdigest()
    driver.ok("media", "add", path, "--checksum", digest)
    driver.ok("media", "add", path, "--name", "again.iso", "--checksum",
              hashlib.sha512(data).hexdigest())  # fmt: skip
    rows = driver.json("media", "ls")
    assert [row["name"] for row in rows] == ["again.iso", "install.iso"]
    assert {row["size"] for row in rows} == {len(data)}
    copy = view.fs.path(f"{view.mountpoint}/media/install.iso")
    assert copy.read_bytes() == data
    assert copy.stat().st_mode & 0o777 == 0o444
    before = view.everything()
    driver.fails(4, "media", "add", path, says="already exists")
    driver.fails(2, "media", "add", path, "--name", "c", "--checksum", "0" * 64, says="checksum")
    driver.fails(2, "media", "add", path, "--name", "c", "--checksum", "abc", says="checksum")
    driver.fails(2, "media", "add", path, "--name", "a/b", says="medium")
    driver.fails(2, "media", "add", path, "--name", ".hidden", says="medium")
    driver.fails(2, "media", "add", view.host_scratch, "--name", "c", says="directory")
    driver.fails(3, "media", "add", "/nonexistent", says="/nonexistent")
    driver.fails(2, "media", "add", "http://example.org/a.iso", says="https")
    driver.fails(3, "media", "rm", "install", says="install.iso")
    assert_same(before, view.everything())
    driver.ok("media", "rm", "install.iso")
    driver.ok("media", "rm", "again.iso")
    assert not view.leftovers()


@scenario()
def a_compressed_medium_is_unpacked(driver: Bsdvirt, view: HostView) -> None:
    data = bytes(0x8001) + b"CD001" + bytes(100 * KIB)
    (view.scratch / "a.iso.xz").write_bytes(lzma.compress(data))
    driver.ok("media", "add", f"{view.host_scratch}/a.iso.xz")
    assert view.fs.path(f"{view.mountpoint}/media/a.iso").read_bytes() == data
    driver.ok("media", "rm", "a.iso")


@scenario(sim_only=True)
def a_pool_that_fills_up_keeps_no_image(driver: Bsdvirt, view: HostView) -> None:
    from bsdvirt_sim import SimHost

    path, _ = disk(view)
    iso = view.scratch / "a.iso"
    iso.write_bytes(b"x" * (1200 * KIB))
    assert isinstance(view.host, SimHost)
    view.host.settings.fill_pool(view.pool, free=1100 * KIB)
    driver.fails(1, "image", "import", path, "--name", "big", says="No space left on device")
    driver.fails(1, "media", "add", f"{view.host_scratch}/a.iso", says="No space left on device")
    view.host.settings.fill_pool(view.pool, free=-1)
    assert not view.leftovers()
    assert Path(iso).exists()


@scenario(sim_only=True)
def an_image_of_qcow2_is_converted(driver: Bsdvirt, view: HostView) -> None:
    import shutil
    import subprocess

    tool = shutil.which("qemu-img")
    if tool is None:
        return
    raw, data = disk(view)
    for format in ("qcow2", "vmdk", "vpc"):
        file = view.scratch / f"d.{format}"
        command = (tool, "convert", "-O", format, str(view.fs.path(raw)), str(file))
        subprocess.run(command, check=True, capture_output=True)
    link = view.scratch / "link.qcow2"
    words = ("create", "-q", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", str(link))
    subprocess.run((tool, *words), check=True, capture_output=True)
    place = view.fs.path("/usr/local/bin/qemu-img")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    view.remember()
    for format in ("qcow2", "vmdk", "vpc"):
        driver.ok("image", "import", f"{view.host_scratch}/d.{format}", "--name", format)
        assert held(view, format)[:SIZE] == data, format
        driver.ok("image", "rm", format)
    says = "refers to /etc/passwd"
    driver.fails(2, "image", "import", f"{view.host_scratch}/link.qcow2", "--name", "l", says=says)
    assert not view.leftovers()


@scenario()
def a_medium_in_a_drive_stays(driver: Bsdvirt, view: HostView) -> None:
    (view.scratch / "a.iso").write_bytes(bytes(0x8001) + b"CD001" + bytes(KIB))
    driver.ok("media", "add", f"{view.host_scratch}/a.iso")
    claim = {"id": 7, "uuid": "11111111-2222-4333-8444-555555555555", "kind": "vm"}
    dataset = f"{view.root}/guests/t9"
    view.do("/sbin/zfs", "create", "-o", f"bsdvirt:guest={json.dumps(claim)}", dataset)
    file = view.guest_file("t9")
    drive = "cdroms:\n- name: cd0\n  media: a.iso\n"
    view.fs.write(file, f"kind: vm\nmemory: 512M\n{drive}", 0o600)
    assert driver.json("media", "ls")[0]["guests"] == ["t9"]
    driver.fails(4, "media", "rm", "a.iso", says="t9")
    view.fs.write(file, "{ this is: [no YAML, a.iso\n", 0o600)
    driver.fails(2, "media", "rm", "a.iso", says="guest.yaml")
    assert driver.json("media", "ls")[0]["guests"] == []
    view.fs.write(file, "kind: vm\nmemory: 512M\n", 0o600)
    driver.ok("media", "rm", "a.iso")
    view.do("/sbin/zfs", "destroy", "-r", dataset)


@scenario(sim_only=True, each_release=True)
def a_device_that_does_not_come_by_itself_is_made(driver: Bsdvirt, view: HostView) -> None:
    """As on a 13.2 under load: every second volume, where the mode is not inherited."""
    from bsdvirt_sim import SimHost

    path, data = disk(view)
    assert isinstance(view.host, SimHost)
    view.host.settings.set_late_devices(True)
    driver.ok("image", "import", path, "--name", "quick")
    assert "did not appear" not in driver.ran[-1].stderr
    driver.ok("image", "rm", "quick")
    view.do("/sbin/zfs", "set", "volmode=default", f"{view.root}/images")
    said = driver.ok("image", "import", path, "--name", "late").stderr
    assert "did not appear within 5 s" in said
    assert held(view, "late") == data.ljust(WHOLE, b"\0")
    assert zvol(view, "images/late", "volmode") == "dev"
    driver.ok("image", "rm", "late")
    view.do("/sbin/zfs", "set", "volmode=dev", f"{view.root}/images")
