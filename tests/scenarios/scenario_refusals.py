"""Bad input of every kind: one line, an exact exit status, nothing changed."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, differences

LONG = "t" + "x" * 32

USAGE: dict[tuple[str, ...], str] = {
    (): "",
    ("frobnicate",): "no verb",
    ("strt", "t1"): "did you mean start",
    ("--nope", "ls"): "--nope",
    ("ls", "--nope"): "--nope",
    ("create",): "",
    ("create", "jail"): "",
    ("create", "bus", "t9"): "create jail bus",
    ("create", "t.9", "t9"): "not a kind of guest",
    ("create", "jail", "t9", "13.2-RELEASE"): "--release 13.2-RELEASE",
    ("create", "jail", "t9", "10.77.0.9/24"): "--address 10.77.0.9/24",
    ("create", "jail", "t9", "fd00::9"): "--address6 fd00::9",
    ("create", "jail", "t9.example.org"): "hostname=t9.example.org",
    ("create", "jail", "t9", "exec.prestart=true"): "hooks.starting",
    ("set", "t1", "boot.auto"): "set boot.auto to what",
    ("snapshot", "t1"): "invalid choice: 't1'",
    ("strat", "t1"): "did you mean start",
    ("create", "vm", "t9", "--memory", "1"): "memory",
    ("create", "vm", "t9", "--cpus", "3", "sockets=2"): "sockets",
    ("create", "vm", "t9", "--bus", "scsi"): "scsi",
    ("create", "vm", "t9", "--disk", "0"): "size",
    ("create", "vm", "t9", "--loader", "bhyveload", "--vnc"): "bhyveload",
    ("create", "vm", "t9", "--ssh-key", "/nonexistent.pub"): "No such file",
    ("create", "vm", "t9", "boot.ready=true"): "boot.ready",
    ("create", "vm", "t9", "--thick"): "--image",
    ("create", "jail", "T9"): "T9",
    ("create", "jail", "9t"): "9t",
    ("create", "jail", LONG): LONG[:20],
    ("create", "jail", "t/9"): "t/9",
    ("create", "jail", "t.9"): "t.9",
    ("create", "jail", ""): "",
    ("create", "jail", "t9", "t9"): "twice",
    ("create", "jail", "t9", "t8", "--address", "10.77.0.50"): "one name",
    ("create", "jail", "t9", "--address", "10.77.0.999"): "10.77.0.999",
    ("create", "jail", "t9", "--address6", "10.77.0.9"): "10.77.0.9",
    ("create", "jail", "t9", "--no-network", "--network", "private"): "--no-network",
    ("create", "jail", "t9", "--network", "tnope"): "no network tnope",
    ("create", "jail", "t9", "--cpuset", "0-99"): "no CPU",
    ("create", "jail", "t9", "--cpuset", "a"): "a",
    ("create", "jail", "t9", "--hostname", "-x"): "",
    ("create", "jail", "t9", "--hostname", "a..b"): "a..b",
    ("create", "jail", "t9", "limits.maxproc=-1"): "limits.maxproc",
    ("create", "jail", "t9", "limits.memoryuse=12Q"): "limits.memoryuse",
    ("create", "jail", "t9", "allow.no_such_thing=1"): "allow.no_such_thing",
    ("create", "jail", "t9", "children.max=-4"): "children.max",
    ("create", "jail", "t9", "exec.start=a\nb"): "exec.start",
    ("create", "jail", "t9", "boot.order=x"): "boot.order",
    ("create", "jail", "t9", "colour=red"): "colour",
    ("create", "jail", "t9", "mount.devfs=no"): "mount.devfs",
    ("create", "jail", "t9", "description=" + "x" * 300): "description",
    ("start",): "which guest",
    ("stop",): "which guest",
    ("stop", "t1", "--timeout", "0"): "0",
    ("stop", "t1", "--timeout", "-3"): "",
    ("stop", "t1", "--timeout", "soon"): "soon",
    ("destroy", "t1"): "--yes",
    ("destroy",): "which guest",
    ("set", "t1"): "set what",
    ("set", "t1", "limits.maxproc"): "",
    ("info",): "",
    ("info", "t1", "t2"): "t2",
    ("get",): "",
    ("logs",): "",
    ("logs", "t1", "-l", "x"): "x",
    ("release",): "",
    ("release", "add"): "",
    ("release", "paint"): "paint",
    ("network",): "",
    ("network", "create"): "",
    ("network", "create", "T"): "T",
    ("network", "create", "tnet", "--address", "here"): "here",
    ("network", "create", "tnet", "--address", "10.79.1.1/99"): "10.79.1.1/99",
    ("network", "create", "tnet", "--pool", "10.79.1.1"): "10.79.1.1",
    ("network", "create", "tnet", "--mtu", "5"): "mtu",
    ("network", "create", "tnet", "--mtu", "x"): "x",
    ("network", "create", "tnet", "--gateway", "x"): "gateway",
    ("schema", "cow"): "cow",
    ("properties", "cow"): "cow",
    ("init",): "--pool",
    ("console",): "",
}

OTHERS: dict[tuple[str, ...], tuple[int, str]] = {
    ("create", "jail", "t1"): (4, "already exists"),
    ("create", "jail", "t9", "--no-fetch", "--release", "9.9-RELEASE"): (3, "no release 9.9"),
    ("create", "jail", "t9", "--no-fetch", "release=9.9-RELEASE"): (3, "no release 9.9-RELEASE"),
    ("create", "jail", "t9", "--dataset", "tank/nosuch"): (3, "no dataset tank/nosuch"),
    ("ls", "t["): (3, "no guest matches"),
    ("start", "tnone"): (3, "no guest tnone"),
    ("start", "../t1"): (3, "../t1"),
    ("stop", "tnone"): (3, "no guest tnone"),
    ("restart", "tnone"): (3, "no guest tnone"),
    ("destroy", "tnone", "--yes"): (3, "no guest tnone"),
    ("destroy", "t1", "--yes"): (4, "running"),
    ("info", "tnone"): (3, "no guest tnone"),
    ("get", "tnone"): (3, "no guest tnone"),
    ("set", "tnone", "protected=yes"): (3, "no guest tnone"),
    ("logs", "tnone"): (3, "no guest tnone"),
    ("console", "tnone"): (3, "no guest tnone"),
    ("console", "t2"): (4, "not running"),
    ("exec", "tnone", "--", "true"): (125, "no guest tnone"),
    ("exec", "t2", "--", "true"): (125, "not running"),
    ("exec", "t1"): (125, "which command"),
    ("exec", "--", "true"): (125, "which guest"),
    ("network", "destroy", "tnope"): (3, "no network tnope"),
    ("network", "info", "tnope"): (3, "no network tnope"),
    ("network", "destroy", "private"): (4, "t1"),
    ("network", "create", "private", "--address", "10.79.1.1/24"): (4, "already exists"),
    ("release", "rm", "9.9-RELEASE"): (3, "no release"),
    ("release", "rm", "../x"): (3, "no release '../x'"),
    ("release", "rm", "a\n/../b"): (3, "no release"),
    ("image", "rm", "/a/../b"): (3, "no image"),
    ("media", "rm", "/x/../y"): (3, "no medi"),
    ("network", "destroy", "../x"): (3, "no network"),
    ("pool", "rm", "../x"): (3, "no pool"),
    ("image", "import", "//", "--name", "x"): (2, "/ is a directory"),
    ("media", "add", "//"): (2, "/ is a directory"),
    ("mount", "t1", "/.."): (2, "/.."),
    ("set", "t1", f"nics.{'9' * 4400}.mtu=5"): (2, "no such element"),
    ("get", "t1", f"nics.{'9' * 4400}"): (2, "nics.999"),
    ("set", "t1", f"nics.0.mtu={'9' * 4400}"): (2, "nics.0.mtu"),
    ("logs", "-l", "9" * 4400, "t1"): (2, "number of lines"),
    ("logs", "-l", "\N{SUPERSCRIPT TWO}", "t1"): (2, "number of lines"),
    ("create", "jail", "t9", "--root-from", "/.."): (2, "/bsdvirt"),
    ("release", "add", "/no/such/place"): (3, "/no/such/place"),
}


@scenario()
def bad_input_of_every_kind(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2")
    driver.ok("start", "t1")
    before = view.everything()
    table = {words: (2, says) for words, says in USAGE.items()} | OTHERS
    wrong: list[str] = []
    for words, (status, says) in table.items():
        result = driver(*words)
        lines = result.stderr.splitlines()
        good = (
            result.status == status
            and not result.stdout
            and says in result.stderr
            and (not words or (len(lines) == 1 and lines[0].startswith("bsdvirt: ")))
        )
        if not good:
            wrong.append(f"expected {status} and {says!r}: {result}")
        now = view.everything()
        if changed := differences(before, now):
            wrong.append(f"it changed something: {result}: {changed[:3]}")
            before = now
    assert not wrong, "\n".join(wrong)
