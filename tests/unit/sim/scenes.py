"""The simulated hosts on which each capture file begins: what the real one had then.

The jail.conf files whose text no capture shows (bad, slow, syn, z2, j1 to j3) are made
up here so that they do what the captured output says they did.
"""

from __future__ import annotations

from pathlib import Path

from captures import read, said

from bsdvirt_sim import SimHost
from bsdvirt_sim.state import Inet

from .replay import Shell

_J = """j%d { path="/bv/g/j%d"; persist; mount.devfs;
  exec.start="/bin/sh /etc/rc"; exec.stop="/bin/sh /etc/rc.shutdown jail"; }
"""


def scene(release: str, file: str, directory: Path) -> SimHost:
    """A host of a release as the capture file finds it."""
    host = SimHost(directory, wide=True, release=release)
    shell = Shell(host)
    {
        "01-host.txt": _host,
        "02-ifconfig.txt": _bridges,
        "03-zfs.txt": _volume,
        "04-jail.txt": _web,
        "07-delegation-and-units.txt": _delegation,
        "06-pf.txt": _filter,
        "09-full-and-readonly.txt": lambda host, shell: host.settings.add_pool("small", 201326592),
        "10-jail-edges.txt": _edges,
        "11-services.txt": _services,
    }[file](host, shell)
    return host


def meta(host: SimHost, line: str) -> None:
    """What no command of the contract does: the lines of replay.yaml that begin with !."""
    verb, pool = line[1:].split()
    settings = host.settings
    match verb:
        case "fill":
            settings.fill_pool(pool)
        case "empty":
            settings.fill_pool(pool, -1)
        case "readonly":
            settings.set_readonly(pool, True)
        case "export":
            settings.set_readonly(pool, False)
            settings.remove_pool(pool)
        case "import":
            settings.add_pool(pool, 201326592)
        case "pf":
            shown = said("06-pf.txt", "pfctl -a bsdvirt/nat0 -s nat", settings.release.version)
            with host.change() as state:
                state.pf.anchors[pool] = shown.splitlines()
        case "nat":
            rule = "nat on vtnet0 inet from 10.79.9.0/24 to any -> (vtnet0) round-robin"
            with host.change() as state:
                state.pf.anchors[pool] = [rule]
                state.pf.enabled = True
        case _:
            raise AssertionError(line)


def _host(host: SimHost, shell: Shell) -> None:
    _tank(host, shell)
    if _newer(host):
        host.fs.write("/etc/rc.conf", 'hostname="lab.example.org"\n')


def _tank(host: SimHost, shell: Shell) -> None:
    # As the captured host's: one pool, whose datasets were mounted in this order.
    host.settings.remove_pool("zroot")
    host.settings.remove_pool("tank")
    host.settings.add_pool("tank", 20937965568)
    if _newer(host):
        host.settings.add_pool("tank2", 4026531840)
    shell.line("zfs create -o mountpoint=/bv tank/bv")
    shell.line("zfs create tank/bv/rel")
    shell.line("zfs snapshot tank/bv/rel@base")
    with host.change() as state:
        entries = {mount.special: mount for mount in state.mounts}
        wanted = (
            ["/dev/ufs/rootfs", "devfs", "fdescfs", "procfs", "tank", "tank2"]
            if "tank2" in state.pools
            else ["/dev/vtbd0p2", "devfs", "tmpfs", "tank/bv", "tank"]
        )
        wanted += ["tank/bv", "tank/bv/rel"][-1 if "tank/bv" in wanted else 0 :]
        state.mounts = [entries[name] for name in wanted]


def _newer(host: SimHost) -> bool:
    """Whether the host is the captured 15.1."""
    return host.settings.release.version != "13.2"


def _bridges(host: SimHost, shell: Shell) -> None:
    if _newer(host):
        return
    shell.line("ifconfig bridge2 create; ifconfig bridge3 create")
    with host.change() as state:
        state.interfaces["lo0"].addresses.append(Inet("inet", "127.0.0.9", 32))


def _volume(host: SimHost, shell: Shell) -> None:
    _tank(host, shell)
    if _newer(host):
        shell.line("zfs destroy tank/bv/rel@base")
        with host.change() as state:
            state.datasets["tank/bv/rel"].refer = 58535424
        return
    shell.line("zfs create -s -V 2G tank/g1")
    shell.line("zfs bookmark tank/bv/rel@base tank/bv/rel#b")
    with host.change() as state:
        # Files enough that a snapshot's size shows.
        rel = state.datasets["tank/bv/rel"]
        rel.refer = rel.snaps[0].refer = 124478976
        state.datasets["tank/g1"].refer = 462801920
        state.datasets["tank"].refer = state.datasets["tank/bv"].refer = 24576


