"""A new simulated host: the FreeBSD machine of the captures as installed, with two pools."""

from __future__ import annotations

import time
from pathlib import Path

from msgspec.structs import replace

from bsdvirt_sim.kernel import topology
from bsdvirt_sim.kernel.processes import write_scripts
from bsdvirt_sim.net.interfaces import CARD, interfaces
from bsdvirt_sim.releases import Release
from bsdvirt_sim.state import Dataset, Host, Module, Mount, Pool
from bsdvirt_sim.tools.distribution import make_release
from bsdvirt_sim.zfs.datasets import EMPTY

POOL_SIZE = 20937965568

_RC_CONF = 'hostname="fbsd"\nifconfig_vtnet0="DHCP"\nzfs_enable="YES"\n'
_UPDATE_CONF = """\
KeyPrint 800651ef4b4c71c27e60786d7b487188970f4b4169cc055784e21eb71d410cc5
ServerName update.FreeBSD.org
Components src world kernel
UpdateIfUnmodified /etc/ /var/ /root/ /.cshrc /.profile
"""
_DIRECTORIES = (
    "bin",
    "boot",
    "dev",
    "etc",
    "root",
    "sbin",
    "tmp",
    "usr/bin",
    "usr/freebsd-dist",
    "usr/local/etc",
    "usr/local/etc/devd",
    "usr/local/etc/rc.d",
    "usr/sbin",
    "var/db",
    "var/log",
    "var/run",
)

_KERNEL = " 1   31 0xffffffff80200000   de5240 kernel"
# `names` are what `kldstat -m` finds. Those of the kernel itself are modules that the captured
# host used without a file in its list: nullfs, tmpfs and procfs (its jail parameters include
# them), tap and vlan beside epair and bridge, and devfs.
_MODULES_13 = (
    Module(
        "kernel",
        ["kernel", "devfs", "fdescfs", "nullfs", "procfs", "tmpfs", "if_tuntap", "if_vlan"],
        _KERNEL,
    ),
    Module("zfs.ko", ["zfs"], " 2    1 0xffffffff80fe6000   595a08 zfs.ko"),
    Module("xdr.ko", ["xdr"], " 3    2 0xffffffff8157c000     5260 xdr.ko"),
    Module("if_bridge.ko", ["if_bridge"], " 4    1 0xffffffff81af8000     7638 if_bridge.ko"),
    Module("bridgestp.ko", ["bridgestp"], " 5    1 0xffffffff81b00000     60d8 bridgestp.ko"),
    Module("if_epair.ko", ["if_epair"], " 6    1 0xffffffff81b07000     3a64 if_epair.ko"),
    Module("nmdm.ko", ["nmdm"], " 7    1 0xffffffff81b0b000     21cc nmdm.ko"),
    Module("pf.ko", ["pf"], " 8    1 0xffffffff81b0e000    3fa78 pf.ko"),
    Module("if_vxlan.ko", ["if_vxlan"], " 9    1 0xffffffff81b4e000     62e8 if_vxlan.ko"),
    Module("vmm.ko", ["vmm"], "10    1 0xffffffff81c00000   53c438 vmm.ko"),
)

_KERNEL_15 = " 1   29 0xffffffff80200000  13b7d68 kernel"
_MODULES_15 = (
    Module(
        "kernel",
        ["kernel", "devfs", "procfs", "tmpfs", "if_tuntap", "if_vlan"],
        _KERNEL_15,
    ),
    Module("zfs.ko", ["zfs"], " 2    1 0xffffffff815ba000   6161f0 zfs.ko"),
    Module("xdr.ko", ["xdr"], " 3    2 0xffffffff81bd1000     53c8 xdr.ko"),
    Module("fdescfs.ko", ["fdescfs"], " 4    1 0xffffffff82418000     3578 fdescfs.ko"),
    Module("vmm.ko", ["vmm"], " 5    1 0xffffffff82600000   33f438 vmm.ko"),
    Module("nmdm.ko", ["nmdm"], " 6    1 0xffffffff8241c000     21dc nmdm.ko"),
    Module("if_bridge.ko", ["if_bridge"], " 7    1 0xffffffff8241f000     8810 if_bridge.ko"),
    Module("bridgestp.ko", ["bridgestp"], " 8    1 0xffffffff82428000     6120 bridgestp.ko"),
    Module("if_epair.ko", ["if_epair"], " 9    1 0xffffffff8242f000     539c if_epair.ko"),
)
_MODULES = {"13.2": _MODULES_13, "15.1": _MODULES_15}

