"""What reaches a server: the source distribution, the wheel, and the port's list of files.

The steps are those of the ports framework (Mk/Uses/python.mk): a wheel is built without a network,
installed by `installer` with --destdir and --prefix, and the list is made from its RECORD.
"""

from __future__ import annotations

import configparser
import csv
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from uitest import made

import bsdvirt

ROOT = Path(__file__).resolve().parents[2]
PORT = ROOT / "port"
PREFIXES = ("/usr/local", "/opt/pkg")
SITE = Path(sysconfig.get_path("purelib", "posix_prefix", {"base": "", "platbase": ""})).as_posix()
BACKEND = "import sys, setuptools.build_meta as b; print(b.{what}(sys.argv[1]))"
SKIPPED = shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", "*.egg-info", "work")


def run(*argv: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env}
    return subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True)


def build(what: str, tree: Path, place: Path) -> Path:
    """Build an sdist or a wheel by the backend itself: nothing is fetched."""
    place.mkdir()
    done = run(sys.executable, "-c", BACKEND.format(what=what), str(place), cwd=tree)
    assert done.returncode == 0, done.stderr
    (made,) = place.iterdir()
    return made


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sdist")
    shutil.copytree(ROOT, place / "tree", ignore=SKIPPED)
    return build("build_sdist", place / "tree", place / "dist")


@pytest.fixture(scope="session")
def unpacked(sdist: Path) -> Path:
    """The tree, as it comes out of the source distribution."""
    place = sdist.parent.parent / "unpacked"
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    return place / f"bsdvirt-{bsdvirt.__version__}"


@pytest.fixture(scope="session")
def wheel(unpacked: Path) -> Path:
    return build("build_wheel", unpacked, unpacked.parent / "wheel")


@dataclass(frozen=True)
class Installed:
    stage: Path
    """The staging directory, which becomes /."""
    prefix: str

    @property
    def root(self) -> Path:
        return self.stage / self.prefix.lstrip("/")

    @property
    def site(self) -> Path:
        return self.root / SITE.lstrip("/")

    def files(self) -> set[str]:
        """Return the files below the prefix, but for compiled modules."""
        found = (path for path in self.root.rglob("*") if not path.is_dir())
        return {str(path.relative_to(self.root)) for path in found if path.suffix != ".pyc"}

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return run(
            sys.executable, "-P", str(self.root / "bin" / "bsdvirt"), *words,
            cwd=self.stage, PYTHONPATH=str(self.site), **env,
        )  # fmt: skip


@pytest.fixture(scope="session", params=PREFIXES)
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    stage = tmp_path_factory.mktemp("stage")
    words = ("--destdir", str(stage), "--prefix", request.param, "--no-compile-bytecode")
    done = run(sys.executable, "-m", "installer", *words[:4], str(wheel), cwd=stage)
    assert done.returncode == 0, done.stderr
    return Installed(stage, request.param)


