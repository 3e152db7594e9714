"""Changes of a running guest, and the verbs of every day."""

from __future__ import annotations

import shlex
import shutil
import sys

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same

from bsdvirt_sim import SimHost

NEXT = "takes hold at the next start"


def cpus_of(view: HostView, name: str) -> str:
    shown = view.run("/usr/bin/cpuset", "-g", "-j", name).stdout
    return shown.splitlines()[0].partition("mask: ")[2]


@scenario()
def limits_and_cpus_change_at_once(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "limits.maxproc=50", "limits.nthr=400", "--start")
    every = cpus_of(view, "t1")
    words = ("limits.maxproc=60", "limits.nthr=", "limits.readbps=1M", "cpuset=0")
    before = view.everything()
    shown = driver.ok("set", "-n", "t1", *words).stdout
    assert "rctl -a jail:t1:maxproc:deny=60" in shown
    assert "cpuset -l 0 -j t1" in shown
    assert_same(before, view.everything())
    said = driver.ok("set", "t1", *words)
    assert NEXT not in said.stdout + said.stderr
    rules = [
        "jail:t1:maxproc:deny=60", "jail:t1:maxproc:devctl=59", "jail:t1:readbps:throttle=1048576",
    ]  # fmt: skip
    assert view.rules() == rules
    assert cpus_of(view, "t1") == "0"
    driver.ok("set", "t1", "limits.readbps=2M")
    assert view.rules() == [*rules[:2], "jail:t1:readbps:throttle=2097152"]
    said = driver.ok("set", "t1", "cpuset=", "hostname=other.example.org", "limits.maxproc=70")
    assert f"hostname {NEXT}" in said.stdout + said.stderr
    assert "limits" not in said.stderr
    assert cpus_of(view, "t1") == every
    assert "jail:t1:maxproc:deny=70" in view.rules()
    driver.ok("restart", "t1")
    assert "jail:t1:maxproc:deny=70" in view.rules()
    driver.ok("stop", "t1")
    assert not view.rules()


@scenario()
def a_live_change_that_fails_is_undone_whole(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "limits.maxproc=50", "--start")
    before = view.everything()
    for number in range(1, 12):
        with driver.faulty(f"fail:{number}"):
            result = driver("set", "t1", "limits.maxproc=60", "limits.writebps=1M", "cpuset=0")
        if result.status == 0:
            assert number == 9, result
            break
        assert_same(before, view.everything(), number)
    assert cpus_of(view, "t1") == "0"
    now = view.everything()
    driver.fails(2, "set", "t1", "cpuset=0-99", "limits.maxproc=70", says="no CPU")
    assert_same(now, view.everything())


