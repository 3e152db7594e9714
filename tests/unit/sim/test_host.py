"""The simulated host as a host: strict, persistent, shared, rebooted."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bsdvirt.errors import Interrupted
from bsdvirt.host import tools
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.plan.recover import COLUMNS
from bsdvirt_sim import SimHost, UnknownCommand

from .conftest import Do

PROGRAM = """
import sys
from bsdvirt_sim import SimHost
host = SimHost(sys.argv[1])
for number in range(40):
    argv = ("/sbin/zfs", "create", f"tank/{sys.argv[2]}{number}")
    assert host.run(argv, changes=True).status == 0
"""


@pytest.mark.parametrize(
    "argv",
    [
        ("zfs", "list"),
        ("/usr/bin/whoami",),
        (tools.ZFS, "frobnicate"),
        (tools.ZFS, "list", "-r", "zroot"),
        (tools.ZFS, "get", "-Hp", "-o", "value", "nosuchprop", "zroot"),
        (tools.IFCONFIG, "lo0", "frobnicate"),
        (tools.IFCONFIG, "bridge", "create"),
        (tools.JAIL, "-c", "name=x", "path=/", "persist"),
        (tools.SYSCTL, "kern.nosuch"),
        (tools.TAR, "-cf", "/tmp/x.tar", "/etc"),
        (tools.UMOUNT, "-a"),
    ],
)
def test_an_unknown_form_is_named_loudly(host: SimHost, argv: tuple[str, ...]) -> None:
    for changes in (False, True):
        with pytest.raises(UnknownCommand, match=argv[0]):
            host.run(argv, changes=changes)


def test_changes_must_be_declared_right(host: SimHost) -> None:
    with pytest.raises(UnknownCommand, match="changes the host"):
        host.run((tools.ZFS, "create", "tank/a"), changes=False)
    with pytest.raises(UnknownCommand, match="only reads"):
        host.run((tools.JLS, "--libxo", "json", "-n", "jid"), changes=True)
    assert host.run((tools.ZFS, "list", "-Hp", "-o", "name", "tank/a"), changes=False).status == 1


def test_an_unknown_form_leaves_the_state_alone(host: SimHost, do: Do, see: Do) -> None:
    do(tools.IFCONFIG, "tap1", "create", "name", "t0")
    with pytest.raises(UnknownCommand):
        host.run((tools.IFCONFIG, "t0", "up", "frobnicate"), changes=True)
    assert "UP" not in see(tools.IFCONFIG, "t0").stdout


def test_another_instance_sees_it_all(host: SimHost, do: Do) -> None:
    do(tools.ZFS, "create", "-o", "bsdvirt:kind=jail", "tank/a")
    host.fs.write("/tank/a/file", "text")
    other = SimHost(host.directory)
    shown = other.run(
        (tools.ZFS, "get", "-Hp", "-o", "value", "bsdvirt:kind", "tank/a"), changes=False
    )
    assert shown.stdout == "jail\n"
    assert other.fs.read_text("/tank/a/file") == "text"
    assert other.run((tools.ZFS, "destroy", "tank/a"), changes=True).status == 0
    assert host.run((tools.ZFS, "list", "-Hp", "-o", "name", "tank/a"), changes=False).status == 1


def test_processes_and_threads_at_once(host: SimHost, see: Do) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(host.directory), word])
        for word in ("x", "y")
    ]

    def create(word: str) -> None:
        for number in range(40):
            host.run((tools.ZFS, "create", f"tank/{word}{number}"), changes=True).check()

    threads = [threading.Thread(target=create, args=(word,)) for word in ("s", "t")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [child.wait(60) for child in children] == [0, 0]
    names = see(tools.ZFS, "list", "-Hp", "-r", "-o", "name", "tank").stdout.splitlines()
    assert len(names) == 161


def test_reboot_drops_what_is_volatile(host: SimHost, do: Do, see: Do, web: str) -> None:
    do(tools.JAIL, "-c", "-f", web, "web")
    do(tools.RCTL, "-a", "jail:web:maxproc:deny=5")
    do(tools.SYSCTL, "net.inet.ip.forwarding=1")
    do(tools.SYSRC, "bsdvirt_enable=YES")
    do(tools.KLDLOAD, "-n", "fdescfs")
    host.fs.write("/zroot/b/web/root/kept", "yes")
    before = host.boot_id()
    assert SimHost(host.directory).boot_id() == before
    host.settings.reboot()
    assert host.boot_id() != before
    assert see(tools.IFCONFIG, "-l").stdout == "vtnet0 lo0\n"
    assert see(tools.JLS, "--libxo", "json", "-n", "jid").stdout.endswith('"jail": []}}\n')
    assert see(tools.RCTL).stdout == ""
    assert "/zroot/b/web\t" in see(tools.MOUNT, "-p").stdout
    assert "/zroot/b/web/dev" not in see(tools.MOUNT, "-p").stdout
    assert host.fs.read_text("/zroot/b/web/root/kept") == "yes"
    assert not host.fs.exists(web)
    assert see(tools.SYSCTL, "-n", "net.inet.ip.forwarding").stdout == "0\n"
    assert see(tools.SYSRC, "-n", "bsdvirt_enable").stdout == "YES\n"


def test_a_command_that_takes_longer_than_its_caller_waits(
    host: SimHost, do: Do, see: Do, release: str
) -> None:
    host.fs.write(
        "/tmp/slow.conf",
        "slow { path='/zroot/b/rel'; persist; exec.stop='/bin/sleep 90'; exec.timeout=300; }",
    )
    do(tools.JAIL, "-c", "-f", "/tmp/slow.conf", "slow")
    began = time.monotonic()
    result = host.run((tools.JAIL, "-f", "/tmp/slow.conf", "-r", "slow"), changes=True, timeout=60)
    assert result.timed_out
    assert result.status < 0
    assert time.monotonic() - began < 5
    assert see(tools.JLS, "-j", "slow", "jid").status == 0
    longer = host.run((tools.JAIL, "-f", "/tmp/slow.conf", "-r", "slow"), changes=True, timeout=100)
    assert (longer.status, longer.stdout) == (0, "slow: removed\n")


def test_time_is_real_when_asked_for(
    host: SimHost, do: Do, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BSDVIRT_SIM_REALTIME", "1")
    host.fs.write("/tmp/s.conf", "s { path='/zroot/b/rel'; persist; exec.start='/bin/sleep 0.3'; }")
    began = time.monotonic()
    do(tools.JAIL, "-c", "-f", "/tmp/s.conf", "s")
    assert time.monotonic() - began >= 0.3


def test_lines_of_standard_error_come_one_by_one(host: SimHost, do: Do) -> None:
    do(tools.ZFS, "create", "zroot/r")
    lines: list[str] = []
    result = host.run(
        (tools.TAR, "-xpvf", "/usr/freebsd-dist/base.txz", "-C", "/zroot/r"),
        changes=True,
        on_line=lines.append,
    )
    assert lines == result.stderr.splitlines()
    assert "x ./etc/rc" in lines
    manifest = host.fs.read_text("/usr/freebsd-dist/MANIFEST").split("\t")
    assert int(manifest[2]) == len(lines)


def test_an_interrupt_stops_changes_only(tmp_path: Path) -> None:
    interrupt = Interrupt()
    host = SimHost(tmp_path, interrupt)
    interrupt.ask("SIGINT")
    with pytest.raises(Interrupted):
        host.run((tools.ZFS, "create", "tank/a"), changes=True)
    with interrupt.shielded():
        assert host.run((tools.ZFS, "create", "tank/a"), changes=True).status == 0


def test_settings(host: SimHost, do: Do, see: Do) -> None:
    settings = host.settings
    settings.set_cpus(8)
    settings.set_racct(False)
    settings.set_kernel("14.1-RELEASE", 1401000)
    settings.add_interface("vtnet1", "52:54:00:aa:bb:cc")
    settings.set_ruleset(5, None)
    assert see(tools.SYSCTL, "-n", "hw.ncpu", "kern.osreldate").stdout == "8\n1401000\n"
    assert see(tools.FREEBSD_VERSION, "-ku").stdout == "14.1-RELEASE\n14.1-RELEASE\n"
    assert see(tools.IFCONFIG, "-l").stdout == "vtnet0 lo0 vtnet1\n"
    assert see(tools.DEVFS, "rule", "-s", "5", "show").stdout == ""
    assert see(tools.DEVFS, "rule", "showsets").stdout == "1\n2\n3\n4\n"
    refused = see(tools.RCTL)
    assert refused.status == 1
    assert "kern.racct.enable=1" in refused.stderr
    boot = see(tools.SYSCTL, "kern.boottime").stdout
    assert boot.startswith("kern.boottime: { sec = ")


def test_chmod_and_rc_conf_are_real(host: SimHost, do: Do) -> None:
    host.fs.mkdir("/var/db/x")
    do(tools.CHMOD, "0700", "/var/db/x")
    assert host.fs.path("/var/db/x").stat().st_mode & 0o777 == 0o700
    missing = do(tools.CHMOD, "0700", "/nosuch", ok=1)
    assert missing.stderr == "chmod: /nosuch: No such file or directory\n"
    assert do(tools.SYSRC, "kld_list+=pf").stdout == "kld_list:  -> pf\n"
    assert do(tools.SYSRC, "kld_list+=vmm").stdout == "kld_list: pf -> pf vmm\n"
    assert 'kld_list="pf vmm"' in host.fs.read_text("/etc/rc.conf")


def test_addresses_of_an_interface(do: Do, see: Do) -> None:
    do(tools.IFCONFIG, "bridge1", "create", "name", "br0", "inet", "10.1.0.1/24", "up")
    do(tools.IFCONFIG, "br0", "inet", "10.2.0.1/24", "alias")
    do(tools.IFCONFIG, "br0", "inet6", "fd00::1/64", "-ifdisabled", "alias")
    do(tools.IFCONFIG, "br0", "inet", "10.1.0.1/24", "-alias")
    shown = see(tools.IFCONFIG, "br0").stdout
    assert [line.split()[:2] for line in shown.splitlines() if "inet" in line] == [
        ["inet", "10.2.0.1"],
        ["inet6", "fd00::1"],
    ]
    assert "nd6 options=1<PERFORMNUD>" in shown
    gone = do(tools.IFCONFIG, "br0", "inet", "10.9.0.1/24", "-alias", ok=1)
    assert gone.stderr == "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address\n"


def test_a_line_for_syslog_is_in_its_messages(host: SimHost) -> None:
    host.syslog("start web 0.1s", warning=False)
    assert host.fs.read_text("/var/log/messages").endswith(": start web 0.1s\n")


def test_recovery_may_ask_for_the_commands_of_a_killed_bsdvirt(host: SimHost) -> None:
    host.settings.add_jail("web", "/jails/web")
    words = [word for column in COLUMNS for word in ("-o", f"{column}=")]
    shown = host.run((tools.PS, "-axww", *words), changes=False)
    assert shown.status == 0
    assert shown.stdout.splitlines()[0].split() == ["1", "1", "0", "0", "0", "/sbin/init"]
