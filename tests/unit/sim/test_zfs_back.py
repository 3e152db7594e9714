"""Going back on the simulated host: rollback, clone and promote, holds, diff."""

from __future__ import annotations

import re

import pytest

from bsdvirt.host import tools
from bsdvirt_sim import SimHost

from .conftest import Do

LIST = (tools.ZFS, "list", "-Hp", "-t", "snapshot", "-o", "name", "-r")


@pytest.fixture
def web(host: SimHost, do: Do) -> str:
    """A guest's dataset with a root in it and a volume, with some data, and their snapshot @a."""
    do(tools.ZFS, "create", "-p", "tank/web/root")
    do(tools.ZFS, "create", "-s", "-V", "1G", "tank/web/disk")
    host.fs.write("/tank/web/guest.yaml", "old")
    host.fs.mkdir("/tank/web/root/etc", 0o700)
    host.fs.write("/tank/web/root/etc/rc", "old")
    host.fs.path("/dev/zvol/tank/web/disk").write_bytes(b"old")
    do(tools.ZFS, "snapshot", "-r", "tank/web@a")
    return "tank/web"


def test_rollback_restores_files_and_volumes_in_place(
    host: SimHost, do: Do, see: Do, web: str
) -> None:
    host.fs.write("/tank/web/guest.yaml", "new")
    host.fs.write("/tank/web/more", "new")
    host.fs.rmtree("/tank/web/root/etc")
    host.fs.path("/dev/zvol/tank/web/disk").write_bytes(b"newer")
    do(tools.ZFS, "set", "volsize=2G", "tank/web/disk")
    for name in ("", "/root", "/disk"):
        do(tools.ZFS, "rollback", f"tank/web{name}@a")
    assert host.fs.listdir("/tank/web") == ["guest.yaml", "root"]
    assert host.fs.read_text("/tank/web/guest.yaml") == "old"
    assert host.fs.read_text("/tank/web/root/etc/rc") == "old"
    assert host.fs.path("/tank/web/root/etc").stat().st_mode & 0o777 == 0o700
    assert host.fs.path("/dev/zvol/tank/web/disk").read_bytes() == b"old"
    size = see(tools.ZFS, "list", "-Hp", "-o", "volsize", "tank/web/disk")
    assert size.stdout == "1073741824\n"


def test_rollback_refuses_what_would_be_lost(host: SimHost, do: Do, see: Do, web: str) -> None:
    do(tools.ZFS, "snapshot", f"{web}@b")
    do(tools.ZFS, "bookmark", f"{web}@b", f"{web}#b")
    do(tools.ZFS, "clone", f"{web}@b", "tank/c")
    do(tools.ZFS, "snapshot", "tank/c@x")
    assert do(tools.ZFS, "rollback", f"{web}@a", ok=1).stderr == (
        f"cannot rollback to '{web}@a': more recent snapshots or bookmarks exist\n"
        "use '-r' to force deletion of the following snapshots and bookmarks:\n"
        f"{web}@b\n{web}#b\n"
    )
    assert do(tools.ZFS, "rollback", "-r", f"{web}@a", ok=1).stderr == (
        f"cannot rollback to '{web}@a': clones of previous snapshots exist\n"
        "use '-R' to force deletion of the following clones and dependents:\n"
        "tank/c@x\ntank/c\n"
    )
    do(tools.ZFS, "hold", "keep", f"{web}@b")
    do(tools.ZFS, "destroy", "-r", "tank/c")
    assert do(tools.ZFS, "rollback", "-r", f"{web}@a", ok=1).stderr == (
        f"cannot destroy '{web}@b': dataset is busy\n"
    )
    do(tools.ZFS, "release", "keep", f"{web}@b")
    do(tools.ZFS, "clone", f"{web}@b", "tank/c")
    do(tools.ZFS, "rollback", "-R", f"{web}@a")
    assert see(*LIST, web).stdout == f"{web}@a\n{web}/disk@a\n{web}/root@a\n"
    assert see(tools.ZFS, "list", "-Hp", "-o", "name", "tank/c").status == 1
    assert see(tools.ZFS, "list", "-Hp", "-t", "bookmark", "-o", "name", "-r", web).stdout == ""


