"""Absolute paths of the tools that bsdvirt runs."""

from __future__ import annotations

import sys

BHYVE = "/usr/sbin/bhyve"
BHYVECTL = "/usr/sbin/bhyvectl"
BHYVELOAD = "/usr/sbin/bhyveload"
IASL = "/usr/sbin/iasl"
BZIP2 = "/usr/bin/bzip2"
CAP_MKDB = "/usr/bin/cap_mkdb"
CHMOD = "/bin/chmod"
CP = "/bin/cp"
CPUSET = "/usr/bin/cpuset"
DD = "/bin/dd"
DEVFS = "/sbin/devfs"
DHCLIENT = "/sbin/dhclient"
DMESG = "/sbin/dmesg"
ENV = "/usr/bin/env"
FETCH = "/usr/bin/fetch"
FREEBSD_UPDATE = "/usr/sbin/freebsd-update"
FREEBSD_VERSION = "/bin/freebsd-version"
GZIP = "/usr/bin/gzip"
IFCONFIG = "/sbin/ifconfig"
INSTALL = "/usr/bin/install"
JAIL = "/usr/sbin/jail"
JEXEC = "/usr/sbin/jexec"
JLS = "/usr/sbin/jls"
KLDLOAD = "/sbin/kldload"
KLDSTAT = "/sbin/kldstat"
LOGIN = "/usr/bin/login"
MAKEFS = "/usr/sbin/makefs"
MANDOC = "/usr/bin/mandoc"
LDD = "/usr/bin/ldd"
LIMITS = "/usr/bin/limits"
MOUNT = "/sbin/mount"
MV = "/bin/mv"
NC = "/usr/bin/nc"
NETSTAT = "/usr/bin/netstat"
PFCTL = "/sbin/pfctl"
PKILL = "/bin/pkill"
PKG = "/usr/local/sbin/pkg"
PROCSTAT = "/usr/bin/procstat"
PS = "/bin/ps"
PWD_MKDB = "/usr/sbin/pwd_mkdb"
PYTHON = sys.executable
"""The running Python interpreter."""
QEMU_IMG = "/usr/local/bin/qemu-img"
RTSOL = "/sbin/rtsol"
RCTL = "/usr/bin/rctl"
ROUTE = "/sbin/route"
SERVICE = "/usr/sbin/service"
SERVICES_MKDB = "/usr/sbin/services_mkdb"
SH = "/bin/sh"
SLEEP = "/bin/sleep"
SOCKSTAT = "/usr/bin/sockstat"
SSH = "/usr/bin/ssh"
SWAPINFO = "/usr/sbin/swapinfo"
SWTPM = "/usr/local/bin/swtpm"
SYSCTL = "/sbin/sysctl"
SYSRC = "/usr/sbin/sysrc"
TAIL = "/usr/bin/tail"
TAR = "/usr/bin/tar"
UMOUNT = "/sbin/umount"
XZ = "/usr/bin/xz"
ZFS = "/sbin/zfs"
ZPOOL = "/sbin/zpool"
ZSTD = "/usr/bin/zstd"

SEARCH_PATH = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
"""PATH of commands that users give."""

SUPERVISE = (PYTHON, "-I", "-S", f"{__file__.rpartition('/host/')[0]}/supervise/__main__.py")
"""Begins the command line of a guest's supervisor, and of a client of it. Isolated from the
environment and from site-packages: the smallest process that Python can be."""
ARCHIVE = (*SUPERVISE, "archive")
"""Begins the command line of the program that packs and unpacks archives of guests."""


def pump(limit: int) -> tuple[str, ...]:
    """Return the command that copies at most `limit` bytes a second."""
    return (PYTHON, "-I", "-S", f"{__file__.rpartition('/host/')[0]}/supervise/pump.py", str(limit))


def python_package(name: str) -> str:
    """Return the FreeBSD package with this module for the Python that runs bsdvirt."""
    return f"py{sys.version_info.major}{sys.version_info.minor}-{name}"
