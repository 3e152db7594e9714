"""Command lines made of what people, scripts and attackers type."""

from __future__ import annotations

import random

from bsdvirt.cli.words import VERBS

NAMES = (
    "web", "db", "app", "box", "nope", "WEB", "", "-", "--", "..", "a/b", "web ", "w*", "?", "[",
    "!web", "state:running", "state:", "kind:jail", "tag:x", "zz:1", ":", "é", "web\nx", "a" * 33,
    "a" * 4000, "\x1b[31m", "$(id)", ";id", "web,db", "--all", "0", "-1", "9" * 20, "9" * 4400,
    "true", "null", "~", "{}", "[]", "{a: b}", "[1,2", "&a *a", "!!python/object:os.system x",
)  # fmt: skip
PATHS = (
    "description", "hostname", "nics.0.address", "nics.0.address6", "nics.0.network", "nics.9.mtu",
    "nics.0.mtu", "nics", "nics.0", "nics." + "9" * 4400, "boot.auto", "boot.after", "boot.order",
    "boot.ready", "boot.delay", "limits.memoryuse", "limits.pcpu", "limits.nope", "params",
    "params.allow.raw_sockets", "allow.raw_sockets", "mounts.a.source", "mounts.a.target",
    "mounts.0", "datasets.d.mountpoint", "datasets.d.quota", "quota", "compression", "recordsize",
    "expose", "hooks.started.guest", "hooks.started.host", "exec.start", "exec.timeout", "run",
    "run_user", "restart.policy", "stop.timeout", "resolver.mode", "resolver.servers", "stack",
    "addresses.0.address", "cpuset", "devfs_ruleset", "release", "kind", "userland", "cpus",
    "memory", "disks.disk0.size", "disks.x.size", "disks.0.bus", "vnc.enabled", "vnc.password",
    "config", "cloud.user", "cloud.user_data", "cdroms.cd0.media", "pins", "firmware", "protected",
    "", "a", "A", "a..b", "a.", "x" * 3000, "é", "meta", "env.x", "persist", "path", "timezone",
)  # fmt: skip
VALUES = (
    "", "null", "yes", "no", "1", "0", "-1", "65536", "9" * 26, "9" * 5000, "1G", "1.5G", "0.1",
    "1e3", "0x10", "10.77.0.9", "10.77.0.9/24", "10.77.0.255/24", "10.77.0.1", "10.77.0.0/24",
    "300.1.1.1", "fd00::1", "fd00::1/64", "fe80::1%em0", "fe80::1%" + "x" * 300, "::", "0.0.0.0",
    "em0", "private", "lab", "pool", "none", "auto", "dhcp", "slaac", "web", "db,web", "web,web",
    "[a,b]", "[a", "{a: 1}", "{a: {b: {c: d}}}", "[" * 40, "[" * 20 + "]" * 20, "&x [*x]",
    "!!str x", "é", "a\nb", "a\tb", "'", '"', "\\", "/srv/data", "/", "//", "/..", "/a/../b",
    "/tmp", "/etc", "relative", "/" + "a" * 2000, "tcp:80", "tcp:80:90", "udp:0", "tcp:1-65535",
    "tcp:8000-8010:9000", "tcp:80@1.2.3.4", "sctp:1", "true", "on-failure", "always", "512", "16K",
    "17", "lz4", "zstd-19", "gzip-10", "/bin/sh", "x" * 5000, "#c", ": ", "- a", "key: v",
    "2026-01-01", "010", "1_000", ".inf", "nan", "²", "٣", "\u202e", "\x7f", "\x9b",
)  # fmt: skip
OPTIONS = (
    "-n", "--json", "-H", "-q", "-v", "--all", "--force", "--yes", "--timeout", "--timeout=0",
    "--timeout=-1", "--timeout=nan", "--timeout=1e9", "--network", "--address", "--address6",
    "--hostname", "--cpuset", "--thick", "--empty", "--linux", "--inherit", "--shared",
    "--root-from", "--directory", "--dataset", "--no-network", "--pool", "--start", "--release",
    "--no-fetch", "--cpus", "--memory", "--disk", "--size", "--bus", "--path", "--readonly",
    "--iso", "--vnc", "--image", "--ssh-key", "--user", "--user-data", "--uplink", "--vlan",
    "--bridge", "--private", "--nat", "--subnet", "--mtu", "--name", "--mountpoint", "--with",
    "--checksum", "--pool", "--on", "-r", "-l", "-d", "-u", "--once", "--budget", "--repair",
    "--help", "--version", "--debugx", "--sim",
)  # fmt: skip
ACTIONS = {
    "release": ("ls", "rm", "add", "fetch", "x"),
    "image": ("ls", "info", "rm", "import", "profiles", "fetch"),
    "media": ("ls", "rm", "add"),
    "disk": ("ls", "add", "rm", "resize"),
    "nic": ("ls", "add", "rm"),
    "cdrom": ("insert", "eject"),
    "pool": ("ls", "add", "rm"),
    "network": ("ls", "info", "create", "set", "destroy"),
    "boot": ("plan", "start", "stop", "status", "network"),
    "create": ("jail", "vm", "zone"),
}
INTERACTIVE = ("console", "edit", "run")
"""What waits for a person, or for a machine to end."""


def command_line(dice: random.Random) -> list[str]:
    """One, of which perhaps half are nearly right."""
    verb = dice.choice([*VERBS, "nope", "lss", "-x", ""])
    words = [verb]
    if verb in ACTIONS and dice.random() < 0.95:
        words.append(dice.choice(ACTIONS[verb]))
    if dice.random() < 0.8:
        words.append(dice.choice(NAMES[:4] if dice.random() < 0.6 else NAMES))
    if verb in ("set", "get", "create", "network") and dice.random() < 0.8:
        words += [_pair(dice, verb) for _ in range(dice.randrange(1, 4))]
    words += [_word(dice) for _ in range(dice.choice((0, 0, 1, 1, 2, 4)))]
    if verb in ("exec", "pkg", "service", "sysrc") and dice.random() < 0.5:
        words += ["--", dice.choice(("true", "/bin/echo", "", "-x", "é"))]
    return [word for word in words if word not in ("-f", "--follow")]


def _pair(dice: random.Random, verb: str) -> str:
    path = dice.choice(PATHS)
    return path if verb == "get" else f"{path}={dice.choice(VALUES)}"


def _word(dice: random.Random) -> str:
    kind = dice.random()
    if kind < 0.3:
        return dice.choice(NAMES)
    if kind < 0.5:
        return f"{dice.choice(PATHS)}={dice.choice(VALUES)}"
    return dice.choice(OPTIONS if kind < 0.8 else VALUES)
