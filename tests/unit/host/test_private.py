"""What only root may look into, whatever the umask and whoever was there before."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bsdvirt.errors import HostError
from bsdvirt.host.fs import Fs, keep_private
from bsdvirt.plan.locks import Lock

ROOT = Path(__file__).resolve().parents[3]
RUN = "/var/run/bsdvirt"


@pytest.fixture(params=[0, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_directory_and_its_parents_have_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    fs = Fs(tmp_path)
    fs.mkdir("/a/b/c", 0o700)
    assert [_mode(tmp_path / path) for path in ("a", "a/b", "a/b/c")] == [0o700] * 3
    fs.mkdir("/a/open/x", 0o755)
    assert [_mode(tmp_path / path) for path in ("a", "a/open", "a/open/x")] == [0o700, 0o755, 0o755]


@pytest.mark.usefixtures("umask")
def test_a_lock_makes_no_directory_for_others(tmp_path: Path) -> None:
    (tmp_path / "var/run").mkdir(parents=True)
    Lock(Fs(tmp_path), "guest", "web")
    assert _mode(tmp_path / "var/run/bsdvirt") == 0o700
    assert _mode(tmp_path / "var/run/bsdvirt/locks") == 0o700


def test_one_that_was_opened_is_closed(tmp_path: Path) -> None:
    fs = Fs(tmp_path)
    keep_private(fs, RUN)
    assert not (tmp_path / "var").exists()
    fs.mkdir(RUN, 0o700)
    (tmp_path / "var/run/bsdvirt").chmod(0o777)
    keep_private(fs, RUN)
    assert _mode(tmp_path / "var/run/bsdvirt") == 0o700


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var/run").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir(0o777)
    (tmp_path / "var/run/bsdvirt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostError, match="is not a directory"):
        keep_private(Fs(tmp_path), RUN)


def test_what_is_another_users_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fs = Fs(tmp_path)
    fs.mkdir(RUN, 0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(HostError, match="belongs to user") as raised:
        keep_private(fs, RUN)
    assert "chown root" in raised.value.hint


def test_a_host_that_was_open_is_closed(tmp_path: Path) -> None:
    """Every changing verb closes the run directory; init and doctor --repair close the rest."""
    sim = tmp_path / "sim"

    def bsdvirt(*words: str) -> subprocess.CompletedProcess[str]:
        argv = ("/bin/sh", "-c", 'umask 0; exec "$@"', "sh", sys.executable, "-m", "bsdvirt")
        return subprocess.run((*argv, "--sim", str(sim), *words), cwd=ROOT, capture_output=True,
                              text=True, check=False)  # fmt: skip

    assert bsdvirt("init", "--pool", "zroot").returncode == 0
    assert bsdvirt("create", "jail", "web", "--start").returncode == 0
    closed = [sim / f"root/bsdvirt/{name}" for name in ("guests", "state", "releases", "images")]
    run = sim / "root/var/run/bsdvirt"
    assert [_mode(place) for place in (*closed, run)] == [0o700] * 5
    ours = [path for place in ("run", "log") for path in (sim / f"root/var/{place}").glob("*/**/*")]
    assert [path for path in ours if not path.is_symlink() and _mode(path) & 0o022] == []
    for place in (*closed, run):
        place.chmod(0o755)
    assert "other users can read it" in bsdvirt("doctor").stdout
    assert bsdvirt("set", "web", "description=x").returncode == 0
    assert _mode(run) == 0o700
    assert "closed to others" in bsdvirt("doctor", "--repair").stdout
    assert [_mode(place) for place in closed] == [0o700] * 4
    closed[2].chmod(0o755)
    assert bsdvirt("init", "--pool", "zroot").returncode == 0
    assert _mode(closed[2]) == 0o700