def test_promote_moves_snapshots_and_their_files(host: SimHost, do: Do, see: Do, web: str) -> None:
    do(tools.ZFS, "snapshot", f"{web}/root@b")
    do(tools.ZFS, "snapshot", f"{web}/root@c")
    do(tools.ZFS, "bookmark", f"{web}/root@a", f"{web}/root#a")
    do(tools.ZFS, "clone", f"{web}/root@b", "tank/n")
    do(tools.ZFS, "snapshot", "tank/n@a")
    assert do(tools.ZFS, "promote", "tank/n", ok=1).stderr == (
        f"cannot promote 'tank/n': conflicting snapshot 'a' from parent '{web}/root@b'\n"
    )
    do(tools.ZFS, "rename", "tank/n@a", "tank/n@z")
    do(tools.ZFS, "promote", "tank/n")
    assert see(*LIST, "tank/n").stdout == "tank/n@a\ntank/n@b\ntank/n@z\n"
    assert see(*LIST, f"{web}/root").stdout == f"{web}/root@c\n"
    assert host.fs.read_text("/tank/n/.zfs/snapshot/a/etc/rc") == "old"
    origins = see(tools.ZFS, "list", "-Hp", "-o", "origin", f"{web}/root", "tank/n").stdout
    assert origins == "-\ntank/n@b\n"
    marks = see(tools.ZFS, "list", "-Hp", "-t", "bookmark", "-o", "name", "-r", "tank").stdout
    assert marks == "tank/n#a\n"


def test_holds(do: Do, see: Do, web: str) -> None:
    do(tools.ZFS, "hold", "-r", "bsdvirt:x", f"{web}@a")
    again = do(tools.ZFS, "hold", "bsdvirt:x", f"{web}@a", ok=1)
    assert again.stderr == (f"cannot hold snapshot '{web}@a': tag already exists on this dataset\n")
    listed = see(tools.ZFS, "holds", "-H", "-r", f"{web}@a").stdout.splitlines()
    assert [line.split("\t")[:2] for line in listed] == [
        [f"{web}@a", "bsdvirt:x"], [f"{web}/disk@a", "bsdvirt:x"], [f"{web}/root@a", "bsdvirt:x"],
    ]  # fmt: skip
    refs = see(tools.ZFS, "get", "-Hp", "-o", "value", "userrefs", f"{web}@a")
    assert refs.stdout == "1\n"
    wrong = "cannot release hold from snapshot"
    assert do(tools.ZFS, "release", "y", f"{web}@a", ok=1).stderr == (
        f"{wrong} '{web}@a': no such tag on this dataset\n"
    )
    assert do(tools.ZFS, "release", "y", f"{web}@b", ok=1).stderr == (
        f"{wrong} '{web}@b': dataset does not exist\n"
    )
    do(tools.ZFS, "destroy", "-d", f"{web}@a")
    do(tools.ZFS, "release", "-r", "bsdvirt:x", f"{web}@a")
    assert see(*LIST, web).stdout == f"{web}/disk@a\n{web}/root@a\n"
    nothing = see(tools.ZFS, "holds", "-H", f"{web}@a")
    assert (nothing.status, nothing.stderr) == (
        1, f"cannot open '{web}@a': dataset does not exist\nno datasets available\n",
    )  # fmt: skip


def test_diff(host: SimHost, do: Do, see: Do, web: str) -> None:
    root = "/tank/web/root"
    assert see(tools.ZFS, "diff", "-FHt", f"{web}/root@a").stdout == ""
    host.fs.write(f"{root}/one", "1")
    host.fs.write(f"{root}/two words\\", "2")
    do(tools.ZFS, "snapshot", f"{web}/root@b")
    host.fs.append(f"{root}/etc/rc", "changed")
    host.fs.rename(f"{root}/one", f"{root}/uno")
    host.fs.unlink(f"{root}/two words\\")
    host.fs.path(f"{root}/link").symlink_to("/etc")
    assert see(tools.ZFS, "diff", "-FH", f"{web}/root@b").stdout.splitlines() == [
        f"M\t/\t{root}/",
        f"M\tF\t{root}/etc/rc",
        f"R\tF\t{root}/one\t{root}/uno",
        f"-\tF\t{root}/two\\0040words\\0134",
        f"+\t@\t{root}/link",
    ]
    between = see(tools.ZFS, "diff", "-FHt", f"{web}/root@a", f"{web}/root@b").stdout
    assert re.fullmatch(r"\d{10}\.\d{9}\tM\t/\t\S+/\n(\d{10}\.\d{9}\t\+\tF\t\S+\n){2}", between)
    do(tools.ZFS, "rollback", f"{web}/root@b")
    assert see(tools.ZFS, "diff", "-FHt", f"{web}/root@b").stdout == ""
    late = see(tools.ZFS, "diff", f"{web}/root@b", f"{web}/root@a")
    assert (late.status, late.stderr) == (
        1, "Unable to obtain diffs: \n   Not an earlier snapshot from the same fs\n",
    )  # fmt: skip