@scenario(sim_only=True)
def no_live_limit_without_accounting(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--start")
    before = view.everything()
    assert isinstance(view.host, SimHost)
    view.host.settings.set_racct(False)
    driver.fails(5, "set", "t1", "limits.maxproc=60", says="kern.racct.enable=1")
    assert_same(before, view.everything())
    driver.ok("set", "t1", "cpuset=0")
    view.host.settings.set_racct(True)


@scenario()
def a_rename_keeps_who_the_guest_is(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3")
    driver.ok("set", "t3", "boot.after=t2,t1")
    who = driver.json("info", "t1")
    driver.ok("start", "t1")
    driver.fails(4, "rename", "t1", "t9", says="running")
    driver.ok("stop", "t1")
    before = view.everything()
    driver.fails(4, "rename", "t1", "t2", says="already exists")
    driver.fails(3, "rename", "tnone", "t9", says="tnone")
    driver.fails(2, "rename", "t1", "T9", says="T9")
    driver.fails(2, "rename", "t1", "t1", says="already")
    assert "zfs rename" in driver.ok("rename", "-n", "t1", "t9").stdout
    assert_same(before, view.everything())
    said = driver.ok("logs", "t1").stdout
    driver.ok("rename", "t1", "t9")
    now = driver.json("info", "t9")
    for key in ("id", "uuid", "nics", "created"):
        assert now[key] == who[key], key
    assert driver.ok("logs", "t9").stdout == said
    assert driver.json("get", "t3", "boot.after") == {"boot.after": ["t2", "t9"]}
    assert [row["name"] for row in driver.json("ls")] == ["t2", "t3", "t9"]
    driver.ok("start", "t9")
    assert driver.ok("exec", "t9", "--", "hostname").stdout == "t9\n"
    driver.ok("stop", "t9")
    assert driver.json("rename", "t9", "t1")[0]["ok"] is True
    assert driver.json("get", "t3", "boot.after") == {"boot.after": ["t2", "t1"]}


@scenario(sim_only=True)
def a_rename_cut_short_is_seen_under_each_name(driver: Bsdvirt, view: HostView) -> None:
    """Whoever takes any of the names mends it: old, new, or who waits for it."""
    for first in (("start", "t9"), ("start", "t1"), ("set", "t3", "boot.order=5")):
        driver.ok("create", "jail", "t1", "t3")
        driver.ok("set", "t3", "boot.after=t1")
        with driver.faulty("kill-after:3"):
            assert driver("rename", "t1", "t9").status == -9
        assert {row["state"] for row in driver.json("ls")} == {"interrupted"}
        driver(*first)
        assert not view.journals()
        assert [row["name"] for row in driver.json("ls")] == ["t1", "t3"]
        assert driver.json("get", "t3", "boot.after") == {"boot.after": ["t1"]}
        driver.ok("destroy", "--all", "--yes", "--force")


@scenario()
def tags_select(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3")
    text = view.guest_text("t1")
    before = view.everything()
    assert "bsdvirt:guest=" in driver.ok("tag", "-n", "t1", "front").stdout
    driver.fails(2, "tag", "t1", "Front", says="Front")
    driver.fails(3, "tag", "tnone", "front", says="tnone")
    assert_same(before, view.everything())
    driver.ok("tag", "t1", "front", "prod")
    driver.ok("tag", "t2", "prod")
    assert view.guest_text("t1") == text
    assert driver.ok("tag", "t1").lines == ["front", "prod"]
    assert driver.json("tag", "t2") == ["prod"]
    assert [row["name"] for row in driver.json("ls", "tag:prod")] == ["t1", "t2"]
    assert [row["name"] for row in driver.json("ls", "!tag:front")] == ["t2", "t3"]
    assert driver.json("info", "t1")["tags"] == ["front", "prod"]
    driver.ok("start", "tag:front")
    assert [row["name"] for row in driver.json("ls", "state:running")] == ["t1"]
    driver.ok("tag", "-r", "t1", "prod")
    assert driver.json("tag", "t1") == ["front"]
    driver.ok("tag", "-r", "t1")
    assert driver.json("ls", "tag:front") == []
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "t1\n"


def editor(view: HostView, *lines: str) -> dict[str, str]:
    """An environment whose editor runs lines of Python on `path`."""
    script = view.scratch / "editor.py"
    script.write_text("import sys, pathlib; path = pathlib.Path(sys.argv[1])\n" + "\n".join(lines))
    return {"EDITOR": shlex.join([sys.executable, str(script)]), "VISUAL": ""}


@scenario()
def edit_goes_the_way_of_set(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "limits.maxproc=50", "--start")
    before = view.everything()
    change = editor(view, "path.write_text(path.read_text().replace('50', '60') + '# mine\\n')")
    said = driver("edit", "-n", "t1", env=change)
    assert "maxproc:deny=60" in said.stdout, said
    said = driver("edit", "t1", env=change)
    assert said.status == 2, said
    assert "--yes" in said.stderr
    for line, status, says in (
        ("path.write_text('kind: jail\\n')", 2, "release"),
        ("path.write_text(path.read_text() + 'colour: red\\n')", 2, "colour"),
        ("path.write_text(path.read_text() + 'boot: {auto: true}\\n')", 2, "boot"),
        ("path.write_text(path.read_text() + 'cpuset: 99\\n')", 2, "no CPU"),
        ("path.write_text(path.read_text().replace('RELEASE', 'STABLE'))", 4, "fixed"),
        ("sys.exit(3)", 5, "exit status 3"),
    ):
        said = driver("edit", "t1", "--yes", env=editor(view, line))
        assert said.status == status, said
        assert says in said.stderr, said
    view.scratch.joinpath("editor.py").unlink()
    assert_same(before, view.everything())
    same = editor(view, "pass")
    assert "nothing changes" in driver("edit", "t1", "--yes", env=same).stdout
    change = editor(view, "path.write_text(path.read_text().replace('50', '60') + '# mine\\n')")
    said = driver("edit", "t1", "--yes", env=change)
    assert said.status == 0, said
    assert "+  maxproc: 60" in said.stdout
    assert view.rules() == ["jail:t1:maxproc:deny=60", "jail:t1:maxproc:devctl=59"]
    assert view.guest_text("t1").endswith("# mine\n")
    driver.fails(3, "edit", "tnone", says="tnone")
    view.scratch.joinpath("editor.py").unlink()


@scenario(each_release=True)
def shortcuts_into_a_guest(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "--start")
    driver.ok("stop", "t2")
    rows = driver.json("ps", "t1")
    assert {"pid", "ppid", "user", "command"} <= rows[0].keys()
    assert any("cron" in row["command"] for row in rows)
    assert not any("init" in row["command"] for row in rows), "processes of the host"
    assert "COMMAND" in driver.ok("ps", "t1").lines[0]
    assert "cron is running as pid" in driver.ok("service", "t1", "cron", "status").stdout
    assert driver("service", "t1", "nosuch", "status").status == 1
    driver.ok("sysrc", "t1", "t_shortcut=YES")
    assert driver.ok("sysrc", "t1", "-n", "t_shortcut").stdout == "YES\n"
    driver.fails(4, "ps", "t2", says="not running")
    for verb in ("service", "sysrc", "pkg"):
        driver.fails(125, verb, "t2", "x", says="not running")
        driver.fails(125, verb, "tnone", "x", says="tnone")


@scenario(sim_only=True)
def pkg_is_the_guests_where_the_host_has_none(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--start")
    said = driver("pkg", "t1", "info")
    assert said.status == 127
    assert "pkg: not found" in said.stderr


@scenario()
def files_go_in_and_out(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1")
    root = view.fs.path(view.jail_root("t1"))
    here = view.scratch / "copied"
    here.mkdir()
    one = here / "one.txt"
    one.write_text("one")
    one.chmod(0o640)
    # As a command names it: a path of the host, simulated or not.
    place = f"{view.host_scratch}/copied"
    source = f"{place}/one.txt"
    before = view.everything()
    assert "cp -p" in driver.ok("cp", "-n", source, "t1:/tmp").stdout
    assert_same(before, view.everything())
    driver.ok("cp", source, "t1:/root/two.txt")
    assert (root / "root/two.txt").read_text() == "one"
    assert (root / "root/two.txt").stat().st_mode & 0o7777 == 0o640
    driver.ok("cp", "t1:/root/two.txt", place)
    assert (here / "two.txt").read_text() == "one"
    (root / "root/two.txt").chmod(0o4755)
    driver.ok("cp", "t1:/root/two.txt", f"{place}/three")
    assert (here / "three").stat().st_mode & 0o7777 == 0o755
    driver.fails(2, "cp", source, f"{place}/x", says="GUEST:/PATH")
    driver.fails(2, "cp", source, "t1:/root/../../x", says="..")
    driver.fails(3, "cp", source, "tnone:/x", says="tnone")
    assert driver("cp", f"{place}/nope", "t1:/root").status == 3
    assert driver("cp", place, "t1:/root").status == 2
    driver.ok("cp", "-r", place, "t1:/root")
    (root / "root/copied/link").symlink_to("/etc")
    driver.ok("cp", "-r", "t1:/root/copied", f"{view.host_scratch}/back")
    assert (view.scratch / "back/link").is_symlink()
    assert (view.scratch / "back/one.txt").read_text() == "one"
    for inner in ("t1:/root/copied/link/evil", "t1:/root/copied/link"):
        said = driver("cp", source, inner)
        assert said.status in (1, 5), said
        assert "link" in said.stderr, said
    assert driver("cp", "t1:/root/copied/link", place).status in (1, 5)
    assert not (root / "etc/evil").exists()
    for made in (here, view.scratch / "back"):
        shutil.rmtree(made)


@scenario()
def stats_of_what_runs(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2")
    assert driver.json("stats") == []
    driver.ok("start", "t1")
    (row,) = driver.json("stats")
    assert row["name"] == "t1"
    assert row["processes"] > 0
    assert driver.ok("stats", "--once", "t1").lines[0].startswith("NAME")
    assert driver.json("stats", "t2") == []
    driver.fails(3, "stats", "tnone", says="tnone")