def _root(host: SimHost, path: str) -> None:
    for name in ("bin", "dev", "etc", "usr/bin", "root"):
        host.fs.mkdir(f"{path}/{name}")
    for name in ("bin/sh", "usr/bin/false", "usr/bin/true"):
        host.fs.write(f"{path}/{name}", "")
    host.fs.write(f"{path}/etc/passwd", "root:*:0:0:Charlie &:/root:/bin/sh\n")


def _web(host: SimHost, shell: Shell) -> None:
    _tank(host, shell)
    shell.line("zfs create tank/bv/guests; zfs create tank/bv/guests/web")
    _root(host, "/bv/guests/web")
    shell.line("ifconfig bridge5 create name bvlan0 inet 10.77.0.1/24")
    shell.line("ifconfig epair0 create name bv7a; ifconfig epair0b name bv7b")
    shell.line("ifconfig bvlan0 addm bv7a up; ifconfig bv7a up")
    entries = read(host.settings.release.version, "04-jail.txt")
    config = next(entry for entry in entries if entry.command == "cat /tmp/web.conf")
    host.fs.write("/tmp/web.conf", config.stdout)
    # The jail had run once before: its log holds that run.
    log = next(entry for entry in entries if entry.command == "cat /tmp/web.console").stdout
    if not _newer(host):
        cut = log.index("Terminated\n.\n") + len("Terminated\n.\n")
        host.fs.write("/tmp/web.console", log[:cut])
    host.fs.write(
        "/tmp/bad.conf",
        'bad { path="/bv/guests/web"; persist; mount.devfs; exec.start="/usr/bin/false";'
        ' exec.poststop="/usr/bin/touch /tmp/poststop-ran"; }\n',
    )
    host.fs.write("/tmp/syn.conf", 'bad { path="/bv/guests/web" persist; }\n')
    host.fs.write(
        "/tmp/slow.conf",
        'slow { path="/bv/guests/web"; persist; exec.stop="/bin/sleep 30"; exec.timeout=5; }\n',
    )
    newer = _newer(host)
    with host.change() as state:
        state.last_jid = 0 if newer else 6
        state.last_index = 7 if newer else state.last_index


def _delegation(host: SimHost, shell: Shell) -> None:
    _tank(host, shell)
    shell.line("zfs create tank/bv/g; zfs create tank/bv/g/root")
    for name in ("dev", "root", "data"):
        host.fs.mkdir(f"/bv/rel/{name}")
    shell.line("zfs destroy tank/bv/rel@base; zfs snapshot tank/bv/rel@base")
    # umount(8) in the file names a directory that is there and not mounted.
    host.fs.mkdir("/bv/g/root/dev")
    entries = read(host.settings.release.version, "07-delegation-and-units.txt")
    for name in ("c", "z"):
        text = next(e for e in entries if e.command == f"cat /tmp/{name}.conf").stdout
        host.fs.write(f"/tmp/{name}.conf", text)
        if name == "z":
            stop = 'exec.stop="/sbin/zfs umount -a"; }'
            host.fs.write("/tmp/z2.conf", text.rstrip().removesuffix("}") + stop + "\n")
    with host.change() as state:
        state.last_jid = 14
    for number in range(1, 6):
        host.settings.add_jail(
            f"web{number}",
            f"/usr/local/bastille/jails/web{number}/root",
            vnet="new",
            host__hostname=f"web{number}",
        )
        with host.change() as state:
            # The captured numbers: jails of before are gone.
            jail = state.jails.pop(state.last_jid)
            jail.jid, jail.cpuset = 14 + 2 * number, 1 + 2 * number
            state.jails[jail.jid] = jail
            state.last_jid = jail.jid
    with host.change() as state:
        state.last_jid, state.last_cpuset = 26, 10


def _filter(host: SimHost, shell: Shell) -> None:
    if _newer(host):
        shell.line("kldload pf")


def _services(host: SimHost, shell: Shell) -> None:
    host.settings.remove_pool("zroot")
    shell.line("zfs create tank/bv11; zfs create tank/bv11/a; zfs create tank/bv11/a/root")
    shell.line("kldload pf")
    host.fs.write("/etc/pf.conf", 'nat-anchor "bsdvirt/*"\n')


def _edges(host: SimHost, shell: Shell) -> None:
    _tank(host, shell)
    shell.line("zfs create tank/bv/g")
    _root(host, "/bv/rel")
    for number in (1, 2, 3):
        shell.line(f"zfs create tank/bv/g/j{number}")
        _root(host, f"/bv/g/j{number}")
        host.fs.write(f"/tmp/j{number}.conf", _J % (number, number))
    text = next(
        entry.stdout
        for entry in read(host.settings.release.version, "10-jail-edges.txt")
        if entry.command.startswith('printf "q ')
    )
    host.fs.write("/tmp/q.conf", text)
    newer = _newer(host)
    with host.change() as state:
        state.last_jid = 5 if newer else 29
