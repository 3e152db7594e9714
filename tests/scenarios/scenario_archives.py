"""Archives of guests: what was there comes back, and a file that is wrong leaves nothing."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_rollback import MIB, write_disk
from scenario_view import HostView, assert_same

DATA = "datasets=[{name: data, mountpoint: /data, quota: 1G}]"


def tree(top: Path) -> dict[str, str]:
    """What is beneath a directory: types, modes, targets, contents, and what is one file."""
    found: dict[str, str] = {}
    firsts: dict[int, str] = {}
    for path in sorted(top.rglob("*")):
        status, name = path.lstat(), str(path.relative_to(top))
        what = f"{status.st_mode:o} {status.st_uid}:{status.st_gid}"
        if path.is_symlink():
            what = f"link {os.readlink(path)}"
        elif path.is_file():
            first = firsts.setdefault(status.st_ino, name)
            what += f" {hashlib.sha256(path.read_bytes()).hexdigest()} {first}"
        found[name] = what
    return found


def archive(view: HostView, name: str = "web") -> tuple[str, Path]:
    """The path of an archive on the host, and for us."""
    return f"{view.host_scratch}/{name}.bsdvirt", view.scratch / f"{name}.bsdvirt"


def left(view: HostView) -> list[str]:
    """The archives that are there, complete or not."""
    return sorted(path.name for path in view.scratch.glob("*.bsdvirt*"))


def same_disk(view: HostView, one: str, other: str) -> bool:
    """Whether their disks have the same content; on the simulated host, without zeros at the
    end."""
    devices = [view.fs.path(f"/dev/zvol/{view.root}/guests/{name}/disk0") for name in (one, other)]
    contents = [device.open("rb").read(8 * MIB).rstrip(b"\0") for device in devices]
    return contents[0] == contents[1]


@scenario()
def a_running_jail_comes_back_from_its_archive(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "web", DATA, "description=one", "--tag", "front", "--start")
    root = view.fs.path(view.jail_root("web"))
    (root / "etc/kept").write_text("old\n")
    if not view.simulated:
        os.link(root / "etc/kept", root / "etc/again")
    (root / "etc/link").symlink_to("/no/where")
    (root / "data/dump").write_bytes(os.urandom(3 * MIB))
    before = view.everything()
    path, real = archive(view)
    assert "while it runs" in driver.ok("export", "web", path).stderr
    assert_same(before, view.everything())
    assert real.stat().st_mode & 0o777 == 0o600
    assert left(view) == [real.name]
    driver.fails(4, "export", "web", path, says="exists")
    (root / "etc/kept").write_text("new\n")
    driver.ok("export", "web", path, "--force", "--compress", "none")
    shown = driver.json("import", "--list", path)
    assert [(one["part"], one["kind"]) for one in shown["streams"]] == [
        ("data", "filesystem"), ("root", "filesystem"),
    ]  # fmt: skip
    assert shown["config"]["description"] == "one"
    driver.fails(4, "import", path, "--yes", says="guest web already exists")
    # A dataset that a jail is given is something that it asks of the host.
    driver.fails(2, "import", path, "two", says="--yes")
    driver.ok("import", path, "two", "--yes", "description=two")
    driver.ok("stop", "web")
    had, has = (view.fs.path(view.jail_root(name)) for name in ("web", "two"))
    one, other = tree(had), tree(has)
    assert one == other, sorted({*one.items()} ^ {*other.items()})
    driver.ok("start", "two")
    dump = view.fs.path(f"{view.jail_root('two')}/data/dump")
    assert dump.stat().st_size == 3 * MIB
    first, second = driver.json("info", "web"), driver.json("info", "two")
    assert (second["config"]["description"], second["tags"]) == ("two", ["front"])
    assert not second["boot"]["auto"]
    for key in ("id", "uuid"):
        assert first[key] != second[key]
    assert driver.json("doctor") == []


@scenario()
def a_virtual_machine_comes_back_from_its_archive(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "vm", "v1", "--disk", "8M", "--memory", "64M", "vnc.auth=own",
              "vnc.password=secret12")  # fmt: skip
    write_disk(view, "v1", os.urandom(4096))
    view.fs.path(f"{view.mountpoint}/guests/v1/uefi-vars.fd").write_bytes(b"variables")
    path, real = archive(view, "v1")
    driver.ok("snapshot", "create", "v1@a")
    driver.ok("export", "v1@a", path, "--compress", "none")
    assert b"secret12" in real.read_bytes()
    driver.ok("import", path, "v2", "--yes")
    portable, _ = archive(view, "portable")
    driver.ok("export", "v1", portable, "--portable")
    driver.ok("import", portable, "v3", "--yes")
    for name in ("v2", "v3"):
        assert same_disk(view, "v1", name)
        variables = view.fs.path(f"{view.mountpoint}/guests/{name}/uefi-vars.fd")
        assert variables.read_bytes() == b"variables"
    serials = {driver.json("info", name)["disks"][0]["serial"] for name in ("v1", "v2", "v3")}
    assert len(serials) == 3
    assert [one["name"] for one in driver.json("snapshot", "ls")] == ["a"]


@scenario()
def an_archive_goes_through_a_pipe(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "web", DATA)
    view.fs.path(f"{view.jail_root('web')}/etc/kept").write_text("old\n")
    path, real = archive(view)
    exporting = driver.argv("export", "web", "-", "--portable", "--compress", "none")
    importing = driver.argv("import", "-", "two", "--yes")
    environment = driver.environment({})
    with real.open("wb") as out:
        subprocess.run(exporting, stdout=out, check=True, env=environment, timeout=600)
    with real.open("rb") as source:
        subprocess.run(importing, stdin=source, check=True, env=environment, timeout=600,
                       capture_output=True)  # fmt: skip
    assert tree(view.fs.path(view.jail_root("web"))) == tree(view.fs.path(view.jail_root("two")))
    garbage = subprocess.run(driver.argv("import", "-", "bad"), input=b"garbage" * 99, timeout=600,
                             env=environment, capture_output=True, check=False)  # fmt: skip
    assert garbage.returncode == 2
    assert b"standard input" in garbage.stderr
    assert b"import." not in garbage.stderr
    # A script that expects the archive in a pipe is told where it is.
    assert "; to standard output: bsdvirt export web -" in driver("export", "-n", "web").stderr
    shown = driver.json("import", "--list", path)["streams"]
    assert {one["part"]: one["form"] for one in shown} == {"root": "tar", "data": "zfs"}
    (view.scratch / "link.bsdvirt").symlink_to(real.name)
    driver.ok("import", f"{view.host_scratch}/link.bsdvirt", "three", "--foreign")
    assert driver.json("info", "three")["state"] == "foreign"
    driver.fails(4, "start", "three", says="bsdvirt adopt three")
    driver.ok("adopt", "three", "--yes")
    driver.ok("start", "three")


@scenario(sim_only=True)
def an_export_that_was_killed_keeps_nothing_from_being_done(
    driver: Bsdvirt, view: HostView
) -> None:
    driver.ok("create", "jail", "web")
    path, _ = archive(view)
    with driver.faulty("kill-after:4"):
        driver("export", "web", path)
    (taken,) = driver.json("snapshot", "ls", "web")
    assert taken["holds"] == 1
    # The export is recovered first.
    driver.ok("rename", "web", "www")
    assert driver.json("snapshot", "ls", "www") == []
    assert not left(view)
    with driver.faulty("kill-after:4"):
        driver("export", "www", path)
    (journal,) = view.journals()
    driver.ok("doctor", "--set-aside", journal)
    (taken,) = driver.json("snapshot", "ls", "www")
    name = f"www@{taken['name']}"
    said = driver.ok("doctor").stdout
    assert f"{name} was taken for an archive, which is not being written" in said
    driver.fails(4, "snapshot", "rm", name, "--yes", says="is held")
    driver.ok("snapshot", "release", name, "--tag", "bsdvirt-export")
    driver.ok("snapshot", "rm", name, "--yes")
    assert "archive" not in driver.ok("doctor").stdout
    for name in view.journals():
        view.fs.unlink(f"{view.mountpoint}/state/{name}")
    view.fs.unlink("/var/run/bsdvirt/archive.www.json")


@scenario()
def an_imported_jail_can_have_keys_of_its_own(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "web")
    for name in ("etc/ssh/ssh_host_rsa_key", "etc/hostid", "etc/kept"):
        place = view.fs.path(f"{view.jail_root('web')}/{name}")
        place.parent.mkdir(exist_ok=True)
        place.write_text("secret\n")
    path, _ = archive(view)
    driver.ok("export", "web", path)
    shown = driver.ok("import", path, "two", "--new-keys", "-n").stdout
    assert "host keys, machine ids and leases are removed once they are unpacked" in shown
    driver.ok("import", path, "same")
    driver.ok("import", path, "two", "--new-keys")
    for guest, keys in (("same", True), ("two", False)):
        root = view.fs.path(view.jail_root(guest))
        assert (root / "etc/kept").exists()
        assert (root / "etc/ssh/ssh_host_rsa_key").exists() == keys
        assert (root / "etc/hostid").exists() == keys


@scenario()
def a_guest_that_is_exported_can_be_used(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "web", DATA)
    big = view.fs.path(f"{view.jail_root('web')}/etc/big")
    big.write_bytes(os.urandom(4 << 20))
    words = driver.argv("export", "web", "-", "--portable", "--compress", "none")
    exporting = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 env=driver.environment({}))  # fmt: skip
    assert exporting.stdout is not None
    data = exporting.stdout.read(1 << 20)
    # It waits for its reader.
    driver.ok("start", "web")
    driver.ok("set", "web", "hostname=other")
    (taken,) = driver.json("snapshot", "ls", "web")
    for command in (("rename", "web", "www"), ("destroy", "web", "--yes", "--force"),
                    ("rollback", f"web@{taken['name']}", "--stop", "--yes")):  # fmt: skip
        driver.fails(4, *command, says="web is being exported")
    driver.fails(4, "export", "web", "/root/web", says="busy")
    driver.fails(4, "snapshot", "rm", f"web@{taken['name']}", "--yes", says="is held")
    driver.ok("doctor")
    path, real = archive(view)
    real.write_bytes(data + exporting.stdout.read())
    assert exporting.wait(600) == 0
    assert driver.json("snapshot", "ls", "web") == []
    driver.ok("stop", "web")
    driver.ok("import", path, "two", "--yes")
    assert view.fs.path(f"{view.jail_root('two')}/etc/big").read_bytes() == big.read_bytes()
    assert "other" not in driver.ok("get", "two").stdout


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    at = len(data) - 20_000
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


def newer(data: bytes) -> bytes:
    return data.replace(b'"format": 1', b'"format": 2', 1)


@scenario()
def a_wrong_archive_leaves_nothing(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "web")
    view.fs.path(f"{view.jail_root('web')}/etc/kept").write_bytes(os.urandom(MIB))
    path, real = archive(view)
    driver.ok("export", "web", path, "--compress", "none")
    good, before = real.read_bytes(), view.everything()
    wrong: tuple[tuple[Callable[[bytes], bytes], str], ...] = (
        (cut, "it is truncated"), (flipped, "its checksum is wrong"),
        (newer, "its format is 2"), (lambda data: data + b"more", "after its end"),
        (lambda _: b"", "neither an archive"), (lambda _: os.urandom(5000), "neither an archive"),
    )  # fmt: skip
    for change, why in wrong:
        real.write_bytes(change(good))
        result = driver("import", path, "two", "--yes")
        assert result.status != 0, result
        assert why in result.stderr, result
        assert driver("import", "--check", path).status != 0, result
        assert_same(before, view.everything(), result)
    real.write_bytes(good)
    driver.ok("import", "--check", path)
    driver.fails(3, "import", path, "two", "--yes", "nics.0.network=lan", says="no network lan")
    driver.fails(2, "import", path, "two", "--yes", "memory=x", says="no such property")
    assert_same(before, view.everything())
    driver.ok("import", path, "two", "--yes")


@scenario(sim_only=True)
def a_full_pool_or_a_failed_step_leaves_nothing(driver: Bsdvirt, view: HostView) -> None:
    from bsdvirt_sim import SimHost

    driver.ok("create", "jail", "web", DATA)
    path, _ = archive(view)
    with driver.faulty("fail:6"):
        driver.fails(1, "export", "web", path)
    assert left(view) == []
    driver.ok("export", "web", path)
    assert isinstance(view.host, SimHost)
    before = view.everything()
    size = sum(one["length"] for one in driver.json("import", "--list", path)["streams"])
    for free, status in ((4096, 5), (size + 4096, 1)):
        view.host.settings.fill_pool("zroot", free)
        driver.fails(status, "import", path, "two", "--yes")
        view.host.settings.fill_pool("zroot", -1)
        assert_same(before, view.everything())
