"""What `pip install .` puts on a server, and what `--sim` says there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUILD = "import setuptools; setuptools.setup()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages as setuptools installs them, in a directory of their own."""
    place = tmp_path_factory.mktemp("installed")
    words = ("--quiet", "build_py", "--build-lib", str(place))
    subprocess.run((sys.executable, "-c", BUILD, *words), cwd=ROOT, check=True)
    return place


def files(directory: Path) -> set[str]:
    return {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.suffix in (".py", ".typed")
    }


def test_every_module_is_installed_and_the_simulated_host_is_not(installed: Path) -> None:
    wanted = {f"bsdvirt/{name}" for name in files(ROOT / "bsdvirt")}
    assert files(installed) == wanted


def bsdvirt(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(place), "PATH": os.environ["PATH"]}
    # -P: what lies in the current directory is not imported.
    argv = (sys.executable, "-P", "-m", "bsdvirt", *words)
    return subprocess.run(argv, env=environment, cwd="/", capture_output=True, text=True)


def test_sim_is_refused_plainly_where_it_is_not_installed(installed: Path, tmp_path: Path) -> None:
    ended = bsdvirt(installed, "--sim", str(tmp_path / "sim"), "ls")
    assert ended.returncode == 5
    assert "--sim: the simulated host (bsdvirt_sim) is not installed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "sim").exists()


def test_sim_finds_the_simulated_host_beside_the_package(tmp_path: Path) -> None:
    """As with `pip install -e .`, which makes only bsdvirt importable."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "bsdvirt").symlink_to(ROOT / "bsdvirt")
    ended = bsdvirt(tmp_path / "path", "--sim", str(tmp_path / "sim"), "init", "--pool", "zroot")
    assert (ended.returncode, ended.stderr) == (0, "")
