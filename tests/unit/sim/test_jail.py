"""Jails of the simulated host: how a start unwinds, what a stop leaves, who is inside."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from bsdvirt.host import tools
from bsdvirt_sim import SimHost
from bsdvirt_sim.jail.conf import BadConfig, NotSimulated, Param, parse
from bsdvirt_sim.releases import Release

from .conftest import Do


def mounted(see: Do) -> list[str]:
    return [line.split()[1] for line in see(tools.MOUNT, "-p").stdout.splitlines()]


def test_a_failing_start_leaves_nothing(
    host: SimHost, do: Do, see: Do, web: str, of: Release
) -> None:
    text = host.fs.read_text(web).replace("/bin/sh /etc/rc'", "/usr/bin/false'")
    host.fs.write(web, text)
    before = mounted(see)
    result = do(tools.JAIL, "-c", "-f", web, "web", ok=1)
    assert result.stdout == "web: created\nweb: removed\n"
    assert result.stderr == "jail: web: /usr/bin/false: failed\n"
    assert mounted(see) == before
    back = see(tools.IFCONFIG, "ep0b").stdout
    assert "description: web\n" in back
    assert ("groups: epair" in back) is of.keeps_groups
    assert "inet " not in back


def test_an_absent_interface_keeps_the_jail_from_starting(
    do: Do, see: Do, web: str, of: Release
) -> None:
    do(tools.IFCONFIG, "ep0a", "destroy")
    result = do(tools.JAIL, "-c", "-f", web, "web", ok=1)
    jail = "1" if of.names_by_jid else "web"
    assert result.stderr == (
        "ifconfig: interface ep0b does not exist\n"
        f"jail: web: /sbin/ifconfig ep0b vnet {jail}: failed\n"
    )
    assert see(tools.JLS, "-j", "web", "jid").status == 1
    assert "/zroot/b/web/dev" not in mounted(see)


def test_devfs_is_not_mounted_through_a_link(host: SimHost, do: Do, see: Do, web: str) -> None:
    host.fs.path("/zroot/b/web/dev").rmdir()
    host.fs.path("/zroot/b/web/dev").symlink_to("/etc")
    result = do(tools.JAIL, "-c", "-f", web, "web", ok=1)
    assert result.stderr == "jail: web: mount.devfs: /zroot/b/web/dev is a symbolic link\n"
    assert result.stdout == ""


def test_a_stop_without_the_file(host: SimHost, do: Do, see: Do, web: str) -> None:
    do(tools.JAIL, "-c", "-f", web, "web")
    assert do(tools.UMOUNT, "/zroot/b/web/dev", ok=1).stderr == (
        "umount: unmount of /zroot/b/web/dev failed: Device busy\n"
    )
    host.fs.unlink(web)
    result = do(tools.JAIL, "-f", web, "-r", "web")
    assert (result.stdout, result.stderr) == ("", "")
    assert "/zroot/b/web/dev" in mounted(see)
    assert do(tools.JAIL, "-f", web, "-r", "web", ok=1).stderr == 'jail: "web" not found\n'
    do(tools.UMOUNT, "/zroot/b/web/dev")
    assert do(tools.UMOUNT, "/nosuch", ok=1).stderr == (
        "umount: /nosuch: statfs: No such file or directory\numount: /nosuch: unknown file system\n"
    )


def test_mounts_and_their_order(host: SimHost, do: Do, see: Do, web: str) -> None:
    host.fs.mkdir("/srv/data")
    host.fs.mkdir("/zroot/b/web/data")
    text = host.fs.read_text(web).replace(
        "mount.devfs;",
        "mount.devfs; mount.fdescfs; mount.procfs;"
        " mount += '/srv/data /zroot/b/web/data nullfs ro 0 0';",
    )
    host.fs.write(web, text)
    do(tools.JAIL, "-c", "-f", web, "web")
    inside = [path for path in mounted(see) if path.startswith("/zroot/b/web/")]
    assert inside == [f"/zroot/b/web/{name}" for name in ("data", "dev", "dev/fd", "proc")]
    assert "/srv/data\t\t/zroot/b/web/data\tnullfs\tro\t\t0 0\n" in see(tools.MOUNT, "-p").stdout
    do(tools.JAIL, "-f", web, "-r", "web")
    assert [path for path in mounted(see) if path.startswith("/zroot/b/web/")] == []


def test_a_dying_jail_holds_what_it_had(host: SimHost, do: Do, see: Do, web: str) -> None:
    do(tools.JAIL, "-c", "-f", web, "web")
    host.settings.linger("web")
    do(tools.JAIL, "-f", web, "-r", "web")
    assert see(tools.JLS, "-j", "web", "jid").status == 1
    assert '"dying":true' in see(tools.JLS, "--libxo", "json", "-d", "-n", "dying").stdout
    assert see(tools.IFCONFIG, "ep0b").status == 1
    do(tools.JAIL, "-R", "web")
    do(tools.JAIL, "-f", web, "-r", "web", ok=1)
    assert "busy" in do(tools.ZFS, "destroy", "zroot/b/web", ok=1).stderr
    host.settings.linger("web", False)
    assert see(tools.IFCONFIG, "ep0b").status == 0
    do(tools.ZFS, "destroy", "zroot/b/web")


def test_somebody_elses_jail(host: SimHost, see: Do) -> None:
    jid = host.settings.add_jail("alien", "/jails/alien", host__hostname="alien.example.org")
    shown = see(
        tools.JLS, "--libxo", "json", "-n", "jid", "name", "path", "host.hostname", "ip4.addr"
    )
    assert jid == 1
    assert shown.stdout == (
        '{"__version": "2", "jail-information": {"jail": [{"jid":"1","name":"alien",'
        '"path":"/jails/alien","host.hostname":"alien.example.org", "ip4.addr": []}]}}\n'
    )


def test_changes_of_a_running_jail(do: Do, see: Do, web: str) -> None:
    do(tools.JAIL, "-c", "-f", web, "web")
    do(tools.JAIL, "-m", "name=web", "host.hostname=other", "allow.raw_sockets=1")
    shown = see(tools.JLS, "-s", "-j", "web").stdout
    assert "host.hostname=other" in shown
    assert "allow.raw_sockets " in shown
    assert do(tools.JAIL, "-m", "name=web", "path=/", ok=1).stderr == (
        "jail: path cannot be changed after creation\n"
    )
    assert do(tools.JAIL, "-m", "name=nosuch", "securelevel=1", ok=1).stderr == (
        'jail: "nosuch" not found\n'
    )


def test_a_jail_without_persist_or_processes_goes(
    host: SimHost, do: Do, see: Do, release: str
) -> None:
    host.fs.write("/tmp/e.conf", "e { path='/zroot/b/rel'; exec.start='/bin/echo hi'; }")
    assert do(tools.JAIL, "-c", "-f", "/tmp/e.conf", "e").stdout == "e: created\nhi\n"
    assert see(tools.JLS, "-j", "e", "jid").status == 1


def test_what_bridges_connect(
    host: SimHost, do: Do, web: str, capsys: pytest.CaptureFixture[str]
) -> None:
    do(tools.JAIL, "-c", "-f", web, "web")
    do(tools.ZFS, "clone", "zroot/b/rel@base", "zroot/b/db")
    do(tools.IFCONFIG, "epair2", "create", "name", "ep1a", "up")
    do(tools.IFCONFIG, "epair2b", "name", "ep1b")
    do(tools.IFCONFIG, "br0", "addm", "ep1a")
    text = host.fs.read_text(web)
    for old, new in (("web {", "db {"), ("/b/web", "/b/db"), ("ep0b", "ep1b"), ("0.10/", "0.11/")):
        text = text.replace(old, new)
    host.fs.write("/tmp/db.conf", text)
    do(tools.JAIL, "-c", "-f", "/tmp/db.conf", "db")

    def ping(address: str) -> int:
        status = host.attach((tools.JEXEC, "db", "ping", "-c1", address))
        capsys.readouterr()
        return status

    assert [ping(a) for a in ("10.77.0.1", "10.77.0.10", "127.0.0.1", "10.0.2.15")] == [0] * 4
    assert ping("10.77.0.99") == 2
    do(tools.IFCONFIG, "br0", "private", "ep0a", "private", "ep1a")
    assert (ping("10.77.0.10"), ping("10.77.0.1")) == (2, 0)
    do(tools.IFCONFIG, "br0", "deletem", "ep1a")
    assert ping("10.77.0.1") == 2


def test_destroying_one_end_takes_the_other_out_of_the_jail(do: Do, see: Do, web: str) -> None:
    do(tools.JAIL, "-c", "-f", web, "web")
    do(tools.IFCONFIG, "ep0a", "destroy")
    assert do(tools.JAIL, "-f", web, "-r", "web").status == 0
    assert see(tools.IFCONFIG, "-l").stdout == "vtnet0 lo0 br0\n"


SHELL = (tools.SH, "-c", 'exec "$0" "$@"')


@pytest.mark.parametrize(
    ("command", "status", "out", "err"),
    [
        (("hostname",), 0, "web.example.org\n", ""),
        (("true",), 0, "", ""),
        (("sh", "-c", "exit 7"), 7, "", ""),
        (("sh", "-c", "echo a; false && echo b || echo c"), 0, "a\nc\n", ""),
        (("echo", "a b"), 0, "a b\n", ""),
        (("pwd",), 0, "/root\n", ""),
        (("uname", "-r"), 0, "KERNEL\n", ""),
        (("sysctl", "-n", "hw.ncpu"), 0, "2\n", ""),
        (("cat", "/etc/motd.template"), 0, "FreeBSD DIST\n", ""),
        (("cat", "/etc/trap"), 1, "", "cat: /etc/trap: No such file or directory\n"),
        (("nosuch", "x"), 127, "", "exec: nosuch: not found\n"),
        (("/usr/bin/nosuch",), 127, "", "exec: /usr/bin/nosuch: not found\n"),
    ],
)
def test_commands_inside(
    host: SimHost,
    do: Do,
    web: str,
    of: Release,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    status: int,
    out: str,
    err: str,
) -> None:
    out = out.replace("KERNEL", of.kernel).replace("DIST", of.dist)
    host.fs.path("/zroot/b/web/etc/trap").symlink_to("/etc/passwd")
    do(tools.JAIL, "-c", "-f", web, "web")
    got = host.attach((tools.JEXEC, "-l", "-U", "root", "web", *SHELL, *command))
    said = capsys.readouterr()
    assert (got, said.out, said.err) == (status, out, err)


Enter = Callable[..., tuple[int, str, str]]


@pytest.fixture
def enter(host: SimHost, do: Do, web: str, capsys: pytest.CaptureFixture[str]) -> Enter:
    """jexec(8) into a running jail: status, output, errors."""
    do(tools.JAIL, "-c", "-f", web, "web")

    def run(*words: str) -> tuple[int, str, str]:
        status = host.attach(words if words[0] == tools.ENV else (tools.JEXEC, *words))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_no_such_jail_or_user(
    host: SimHost, enter: Enter, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enter("nosuch", "true") == (1, "", 'jexec: jail "nosuch" not found\n')
    assert enter("-l", "-U", "joe", "web", "true") == (1, "", "jexec: joe: no such user\n")


def test_clean_goes_to_the_users_home_and_fails_without(enter: Enter) -> None:
    """jexec.c of 13.2:134 and 15.1:138: `if (clean … && chdir(pwd->pw_dir) < 0) err(1, …)`."""
    gone = "jexec: chdir: /nonexistent: No such file or directory\n"
    assert enter("-l", "-U", "www", "web", "true") == (1, "", gone)
    assert enter("-U", "www", "web", "pwd") == (0, "/\n", "")
    assert enter("-l", "-U", "root", "web", "pwd") == (0, "/root\n", "")


def test_without_a_user_only_13_goes_to_the_hosts_roots_home(
    host: SimHost, enter: Enter, of: Release
) -> None:
    assert enter("-l", "web", "pwd") == (0, "/root\n" if of.goes_home else "/\n", "")
    host.fs.rmtree("/zroot/b/web/root")
    gone = "jexec: chdir: /root: No such file or directory\n"
    assert enter("-l", "web", "pwd") == ((1, "", gone) if of.goes_home else (0, "/\n", ""))
    assert enter("web", "pwd") == (0, "/\n", "")


def test_who_a_command_is_run_by(enter: Enter) -> None:
    assert enter("-U", "www", "web", "id") == (0, "uid=80(www) gid=80(www) groups=80(www)\n", "")
    assert enter("web", "id")[1].startswith("uid=0(root)")
    said = enter(tools.ENV, "-i", "TERM=vt100", tools.JEXEC, "-U", "www", "web", "env")[1]
    assert {"HOME=/nonexistent", "USER=www", "TERM=vt100"} <= set(said.splitlines())
    assert "LC_ALL=C" not in said
    assert enter(tools.ENV, "-i", "A=b", tools.JEXEC, "web", "env")[1] == "A=b\n"


def test_jail_itself_goes_to_roots_home_only_in_13(
    host: SimHost, do: Do, web: str, of: Release
) -> None:
    """run_command in command.c: 13.2 fails where the jail has no such directory."""
    host.fs.rmtree("/zroot/b/web/root")
    if of.goes_home:
        failed = see_failing(host, tools.JAIL, "-c", "-f", web, "web")
        assert "jail: web: chdir /root: No such file or directory" in failed
    else:
        do(tools.JAIL, "-c", "-f", web, "web")


def see_failing(host: SimHost, *argv: str) -> str:
    result = host.run(argv, changes=True)
    assert result.status == 1
    return result.stderr


def test_the_console(
    host: SimHost,
    do: Do,
    web: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    do(tools.JAIL, "-c", "-f", web, "web")
    console = (tools.JEXEC, "web", tools.LOGIN, "-f", "root")
    monkeypatch.setattr("sys.stdin", io.StringIO("hostname\n\nnosuch\nexit\nhostname\n"))
    assert host.attach(console) == 0
    said = capsys.readouterr()
    assert said.out.count("root@web:~ # ") == 4
    assert said.out.count("web.example.org") == 1
    assert said.err == "sh: nosuch: not found\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert host.attach(console) == 0


# ---- jail.conf ----


def test_a_file_is_read_as_jail_reads_it() -> None:
    text = r"""
