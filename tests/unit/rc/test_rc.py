"""The rc.d scripts: under a stand-in for rc.subr(8), with a stand-in for bsdvirt(8) that
says what it was asked; and where rcorder(8) puts them."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ("bsdvirt", "bsdvirt_network", "bsdvirt_stats")
STUB = Path(__file__).with_name("rc_stub.sh")

Rc = tuple[int, list[str], str]


class Service:
    """The scripts, with the places they name moved into a directory."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.conf = place / "rc.conf"
        self.hostfile = place / "bsdvirt.yaml"
        self.hostfile.touch()
        cli = place / "bsdvirt"
        cli.write_text('#!/bin/sh\necho "bsdvirt $*"\necho "PATH $PATH" >&2\nexit "${FAKE:-0}"\n')
        cli.chmod(0o755)
        for script in SCRIPTS:
            text = (ROOT / "rc.d" / script).read_text()
            places: tuple[tuple[str, Path], ...] = (
                ("/etc/rc.subr", STUB),
                ("/usr/local/bin/bsdvirt", cli),
                ("/usr/local/etc/bsdvirt/bsdvirt.yaml", self.hostfile),
            )
            if script == "bsdvirt_stats":
                places += (
                    (
                        "/usr/sbin/daemon",
                        self._tool("daemon", f'echo "daemon $*"; echo $PPID > {self.pidfile}'),
                    ),
                    # As pgrep -L -F: nothing of a process that has ended.
                    ("/bin/pgrep", self._tool("pgrep", 'kill -0 $(cat "$3") && cat "$3"')),
                    ("/var/run/bsdvirt/locks/stats", self.pidfile),
                )
            for old, new in places:
                assert str(old) in text
                text = text.replace(str(old), str(new))
            (place / script).with_suffix(".sh").write_text(text)

    @property
    def pidfile(self) -> Path:
        return self.place / "stats.pid"

    def _tool(self, name: str, does: str) -> Path:
        tool = self.place / name
        tool.write_text(f"#!/bin/sh\n{does}\n")
        tool.chmod(0o755)
        return tool

    def __call__(self, script: str, *words: str, **env: str) -> Rc:
        done = subprocess.run(
            ("/bin/sh", str(self.place / f"{script}.sh"), *words),
            env={"RC_CONF": str(self.conf), "PATH": "/bin:/usr/bin"} | env,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


@pytest.mark.parametrize("word", ["stop", "faststop", "onestop", "forcestop"])
def test_what_runs_is_stopped_even_where_the_service_is_off(service: Service, word: str) -> None:
    assert service("bsdvirt", word)[:2] == (0, ["bsdvirt boot stop"])
    assert service("bsdvirt", word, "web", "db")[:2] == (0, ["bsdvirt boot stop web db"])


def test_nothing_starts_where_the_service_is_off(service: Service) -> None:
    status, lines, _ = service("bsdvirt", "start")
    assert status == 0
    assert lines[0].startswith("Cannot 'start' bsdvirt. Set bsdvirt_enable to YES")
    assert service("bsdvirt", "faststart")[:2] == (0, [])
    assert service("bsdvirt", "restart")[1][0].startswith("Cannot 'restart'")
    assert service("bsdvirt", "enabled")[0] == 1
    assert service("bsdvirt_network", "faststart")[:2] == (0, [])


def test_starting(service: Service) -> None:
    started = ["Starting bsdvirt.", "bsdvirt boot start"]
    assert service("bsdvirt", "onestart")[:2] == (0, started)
    service.conf.write_text('bsdvirt_enable="YES"\n')
    assert service("bsdvirt", "start")[:2] == (0, started)
    assert service("bsdvirt", "faststart")[:2] == (0, ["bsdvirt boot start"])
    assert service("bsdvirt", "start", "web")[1][-1] == "bsdvirt boot start web"
    assert service("bsdvirt", "restart")[1] == ["bsdvirt boot stop", *started]
    assert service("bsdvirt", "start", FAKE="1")[0] == 1


def test_showing(service: Service) -> None:
    for word, asked in (
        (("status",), "boot status"), (("status", "web"), "ls web"), (("list",), "ls"),
        (("plan",), "boot plan"), (("plan", "web"), "boot plan web"),
    ):  # fmt: skip
        assert service("bsdvirt", *word)[:2] == (0, [f"bsdvirt {asked}"])
    assert service("bsdvirt", "status", FAKE="1")[0] == 1
    assert service("bsdvirt", "nosuch")[0] == 1
    assert service("bsdvirt_network", "status")[1] == ["bsdvirt network ls"]


def test_the_networks_follow_the_service(service: Service) -> None:
    up = ["Starting bsdvirt_network.", "bsdvirt --quiet boot network"]
    service.conf.write_text('bsdvirt_enable="YES"\n')
    assert service("bsdvirt_network", "start")[:2] == (0, up)
    assert service("bsdvirt_network", "stop")[:2] == (0, [])
    service.conf.write_text('bsdvirt_enable="YES"\nbsdvirt_network_enable="NO"\n')
    assert service("bsdvirt_network", "faststart")[:2] == (0, [])


def test_what_is_due_is_done_where_that_is_on(service: Service) -> None:
    """Where it is off, or the host is not set up, cron(8) has nothing to mail."""
    assert service("bsdvirt", "periodic")[:2] == (0, [])
    service.conf.write_text('bsdvirt_periodic_enable="YES"\n')
    assert service("bsdvirt", "periodic")[:2] == (0, ["bsdvirt snapshot periodic"])
    assert service("bsdvirt", "periodic", FAKE="1")[0] == 1
    service.hostfile.unlink()
    assert service("bsdvirt", "periodic") == (0, [], "")


def test_the_recorder_becomes_one_process(service: Service) -> None:
    """daemon(8) with -f alone becomes the command."""
    cli = service.place / "bsdvirt"
    assert service("bsdvirt_stats", "faststart")[:2] == (0, [])
    service.conf.write_text('bsdvirt_stats_enable="YES"\nbsdvirt_stats_flags="--x /f"\n')
    started = f"daemon -f {cli} stats record --x /f"
    assert service("bsdvirt_stats", "start")[:2] == (0, ["Starting bsdvirt_stats.", started])
    assert service("bsdvirt_stats", "faststart")[1] == [started]
    (service.place / "daemon").write_text("#!/bin/sh\n")
    (service.place / "sleep").write_text("#!/bin/sh\n")
    (service.place / "sleep").chmod(0o755)
    script = service.place / "bsdvirt_stats.sh"
    script.write_text(script.read_text().replace("sleep 0.2", f"{service.place}/sleep 0.2"))
    status, _, said = service("bsdvirt_stats", "start")
    assert status == 1
    assert "it has not started; to see why, bsdvirt stats record --x /f" in said
    service.hostfile.unlink()
    status, _, said = service("bsdvirt_stats", "start")
    assert status == 1
    assert "bsdvirt init" in said


def test_the_recorder_is_found_by_its_lock(service: Service) -> None:
    status, lines, _ = service("bsdvirt_stats", "status")
    assert (status, lines) == (1, ["bsdvirt_stats is not running."])
    assert service("bsdvirt_stats", "stop")[:2] == (1, ["bsdvirt_stats not running?"])
    assert service("bsdvirt_stats", "poll")[:2] == (0, [])
    with subprocess.Popen(("sleep", "60")) as process:
        service.pidfile.write_text(f"{process.pid}\n")
        running = f"bsdvirt_stats is running as pid {process.pid}."
        assert service("bsdvirt_stats", "status")[:2] == (0, [running])
        service.conf.write_text('bsdvirt_stats_enable="YES"\n')
        status, lines, _ = service("bsdvirt_stats", "start")
        assert (status, lines) == (1, [f"bsdvirt_stats already running? (pid={process.pid})."])
        ended = threading.Thread(target=process.wait)
        ended.start()
        assert service("bsdvirt_stats", "stop")[:2] == (0, ["Stopping bsdvirt_stats."])
        ended.join()
        assert process.returncode == -signal.SIGTERM


def test_the_crontab_entry() -> None:
    lines = (ROOT / "cron.d/bsdvirt").read_text().splitlines()
    (entry,) = [line for line in lines if line[:1] == "*"]
    *when, user, command = entry.split("\t")
    assert (when, user) == (["*/5", "*", "*", "*", "*"], "root")
    assert command == "/usr/local/etc/rc.d/bsdvirt periodic"
    assert "PATH=/sbin:/bin:/usr/sbin:/usr/bin" in lines


def test_a_host_that_was_never_set_up(service: Service) -> None:
    service.hostfile.unlink()
    assert service("bsdvirt", "faststop")[:2] == (0, [])
    service.conf.write_text('bsdvirt_enable="YES"\n')
    status, _, said = service("bsdvirt_network", "start")
    assert status == 1
    assert "bsdvirt init" in said


def test_a_shorter_watchdog_shortens_the_budget(service: Service) -> None:
    for seconds, asked in (("90", ""), ("300", ""), ("40", " --budget 30"), ("soon", "")):
        service.conf.write_text(f'rcshutdown_timeout="{seconds}"\n')
        line = f"bsdvirt boot stop{asked}"
        assert service("bsdvirt", "faststop", rc_shutdown="unspecified")[1] == [line]
        assert service("bsdvirt", "stop")[1] == ["bsdvirt boot stop"]


def test_its_own_path(service: Service) -> None:
    said = service("bsdvirt", "stop", PATH="/bin:/usr/bin")[2]
    assert said.endswith(":/usr/local/sbin:/usr/local/bin\n")


@pytest.mark.parametrize(
    "script", [*(f"rc.d/{name}" for name in SCRIPTS), "libexec/limit-reached", "port/pkg-deinstall"]
)
def test_shellcheck_finds_nothing(script: str) -> None:
    beside = Path(sys.executable).with_name("shellcheck")
    tool = str(beside) if beside.exists() else shutil.which("shellcheck")
    if tool is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run((tool, str(ROOT / script)), capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_run_and_is_never_a_service_jail(script: str) -> None:
    path = ROOT / "rc.d" / script
    assert path.stat().st_mode & 0o111 == 0o111
    text = path.read_text()
    assert text.startswith("#!/bin/sh\n")
    assert f'\n{script}_svcj="NO"\n' in text
    assert "\ncommand=" not in text


# ---- rcorder(8) ----

BASE = {
    # name: (requires, before), of the scripts of 13.2 around ours
    "FILESYSTEMS": ((), ()), "ldconfig": (("FILESYSTEMS",), ()), "netif": (("FILESYSTEMS",), ()),
    "bridge": (("netif",), ()), "routing": (("netif", "bridge"), ()), "ipfw": (("netif",), ()),
    "pf": (("netif", "routing"), ()), "NETWORKING": (("netif", "routing", "bridge"), ()),
    "SERVERS": (("NETWORKING",), ()), "DAEMON": (("NETWORKING", "SERVERS"), ()),
    "LOGIN": (("DAEMON",), ()), "jail": (("LOGIN", "FILESYSTEMS"), ("securelevel",)),
    "securelevel": ((), ()),
}  # fmt: skip


def header(script: str) -> dict[str, list[str]]:
    """The words of a script for rcorder(8), which must stand together."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "rc.d" / script).read_text().splitlines():
        key, colon, words = line.removeprefix("# ").partition(":")
        if line.startswith("# ") and colon and key in ("PROVIDE", "REQUIRE", "BEFORE", "KEYWORD"):
            found[key] = words.split()
    return found


def earlier() -> dict[str, set[str]]:
    """What comes before each, near and far."""
    wants = {name: set(requires) for name, (requires, _) in BASE.items()}
    before = {name: after for name, (_, after) in BASE.items()}
    for script in SCRIPTS:
        words = header(script)
        assert words["PROVIDE"] == [script]
        wants[script], before[script] = set(words["REQUIRE"]), tuple(words["BEFORE"])
    for name, others in before.items():
        for other in others:
            wants[other].add(name)
    for _ in wants:
        for needs in wants.values():
            for other in list(needs):
                needs |= wants[other]
    return wants


def test_where_rcorder_puts_them() -> None:
    before = earlier()
    assert not [name for name in before if name in before[name]]
    assert {"bridge", "netif", "FILESYSTEMS"} <= before["bsdvirt_network"]
    assert "bsdvirt_network" in before["pf"] & before["ipfw"] & before["bsdvirt"]
    assert {"LOGIN", "jail", "pf"} <= before["bsdvirt"]
    assert "bsdvirt" in before["securelevel"]
    assert header("bsdvirt")["KEYWORD"] == ["shutdown"]
    assert header("bsdvirt_network")["KEYWORD"] == ["nojailvnet"]
    assert "bsdvirt_stats" in before["bsdvirt"], "what guests use at their start is recorded"
    assert header("bsdvirt_stats")["KEYWORD"] == ["nojail", "shutdown"]


DROPPED_IN = ("netif", "rctl")
"""What is read by rc.d scripts of the base system, beside rc.conf(5)."""


def after_a_start(tmp_path: Path, of: str, **env: str) -> list[str]:
    """What a script of the base system runs once it has started, as rc.subr(8) does it."""
    for tool in ("service", "ifconfig"):
        path = tmp_path / tool
        path.write_text(f'#!/bin/sh\necho "{tool} $*" >> {tmp_path}/ran\necho bvbr0\n')
        path.chmod(0o755)
    (tmp_path / "bsdvirt.yaml").touch()
    text = (ROOT / "rc.conf.d" / of / "bsdvirt").read_text()
    for old, new in (
        ("/usr/sbin/service", tmp_path / "service"), ("/sbin/ifconfig", tmp_path / "ifconfig"),
        ("/usr/local/etc/bsdvirt/bsdvirt.yaml", tmp_path / "bsdvirt.yaml"),
    ):  # fmt: skip
        text = text.replace(str(old), str(new))
    script = tmp_path / "script"
    script.write_text(text + '\neval "$start_postcmd ${rc_extra_args:-}"\n')
    done = subprocess.run(("/bin/sh", "-eu", str(script)), env=env, check=False)
    assert done.returncode == 0
    ran = tmp_path / "ran"
    lines = ran.read_text().splitlines() if ran.exists() else []
    ran.unlink(missing_ok=True)
    return [line for line in lines if line.startswith("service")]


@pytest.mark.parametrize("of", DROPPED_IN)
def test_what_a_restart_took_from_guests_comes_back(tmp_path: Path, of: str) -> None:
    assert after_a_start(tmp_path, of) == ["service bsdvirt_network onestart"]
    assert after_a_start(tmp_path, of, autoboot="no") == ["service bsdvirt_network onestart"]
    assert after_a_start(tmp_path, of, autoboot="yes") == [], "rc(8) starts it in its turn"


def test_one_interface_that_starts_takes_nothing(tmp_path: Path) -> None:
    assert after_a_start(tmp_path, "netif", rc_extra_args="epair3a") == []


def test_what_is_installed_beside_the_services() -> None:
    installed = (ROOT / "setup.cfg").read_text()
    for line in (
        "etc/devd = devd/bsdvirt.conf",
        "etc/rc.conf.d/netif = rc.conf.d/netif/bsdvirt",
        "etc/rc.conf.d/rctl = rc.conf.d/rctl/bsdvirt",
    ):
        assert f"\n{line}\n" in installed


def test_the_newsyslog_entry() -> None:
    lines = (ROOT / "newsyslog/bsdvirt.conf").read_text().splitlines()
    entries = [line.split() for line in lines if not line.startswith("#")]
    assert [entry[0] for entry in entries] == [
        "/var/log/bsdvirt/events.log", "/var/log/bsdvirt/operations.log",
        "/var/log/bsdvirt/*/console.log", "/var/log/bsdvirt/*/limits.log",
    ]  # fmt: skip
    for path, owner, mode, count, size, when, flags in entries:
        assert owner == "root:wheel"
        assert int(mode, 8) & 0o007 == 0
        assert count.isdigit()
        assert size.isdigit()
        assert when == "*"
        assert "N" in flags, "without it syslogd is signalled"
        assert ("G" in flags) == ("*" in path)
        assert ("B" in flags) == path.endswith(("operations.log", "limits.log"))


def test_what_devd_runs_for_a_limit_that_is_reached() -> None:
    """`$*` is the whole event, and no variable of the event's takes its place (process_event() and
    set_vars() in devd.cc)."""
    text = (ROOT / "devd/bsdvirt.conf").read_text()
    assert 'match "system"\t\t"RCTL";' in text
    assert 'action "/bin/sh /usr/local/share/bsdvirt/limit-reached $timestamp $*";' in text
    assert (
        "share/bsdvirt = completions/complete, libexec/limit-reached"
        in (ROOT / "setup.cfg").read_text()
    )


EVENT = "!system=RCTL subsystem=rule type=matched rule={} pid={} ruid=0 jail=web"


@pytest.mark.parametrize(
    ("time", "event", "line"),
    [
        ("1790000000.000001", EVENT.format("jail:web:maxproc:devctl=49", 812),
         "1790000000.000001 maxproc:devctl=49 812"),
        ("1.0", EVENT.format("jail:web:vmemoryuse:devctl=5/process", 9) + "x" * 500,
         "1.0 vmemoryuse:devctl=5/process 9"),
        ("1.0", EVENT.format("process:712:pcpu:devctl=5", 712), "1.0 pcpu:devctl=5 712"),
        ("1.0", EVENT.format("process:71:pcpu:devctl=5", 71), ""),
        ("1.0", EVENT.format("jail:other:maxproc:devctl=49", 812), ""),
        ("1.0", EVENT.format("jail:..:maxproc:devctl=49", 812), ""),
        ("1.0", EVENT.format("jail:../web:maxproc:devctl=49", 812), ""),
        ("1.0", EVENT.format("jail:we*:maxproc:devctl=49", 812), ""),
        ("1.0", EVENT.format("user:1001:maxproc:devctl=49", 812), ""),
        ("1.0", EVENT.format("jail:web:maxproc:devctl=49", "8;id"), ""),
        ("now", EVENT.format("jail:web:maxproc:devctl=49", 812), ""),
        ("1.0", "!system=DEVFS subsystem=CDEV type=CREATE cdev=x " + EVENT[1:], ""),
        ("1.0", "", ""),
    ],
)  # fmt: skip
def test_a_limit_that_is_reached_is_a_line(
    tmp_path: Path, time: str, event: str, line: str
) -> None:
    log = tmp_path / "var/log/bsdvirt/web"
    log.mkdir(parents=True)
    state = tmp_path / "var/run/bsdvirt/vms/web/state.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"state": "running", "pid": 712, "last": {"what": "\\"pid\\": 71,"}}\n')
    done = subprocess.run(
        ("/bin/sh", str(ROOT / "libexec/limit-reached"), time, event),
        env={"BSDVIRT_ROOT": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = sorted(path.name for path in log.iterdir())
    assert written == (["limits.log"] if line else [])
    if line:
        assert (log / "limits.log").read_text() == f"{line}\n"
        assert (log / "limits.log").stat().st_mode & 0o077 == 0


def test_the_log_of_limits_has_a_bound(tmp_path: Path) -> None:
    log = tmp_path / "var/log/bsdvirt/web/limits.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * ((1 << 20) - 10))
    for _ in range(3):
        subprocess.run(
            ("/bin/sh", str(ROOT / "libexec/limit-reached"), "1.0",
             EVENT.format("jail:web:maxproc:devctl=49", 812)),
            env={"BSDVIRT_ROOT": str(tmp_path)}, capture_output=True, check=False,
        )  # fmt: skip
    assert log.stat().st_size <= 1 << 20