_MOUNTS = {
    "13.2": (
        Mount("/dev/vtbd0p2", "/", "ufs", "rw", "1 1"),
        Mount("devfs", "/dev", "devfs", "rw"),
        Mount("tmpfs", "/tmp", "tmpfs", "rw"),
    ),
    "15.1": (
        Mount("/dev/ufs/rootfs", "/", "ufs", "rw,noatime", "1 1"),
        Mount("devfs", "/dev", "devfs", "rw"),
        Mount("fdescfs", "/dev/fd", "fdescfs", "rw"),
        Mount("procfs", "/proc", "procfs", "rw"),
    ),
}

_LOGIN = [f"{side}{letter}*" for side in ("pty", "tty") for letter in "pqrsPQRSlmnoLMNO"]
_RULESETS: dict[str, list[str]] = {
    "1": ["hide"],
    "2": [f"path {name} unhide" for name in ("null", "zero", "crypto", "random", "urandom")],
    "3": [
        f"path {name} unhide"
        for name in (*_LOGIN, "ptmx", "pts", "pts/*", "fd", "fd/*", "stdin", "stdout", "stderr")
    ],
    "4": ["include 1", "include 2", "include 3", "path fuse unhide", "path zfs unhide"],
    "5": ["include 1", "include 2", "include 3", "include 4", "path pf unhide"],
}


def modules(version: str) -> list[Module]:
    """Return the modules that are loaded after a boot."""
    return [Module(m.file, list(m.names), m.line) for m in _MODULES[version]]


def mounts(version: str) -> list[Mount]:
    """Return what is mounted after a boot, except for ZFS."""
    return [replace(mount) for mount in _MOUNTS[version]]


_BHYVE_WORDS = (
    "acpi_tables_in_memory", "bootindex", "lpc.fwcfg", "pci.enable_bars", "pcireg",
    "tpm_swtpm_init", "x86.verbosemsr",
)  # fmt: skip
"""Words of the program that 15.1 builds, by strings(1)."""


def start_devd(root: Path) -> None:
    """Leave what devd(8) leaves of itself at the boot."""
    (root / "var/run/devd.pid").write_text("301")


def make(directory: Path, release: Release) -> Host:
    """Create a host of a release: write its files and return its state."""
    root = directory / "root"
    (directory / "store").mkdir(parents=True, exist_ok=True)
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc/rc.conf").write_text(_RC_CONF)
    (root / "etc/freebsd-update.conf").write_text(_UPDATE_CONF)
    (root / "usr/sbin/freebsd-update").write_text("#!/bin/sh\n")
    (root / "usr/sbin/iasl").touch()
    (root / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n")
    make_release(root / "usr/freebsd-dist", release.dist)
    write_scripts(root)
    if release.osreldate >= 1500000:
        with open(root / "usr/sbin/bhyve", "a") as program:
            program.write(f"# {' '.join(_BHYVE_WORDS)}\n")
        (root / "usr/libexec").mkdir(exist_ok=True)
        (root / "usr/libexec/bhyve-slirp-helper").touch()
    (root / "usr/local/etc/devd/bsdvirt.conf").touch()
    start_devd(root)
    now = int(time.time())
    state = Host(
        boot=now,
        version=release.version,
        release=release.kernel,
        osreldate=release.osreldate,
        mounts=mounts(release.version),
        interfaces=interfaces(),
        modules=modules(release.version),
        rulesets={number: list(rules) for number, rules in _RULESETS.items()},
        gateway="10.0.2.2",
        dhclients=[CARD],
    )
    topology.install(root, state, topology.chosen())
    for serial, pool in enumerate(("zroot", "tank"), start=1):
        (root / pool).mkdir(exist_ok=True)
        state.pools[pool] = Pool(POOL_SIZE)
        state.datasets[pool] = Dataset(serial, "filesystem", now, serial, EMPTY, mounted=f"/{pool}")
        state.mounts.append(Mount(pool, f"/{pool}", "zfs", "rw,nfsv4acls"))
    return state