# a comment
web {  // another
  path = "/a b";   /* and
     another */ vnet;
  exec.start = 'echo \'x\\y$z\'', /bin/true;
  exec.start += "two\tthree";
  allow.mount; allow.nomount;
  host.hostname web.example.org;
}
"""
    assert parse(text, "f") == {
        "web": [
            Param("path", ["/a b"]),
            Param("vnet"),
            Param("exec.start", [r"echo 'x\y$z'", "/bin/true", "two\tthree"]),
            Param("allow.nomount"),
            Param("host.hostname", ["web.example.org"]),
        ]
    }


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a { path }", ["jail: f line 1: }: syntax error"]),
        ("a { path='/';\n persist", ["jail: f: unexpected EOF"]),
        ("a {\n path='/' persist; }", ["jail: f line 2: persist: syntax error"]),
        ("a { path='/x; }\n", ["jail: f line 1: unterminated string", "jail: f: unexpected EOF"]),
    ],
)
def test_errors_of_the_file(text: str, lines: list[str]) -> None:
    with pytest.raises(BadConfig) as caught:
        parse(text, "f")
    assert caught.value.lines == lines


@pytest.mark.parametrize("text", ["path=/;", "* { }", "a { x = $y; }", 'a { x = "a${y}"; }'])
def test_what_the_parser_does_not_know(text: str) -> None:
    with pytest.raises(NotSimulated):
        parse(text, "f")


def test_ipv6_between_a_jail_and_the_host(
    host: SimHost, do: Do, web: str, capsys: pytest.CaptureFixture[str]
) -> None:
    do(tools.IFCONFIG, "br0", "inet6", "fd00::1/64", "-ifdisabled")
    text = host.fs.read_text(web).replace(
        "inet 10.77.0.10/24 up", "inet6 fd00::10/64 -ifdisabled up"
    )
    host.fs.write(web, text.replace("default 10.77.0.1", "-inet6 default fd00::1"))
    do(tools.JAIL, "-c", "-f", web, "web")
    assert host.attach((tools.JEXEC, "web", "ping", "-c1", "fd00::1")) == 0
    said = capsys.readouterr().out
    assert said.startswith("PING6(56=40+8+8 bytes) fd00::10 --> fd00::1\n16 bytes from fd00::1,")
    assert host.attach((tools.JEXEC, "web", "ping", "-c1", "-t2", "fd00::99")) == 2


def test_nothing_runs_from_a_dataset_with_exec_off(
    do: Do, see: Do, web: str, host: SimHost, capsys: pytest.CaptureFixture[str]
) -> None:
    """execve(2) is EACCES there: jail(8)'s first command fails, and jexec(8)'s."""
    do(tools.ZFS, "set", "exec=off", "setuid=off", "zroot/b")
    (line,) = [line for line in see(tools.MOUNT, "-p").stdout.splitlines() if "zroot/b/web" in line]
    assert "rw,noexec,nosuid,nfsv4acls" in line
    failed = see_failing(host, tools.JAIL, "-c", "-f", web, "web")
    assert "jail: web: /sbin/ifconfig ep0b inet 10.77.0.10/24 up: failed" in failed
    log = host.fs.read_text("/var/log/web.log")
    assert "jail: web: exec /sbin/ifconfig: Permission denied\n" in log
    do(tools.ZFS, "set", "exec=on", "zroot/b")
    do(tools.JAIL, "-c", "-f", web, "web")
    do(tools.ZFS, "set", "exec=off", "zroot/b/web")
    assert host.attach((tools.JEXEC, "web", "/bin/sh", "-c", "true")) == 1
    assert capsys.readouterr().err == "jexec: execvp: /bin/sh: Permission denied\n"
