"""release fetch, from a mirror on this machine that can be told to misbehave."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from scenario_driver import Bsdvirt, Result
from scenario_hosts import sim_world
from scenario_mirror import Mirror, add_set, make_certificate
from scenario_view import HostView, assert_same

from bsdvirt_sim import SimHost
from bsdvirt_sim.releases import chosen
from bsdvirt_sim.tools.distribution import make_release

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl here")

RELEASE = chosen().dist
DIRECTORY = f"releases/amd64/amd64/{RELEASE}"
DIST = "/bsdvirt/media/dist"
HOST_FILE = "/usr/local/etc/bsdvirt/bsdvirt.yaml"


@dataclass
class World:
    """A simulated host without releases, and a mirror that has one."""

    driver: Bsdvirt
    view: HostView
    mirror: Mirror

    @property
    def base(self) -> Path:
        return self.mirror.root / DIRECTORY / "base.txz"

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
        self.forget_parts()
        assert_same(before, self.view.everything())
        return result

    def kept(self) -> list[Path]:
        return sorted(self.view.fs.path(DIST).glob("*"))

    def forget_parts(self) -> None:
        shutil.rmtree(self.view.fs.path(DIST), ignore_errors=True)

    def configure(self, **more: object) -> None:
        named = {"mirrors": f"[{self.mirror.url}]", "timeout": 2, "retries": 1, **more}
        path = self.view.fs.path(HOST_FILE)
        text = path.read_text().partition("fetch:")[0]
        path.write_text(
            text + "fetch:\n" + "".join(f"  {key}: {value}\n" for key, value in named.items())
        )

    def assert_added(self, name: str = RELEASE) -> None:
        assert [(r["name"], r["complete"]) for r in self.driver.json("release", "ls")] == [
            (name, True)
        ]
        assert not self.view.fs.exists(DIST)
        assert not self.view.journals()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def world(certificate: Path, tmp_path: Path) -> Iterator[World]:
    make_release(tmp_path / DIRECTORY, RELEASE)
    with sim_world() as (driver, view), Mirror(tmp_path, certificate).serving() as mirror:
        driver.ok("release", "rm", RELEASE)
        shutil.rmtree(view.fs.path("/usr/freebsd-dist"))
        world = World(driver, view, mirror)
        world.configure()
        yield world


def test_the_hosts_own_release(world: World) -> None:
    result = world.ok("release", "fetch")
    assert result.stdout == f"{RELEASE}: added\n"
    assert f"{world.mirror.url}/{DIRECTORY}/base.txz" in result.stderr
    world.assert_added()
    world.driver.fails(4, "release", "fetch", says="already exists")
    world.driver.ok("create", "jail", "t1", "--start")
    assert world.driver.ok("exec", "t1", "--", "hostname").stdout == "t1\n"


def test_short_names_and_short_directories(world: World) -> None:
    root = world.mirror.root / "releases/amd64"
    (root / "amd64" / RELEASE).rename(root / RELEASE)
    world.ok("release", "fetch", chosen().version)
    world.assert_added()


def test_shown_before_it_is_done(world: World) -> None:
    before = world.view.everything()
    shown = world.ok("release", "fetch", "-n").stdout
    assert "/usr/bin/fetch -r -o /bsdvirt/media/dist/" in shown
    assert "/usr/bin/tar -xpvf /bsdvirt/media/dist/" in shown
    assert_same(before, world.view.everything())


def test_create_fetches_what_is_missing_and_says_so(world: World) -> None:
    world.fails(3, "create", "jail", "t1", "--no-fetch", says=f"release fetch {RELEASE}")
    result = world.ok("create", "jail", "t1")
    assert "not on this host yet: downloading it" in result.stderr
    assert f"release {RELEASE} added from the mirrors" in result.stderr
    world.assert_added()


def test_many_at_once_fetch_once(world: World) -> None:
    processes = [world.driver.begin("create", "jail", f"t{i}", env=world.env()) for i in range(3)]
    results = [world.driver.end(process) for process in processes]
    assert [result.status for result in results] == [0, 0, 0], results
    assert len(world.mirror.ranges_of("base.txz")) == 1
    world.assert_added()


def test_a_past_release_comes_from_the_archive(world: World) -> None:
    old = world.mirror.root / "old-releases/amd64/amd64/12.4-RELEASE"
    make_release(old, "12.4-RELEASE")
    world.configure(archives=f"[{world.mirror.url}]")
    world.ok("release", "fetch", "12.4-RELEASE")
    world.assert_added("12.4-RELEASE")


def test_what_no_mirror_has(world: World) -> None:
    said = world.fails(3, "release", "fetch", "12.1-RELEASE", says="no mirror has 12.1-RELEASE")
    assert f"available: {RELEASE}" in said.stderr
    world.fails(2, "release", "fetch", "frisbee", says="not a FreeBSD release")
    world.fails(5, "release", "fetch", "99.0-RELEASE", says="newer than")
    world.fails(3, "create", "jail", "t1", "--release", "12.1-RELEASE", says="no mirror has")
    world.fails(3, "create", "jail", "t1", "--release", "mine", says="no release mine")


def test_a_cut_connection_is_gone_on_with(world: World) -> None:
    world.mirror.faults["base.txz"] = ["cut:300", "cut:200", "503"]
    result = world.ok("release", "fetch")
    assert world.mirror.ranges_of("base.txz") == ["", "bytes=300-", "bytes=500-", "bytes=500-"]
    assert "retrying in" in result.stderr
    world.assert_added()


def test_a_silent_mirror_is_left(world: World) -> None:
    world.configure(timeout=1)
    world.mirror.faults["base.txz"] = ["stall:100"]
    result = world.ok("release", "fetch")
    assert "timed out" in result.stderr
    assert world.mirror.ranges_of("base.txz") == ["", "bytes=100-"]


def test_a_mirror_that_cannot_go_on_begins_again(world: World) -> None:
    world.mirror.ranges = False
    world.mirror.faults["base.txz"] = ["cut:300"]
    world.ok("release", "fetch")
    world.assert_added()


def test_given_up_and_gone_on_with_later(world: World) -> None:
    world.mirror.faults["base.txz"] = ["cut:300", "503", "503"]
    result = world.run("release", "fetch")
    assert result.status == 1, result
    assert "repeat the command to resume" in result.stderr
    (part,) = world.kept()
    assert (part.suffix, part.stat().st_size) == (".part", 300)
    assert world.driver.json("release", "ls") == []
    world.mirror.asked.clear()
    world.ok("release", "fetch")
    assert world.mirror.ranges_of("base.txz") == ["bytes=300-"]
    world.assert_added()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_and_gone_on_with(world: World, number: signal.Signals) -> None:
    world.configure(timeout=25)
    world.mirror.faults["base.txz"] = ["stall:300"]
    process = world.driver.begin("release", "fetch", env=world.env())
    end = time.monotonic() + 20
    while not (world.kept() and world.kept()[0].stat().st_size == 300):
        assert time.monotonic() < end
        time.sleep(0.05)
    began = time.monotonic()
    os.kill(process.pid, number)
    result = world.driver.end(process)
    assert time.monotonic() - began < 5
    assert result.status == 1, result
    assert f"interrupted by {number.name}" in result.stderr
    assert "300 bytes of" in result.stderr
    assert "Traceback" not in result.stderr
    world.mirror.asked.clear()
    world.ok("release", "fetch")
    assert world.mirror.ranges_of("base.txz") == ["bytes=300-"]
    world.assert_added()


def test_a_part_that_is_wrong_is_begun_again(world: World) -> None:
    world.mirror.faults["base.txz"] = ["cut:300", "503", "503"]
    assert world.run("release", "fetch").status == 1
    (part,) = world.kept()
    part.write_bytes(b"?" * 300)
    result = world.ok("release", "fetch")
    assert "restarting" in result.stderr
    world.assert_added()


def test_a_part_longer_than_the_file_is_begun_again(world: World) -> None:
    world.mirror.faults["base.txz"] = ["cut:300", "503", "503"]
    assert world.run("release", "fetch").status == 1
    (part,) = world.kept()
    part.write_bytes(b"?" * 1_000_000)
    world.ok("release", "fetch")
    world.assert_added()


def test_a_file_that_changed_on_the_mirror_is_another(world: World) -> None:
    world.mirror.faults["base.txz"] = ["cut:300", "503", "503"]
    assert world.run("release", "fetch").status == 1
    make_release(world.base.parent, "13.1-RELEASE")
    text = world.base.parent / "MANIFEST"
    make_release(world.mirror.root / "other", RELEASE)
    add_set(world.mirror.root / "other", "src", {"usr/src/README": "hi\n"})
    shutil.copy(world.mirror.root / "other/MANIFEST", text)
    shutil.copy(world.mirror.root / "other/base.txz", world.base)
    shutil.copy(world.mirror.root / "other/src.txz", world.base.parent)
    world.ok("release", "fetch", "--with", "src")
    world.assert_added()


def test_a_wrong_checksum(world: World) -> None:
    world.base.write_bytes(world.base.read_bytes()[:-1] + b"?")
    world.fails(1, "release", "fetch", says="its SHA-256 does not match MANIFEST")
    assert not world.kept()


def test_another_mirror_has_it_right(world: World, certificate: Path, tmp_path: Path) -> None:
    make_release(tmp_path / "second" / DIRECTORY, RELEASE)
    world.base.write_bytes(b"nonsense")
    with Mirror(tmp_path / "second", certificate).serving() as second:
        world.configure(mirrors=f"[{world.mirror.url}, {second.url}]")
        result = world.ok("release", "fetch")
        assert "trying the next URL" in result.stderr
        assert second.ranges_of("base.txz")
    world.assert_added()


def test_a_mirror_that_is_down(world: World) -> None:
    world.configure(mirrors=f"[https://127.0.0.1:1, {world.mirror.url}]")
    world.ok("release", "fetch")
    world.driver.ok("release", "rm", RELEASE)
    world.configure(mirrors="[https://127.0.0.1:1]")
    world.fails(1, "release", "fetch", says="onnection refused (2 tries)")


def test_a_base_of_another_release(world: World) -> None:
    make_release(world.base.parent, "13.1-RELEASE")
    world.fails(1, "release", "fetch", says=f"contains 13.1-RELEASE, not {RELEASE}")


def test_a_portal_instead_of_a_manifest(world: World) -> None:
    (world.base.parent / "MANIFEST").write_text("<html>Log in here</html>\n")
    world.fails(1, "release", "fetch", says="not a MANIFEST")


def test_redirections(world: World) -> None:
    there = f"{world.mirror.url}/{DIRECTORY}/base.txz"
    world.mirror.faults["base.txz"] = [f"to:{there}"]
    world.ok("release", "fetch")
    world.driver.ok("release", "rm", RELEASE)
    for url in ("http://127.0.0.1/x", "file:///etc/passwd", "ftp://127.0.0.1/x"):
        world.mirror.faults["base.txz"] = [f"to:{url}"]
        world.fails(1, "release", "fetch", says=url)


def test_redirections_without_end(world: World) -> None:
    there = f"{world.mirror.url}/{DIRECTORY}/base.txz"
    world.mirror.faults["base.txz"] = [f"to:{there}"] * 11
    world.fails(1, "release", "fetch", says="more than 10 redirects")
    world.mirror.faults["base.txz"] = [f"to:{there}"] * 10
    world.ok("release", "fetch")


def test_an_answer_with_another_range(world: World) -> None:
    world.mirror.faults["base.txz"] = ["cut:300", "shift:1"]
    world.fails(1, "release", "fetch", says="another range than requested")


def test_a_certificate_that_nobody_vouches_for(world: World) -> None:
    before = world.view.everything()
    result = world.driver("-q", "release", "fetch", env={"no_proxy": "127.0.0.1"})
    assert result.status == 1, result
    assert "the certificate is not valid" in result.stderr
    world.configure(mirrors=f"[https://localhost:{world.mirror.port}]")
    env = {**world.env(), "no_proxy": "localhost"}
    result = world.driver("-q", "release", "fetch", env=env)
    assert result.status == 1, result
    assert "the certificate is not valid" in result.stderr
    world.configure()
    assert_same(before, world.view.everything())
    assert not world.mirror.asked


def test_no_room(world: World) -> None:
    assert isinstance(world.view.host, SimHost)
    world.view.host.settings.fill_pool("zroot", 100)
    result = world.run("-q", "release", "fetch")
    assert result.status == 5, result
    assert "only 100 bytes free" in result.stderr
    assert not world.kept() or not list(world.view.fs.path(DIST).iterdir())
    assert world.driver.json("release", "ls") == []


def test_more_sets(world: World) -> None:
    place = world.base.parent
    add_set(place, "src", {"usr/src/README": "source\n"})
    add_set(place, "base-dbg", {"usr/lib/debug/x": "debug\n", "etc/rc": "other\n"})
    world.fails(2, "release", "fetch", "--with", "nope", says="available: base-dbg, src")
    world.fails(2, "release", "fetch", "--with", "../x", says="not a distribution set")
    world.ok("release", "fetch", "--with", "base-dbg,src.txz", "--with", "src")
    world.assert_added()
    root = f"/bsdvirt/releases/{RELEASE}"
    assert world.view.fs.read_text(f"{root}/usr/src/README") == "source\n"
    assert world.view.fs.read_text(f"{root}/etc/rc") == "other\n"
    world.driver.ok("create", "jail", "t1")
    assert world.view.fs.read_text("/bsdvirt/guests/t1/root/usr/lib/debug/x") == "debug\n"


def test_sets_of_a_directory(world: World) -> None:
    place = world.view.scratch / "dist"
    make_release(place, RELEASE)
    add_set(place, "src", {"usr/src/README": "source\n"})
    words = ("release", "add", f"{world.view.host_scratch}/dist", "--with", "src")
    (place / "src.txz").rename(place / "away")
    world.fails(3, *words, says="src.txz does not exist")
    (place / "src.txz").write_bytes(b"?")
    world.fails(2, *words, says="src.txz: its SHA-256")
    (place / "away").rename(place / "src.txz")
    world.ok(*words)
    world.assert_added()


@pytest.mark.parametrize("end", ["", "/", "/MANIFEST"])
def test_a_directory_on_a_web_server(world: World, end: str) -> None:
    make_release(world.mirror.root / "own/build", "13.1-RELEASE")
    world.mirror.faults["base.txz"] = ["cut:100"]
    world.ok("release", "add", f"{world.mirror.url}/own/build{end}")
    world.assert_added("13.1-RELEASE")
    url = f"{world.mirror.url}/own/build"
    assert "already exists" in world.run("release", "add", url).stderr
    world.ok("release", "add", url, "--name", "mine")
    world.driver.fails(3, "release", "rm", "other", says="mine")


def test_urls_that_are_not_taken(world: World) -> None:
    world.fails(2, "release", "add", "http://x.org/dist", says="only directories, file://")
    world.fails(2, "release", "add", "https://me@x.org/dist", says="not a plain URL")
    world.fails(
        3, "release", "add", f"{world.mirror.url}/nope", says="/nope/MANIFEST does not exist"
    )
    world.configure(mirrors="[http://x.org]")
    assert "http is not accepted" in world.run("release", "fetch").stderr


def test_the_packages_manifest_is_believed_first(world: World) -> None:
    path = world.view.fs.path(f"/usr/local/share/freebsd/MANIFESTS/amd64-amd64-{RELEASE}")
    path.parent.mkdir(parents=True)
    path.write_text(f'base.txz\t{"0" * 64}\t1\tbase\t"Base"\ton\n')
    world.fails(2, "release", "fetch", says="disagree on the SHA-256 of base.txz")
    assert not world.mirror.ranges_of("base.txz")
    shutil.copy(world.base.parent / "MANIFEST", path)
    world.ok("release", "fetch")


def test_a_simulated_host_fetches_nothing_from_outside(world: World) -> None:
    path = world.view.fs.path(HOST_FILE)
    path.write_text(path.read_text().partition("fetch:")[0])
    world.fails(5, "release", "fetch", says="fetches nothing from outside")
    world.fails(3, "create", "jail", "t1", says=f"no release {RELEASE}")


def test_through_a_proxy_that_is_not_there(world: World) -> None:
    env = {**world.env(), "https_proxy": "http://127.0.0.1:1", "no_proxy": ""}
    result = world.driver("-q", "release", "fetch", env=env)
    assert result.status == 1, result
    assert "onnection refused" in result.stderr


@pytest.mark.parametrize("fault", ["kill-before:2", "kill-after:2", "fail:2"])
def test_killed_while_it_is_extracted(world: World, fault: str) -> None:
    with world.driver.faulty(fault):
        assert world.run("release", "fetch").status in (-9, 1)
    (whole,) = world.kept()
    assert whole.suffix == ".txz"
    world.mirror.asked.clear()
    result = world.ok("release", "fetch")
    assert "base.txz has already been downloaded" in result.stderr
    assert not world.mirror.ranges_of("base.txz")
    world.assert_added()


def test_what_is_kept_is_not_believed(world: World) -> None:
    with world.driver.faulty("fail:2"):
        assert world.run("release", "fetch").status == 1
    (whole,) = world.kept()
    whole.write_bytes(b"?")
    world.ok("release", "fetch")
    world.assert_added()