def tracked() -> Iterator[str]:
    """The files of the checkout; of an unpacked source distribution, all files."""
    listed = subprocess.run(("git", "ls-files"), cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        yield from listed.stdout.splitlines()


def test_the_source_distribution_is_the_whole_tree(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = set(tracked()) - names - {".gitignore"}
    assert not missing


def expected() -> set[str]:
    """Return what an installation has, from the tree: nothing twice, nothing missing."""
    python = {
        f"{SITE.lstrip('/')}/{path.relative_to(ROOT)}"
        for path in (ROOT / "bsdvirt").rglob("*")
        if path.suffix in (".py", ".typed")
    }
    data = {
        f"share/bsdvirt/{path.relative_to(ROOT)}"
        for path in (ROOT / "templates").rglob("*")
        if path.is_file()
    }
    manuals = {f"share/man/man{path.suffix[1:]}/{path.name}" for path in (ROOT / "man").iterdir()}
    etc = {
        f"etc/{to}/{path.relative_to(ROOT / folder)}"
        for folder, to in (
            ("rc.d", "rc.d"), ("newsyslog", "newsyslog.conf.d"), ("devd", "devd"),
            ("rc.conf.d", "rc.conf.d"), ("cron.d", "cron.d"), ("examples", "bsdvirt"),
        )
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }  # fmt: skip
    completions = {
        "share/bsdvirt/complete", "share/bsdvirt/limit-reached",
        "share/bash-completion/completions/bsdvirt",
        "share/zsh/site-functions/_bsdvirt", "share/fish/vendor_completions.d/bsdvirt.fish",
        "share/examples/bsdvirt/bsdvirt.tcsh",
    }  # fmt: skip
    return {"bin/bsdvirt", *python, *data, *manuals, *etc, *completions}


def test_each_file_is_accounted_for(installed: Installed) -> None:
    own = f"{SITE.lstrip('/')}/bsdvirt-{bsdvirt.__version__}.dist-info/"
    assert {name for name in installed.files() if not name.startswith(own)} == expected()


def test_the_list_of_the_port_is_what_is_installed(installed: Installed) -> None:
    """As autoplist makes it from RECORD, whose names are relative to site-packages."""
    record = next(installed.site.glob("bsdvirt-*.dist-info/RECORD"))
    with record.open(newline="") as file:
        listed = [os.path.normpath(f"{SITE}/{name}").lstrip("/") for name, *_ in csv.reader(file)]
    assert len(listed) == len(set(listed))
    assert {name for name in listed if not name.endswith(".pyc")} == installed.files()
    # What the framework's sed does not know would be listed under site-packages.
    known = ("bin/", "etc/", "share/", "lib/")
    assert all(name.startswith(known) for name in listed)


def test_no_file_names_where_it_was_built(installed: Installed) -> None:
    # The first line of the command names its interpreter.
    for name in installed.files() - {"bin/bsdvirt"}:
        content = (installed.root / name).read_bytes()
        assert str(ROOT).encode() not in content, name
        assert str(installed.stage).encode() not in content, name


def test_the_command_imports_nothing_but_bsdvirt(installed: Installed) -> None:
    """What pip writes for an entry point imports re: see bin/bsdvirt."""
    first, *lines = (installed.root / "bin/bsdvirt").read_text().splitlines()
    assert first.startswith("#!/") and "python" in first
    assert [line for line in lines if line.startswith(("import ", "from "))] == [
        "import sys", "from bsdvirt.__main__ import main",
    ]  # fmt: skip


def test_what_is_run_can_be_run(installed: Installed) -> None:
    for name in (
        "bin/bsdvirt",
        "etc/rc.d/bsdvirt",
        "etc/rc.d/bsdvirt_network",
        "etc/rc.d/bsdvirt_stats",
        "share/bsdvirt/complete",
        "share/bsdvirt/limit-reached",
    ):
        assert (installed.root / name).stat().st_mode & stat.S_IXOTH, name
    assert not (installed.root / "etc/devd/bsdvirt.conf").stat().st_mode & stat.S_IXUSR


def test_it_says_its_version_and_its_verbs(installed: Installed) -> None:
    assert installed.run("--version").stdout == f"bsdvirt {bsdvirt.__version__}\n"
    assert "create a guest" in installed.run("--help").stdout


def test_a_jails_life(installed: Installed, tmp_path: Path) -> None:
    """With the simulated host, which is not installed, from the source tree."""
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "bsdvirt_sim").symlink_to(ROOT / "bsdvirt_sim")
    for words in (
        "init --pool zroot", "create jail web --start", "exec web -- true", "stop web",
        "destroy --yes web",
    ):  # fmt: skip
        path = f"{installed.site}:{beside}"
        argv = (sys.executable, "-P", "-m", "bsdvirt", "--sim", str(tmp_path / "sim"))
        done = run(*argv, *words.split(), cwd=tmp_path, PYTHONPATH=path)
        assert done.returncode == 0, (words, done.stderr)


def test_the_wheel_holds_no_test_and_no_simulated_host(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    version = bsdvirt.__version__
    assert tops == {"bsdvirt", f"bsdvirt-{version}.data", f"bsdvirt-{version}.dist-info"}


# ---- the port's files, read as they stand: the framework itself is run on FreeBSD ----


def variables() -> dict[str, str]:
    """The assignments of port/Makefile, lines joined."""
    text = (PORT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"^([A-Z_a-z0-9]+)[+?]?=[\t ]*([^#\n]*)", text, re.MULTILINE)
    return {name: " ".join(value.split()) for name, value in found}


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_the_version_stands_in_one_place() -> None:
    assert variables()["DISTVERSION"] == bsdvirt.__version__


def test_the_port_needs_what_the_package_needs() -> None:
    """With the same lower bounds; a port has its own way to write the name, and an epoch."""
    depends = re.findall(
        r"\$\{PYTHON_PKGNAMEPREFIX\}([\w-]+)>=([\d.]+)", variables()["RUN_DEPENDS"]
    )
    ours = [line.split(">=") for line in setup()["options"]["install_requires"].split()]
    assert {name.lower(): bound for name, bound in depends} == dict(ours)


def test_each_option_says_what_it_is_for() -> None:
    values = variables()
    for option in values["OPTIONS_DEFINE"].split():
        assert "(without: " in values[f"{option}_DESC"], option
        assert len(values[f"{option}_DESC"]) <= 60, option
        assert option == "DOCS" or f"{option}_RUN_DEPENDS" in values


def test_rc_scripts_are_installed_once() -> None:
    assert "USE_RC_SUBR" not in variables()
    assert "rc.d/bsdvirt" in setup()["options.data_files"]["etc/rc.d"]


def test_each_name_under_the_prefix_is_replaced() -> None:
    """For a PREFIX other than /usr/local: the files in which the port replaces it."""
    listed = set(variables()["NAMES_PREFIX"].split())
    named = set()
    for path in expected_sources():
        text = path.read_text(encoding="utf-8")
        if re.search(r"/usr/local/(etc/|bin/bsdvirt|share/(bsdvirt|examples/bsdvirt)/)", text):
            named.add(str(path.relative_to(ROOT)))
    assert named == listed


def test_under_another_prefix_no_file_names_the_usual_one(wheel: Path) -> None:
    """What the port replaces in its sources, done to what the wheel has of these."""
    text = (PORT / "Makefile").read_text(encoding="utf-8")
    pairs = re.findall(r"-e 's\|(/usr/local/[^|]+)\|\$\{PREFIX}([^|]+)\|g'", text)
    assert len(pairs) == 3
    sources = {Path(name).name for name in variables()["NAMES_PREFIX"].split()}
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            content = files.read(name).decode(errors="replace")
            if Path(name).name in sources:
                for old, new in pairs:
                    content = content.replace(old, f"/opt/pkg{new}")
            left = re.search(r"/usr/local/(etc/|bin/|share/)bsdvirt", content)
            # METADATA is README.md.
            assert not left or ".dist-info/" in name, name


def expected_sources() -> Iterator[Path]:
    for folder in (
        "bsdvirt",
        "completions",
        "man",
        "rc.conf.d",
        "rc.d",
        "templates",
        "devd",
        "libexec",
        "newsyslog",
        "cron.d",
        "examples",
    ):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix not in (".pyc", ".typed"):
                yield path


def test_the_tree_that_the_port_packages_is_whole() -> None:
    listed = set(variables()["TREE_FILES"].split())
    tops = {name.split("/")[0] for name in tracked()} - {".ci", ".gitignore"}
    assert not tops or tops == listed


def test_the_logs_are_rotated_by_a_file_that_has_a_sample() -> None:
    """pkg(8) copies a sample where there is no file: what an administrator changed is kept."""
    file = variables()["LOG_FILE"]
    assert file in expected()
    assert "s|^${LOG_FILE}$$|@sample &.sample|" in (PORT / "Makefile").read_text("utf-8")


@dataclass
class Deinstall:
    """pkg-deinstall, as pkg(8) runs it: by sh -c, with the name and the action set before it."""

    prefix: Path

    def __call__(self, action: str = "DEINSTALL", **env: str) -> str:
        script = (PORT / "pkg-deinstall").read_text(encoding="utf-8")
        done = run(
            "/bin/sh", "-c", f"set -- bsdvirt-0.1.0 {action}\n{script}", cwd=self.prefix,
            **({"PKG_PREFIX": str(self.prefix)} | env),
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@pytest.fixture
def deinstall(tmp_path: Path) -> Deinstall:
    """On a simulated host where the jail web runs and db does not."""
    sim = made(tmp_path / "sim")
    for name in ("bin", "etc/bsdvirt", "etc/rc.d"):
        (tmp_path / name).mkdir(parents=True)
    service = tmp_path / "etc/rc.d/bsdvirt_stats"
    service.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\nexit 1\n')
    service.chmod(0o755)
    command = tmp_path / "bin/bsdvirt"
    command.write_text(f'#!/bin/sh\ncd {ROOT}\n{sys.executable} -m bsdvirt --sim {sim} "$@"\n')
    command.chmod(0o755)
    (tmp_path / "etc/bsdvirt/bsdvirt.yaml").touch()
    return Deinstall(tmp_path)


def test_pkg_delete_names_the_guests_that_go_on(deinstall: Deinstall) -> None:
    assert deinstall(PKG_UPGRADE="true") == deinstall("POST-DEINSTALL") == ""
    assert not (deinstall.prefix / "asked").exists()
    shown = deinstall()
    assert (deinstall.prefix / "asked").read_text() == "onestop\n"
    assert "go on running without bsdvirt:\n\tjail web: jail -r web stops it\n" in shown
    assert "db" not in shown
    (deinstall.prefix / "etc/bsdvirt/bsdvirt.yaml").unlink()
    assert deinstall() == ""


def test_messages_are_for_the_package_manager() -> None:
    text = (PORT / "pkg-message").read_text(encoding="utf-8")
    assert re.findall(r"type: (\w+)", text) == ["install", "upgrade", "remove"]
    assert all(len(line) <= 80 for line in text.splitlines())
    description = (PORT / "pkg-descr").read_text(encoding="utf-8")
    assert all(len(line) <= 80 for line in description.splitlines())
