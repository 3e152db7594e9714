"""The table of tools: which function simulates which path."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from bsdvirt.host import tools
from bsdvirt_sim.context import Exit, Run, Tool

_MODULE = "bsdvirt_sim."
_TOOLS: dict[str, tuple[str, str]] = {
    tools.BHYVE: ("bhyve.vmm", "bhyve"),
    tools.BHYVECTL: ("bhyve.vmm", "bhyvectl"),
    tools.CAP_MKDB: ("tools.databases", "cap_mkdb"),
    tools.CHMOD: ("tools.system", "chmod"),
    tools.CP: ("net.ldd", "cp"),
    tools.CPUSET: ("kernel.cpuset", "cpuset"),
    tools.DEVFS: ("tools.system", "devfs"),
    tools.DMESG: ("kernel.devctl", "dmesg"),
    tools.ENV: ("jail.env", "env"),
    tools.FREEBSD_VERSION: ("tools.system", "freebsd_version"),
    tools.IFCONFIG: ("net.ifconfig", "ifconfig"),
    tools.INSTALL: ("tools.system", "install"),
    tools.JAIL: ("jail.jail", "jail"),
    tools.JEXEC: ("jail.probe", "jexec"),
    tools.JLS: ("jail.jls", "jls"),
    tools.KLDLOAD: ("kernel.sysctl", "kldload"),
    tools.KLDSTAT: ("kernel.sysctl", "kldstat"),
    tools.LDD: ("net.ldd", "ldd"),
    tools.LIMITS: ("tools.limits", "limits"),
    tools.MOUNT: ("kernel.mount", "mount"),
    tools.NC: ("jail.probe", "nc"),
    tools.PFCTL: ("net.pf", "pfctl"),
    tools.PROCSTAT: ("kernel.procstat", "procstat"),
    tools.PS: ("kernel.ps", "ps"),
    tools.DHCLIENT: ("net.dhclient", "dhclient"),
    tools.NETSTAT: ("net.routes", "netstat"),
    tools.PKILL: ("net.dhclient", "pkill"),
    tools.SERVICES_MKDB: ("tools.databases", "services_mkdb"),
    tools.SERVICE: ("net.service", "service"),
    tools.RCTL: ("kernel.rctl", "rctl"),
    tools.ROUTE: ("jail.network", "routing"),
    tools.SH: ("net.dad", "sh"),
    tools.SOCKSTAT: ("net.pf", "sockstat"),
    tools.SWAPINFO: ("kernel.accounting", "swapinfo"),
    tools.SYSCTL: ("kernel.sysctl", "sysctl"),
    tools.SYSRC: ("tools.sysrc", "sysrc"),
    tools.TAIL: ("tools.tar", "tail"),
    tools.TAR: ("tools.tar", "tar"),
    tools.UMOUNT: ("kernel.mount", "umount"),
    tools.BZIP2: ("tools.compress", "bzip2"),
    tools.DD: ("tools.dd", "dd"),
    tools.GZIP: ("tools.compress", "gzip_"),
    tools.MAKEFS: ("tools.makefs", "makefs"),
    tools.MV: ("tools.system", "mv"),
    tools.PWD_MKDB: ("tools.databases", "pwd_mkdb"),
    tools.QEMU_IMG: ("tools.compress", "qemu_img"),
    tools.XZ: ("tools.compress", "xz"),
    tools.ZSTD: ("tools.compress", "zstd"),
    tools.ZFS: ("zfs.zfs", "zfs"),
    tools.ZPOOL: ("zfs.listing", "zpool"),
    "/usr/bin/tail": ("tools.system", "tail"),
    "/usr/bin/uname": ("tools.system", "uname"),
    "/usr/bin/true": ("tools.system", "true"),
    "/usr/bin/false": ("tools.system", "false"),
}
FOREVER = 1e9
_LOADED: dict[str, Tool] = {}


def run_tool(run: Run) -> int:
    """Run a host command and return its exit status. Imports only the module that it needs."""
    path = run.argv[0]
    if path in run.state.hung and run.declared is False:
        run.reads()
        run.sleep(FOREVER)
    tool = _LOADED.get(path)
    if tool is None:
        if path not in _TOOLS:
            raise run.unknown("no such tool")
        module, name = _TOOLS[path]
        tool = _LOADED[path] = getattr(importlib.import_module(_MODULE + module), name)
    try:
        return tool(run, list(run.argv[1:]))
    except Exit as end:
        return end.status


def run_nested(run: Run, argv: Sequence[str]) -> Run:
    """Run a host command that another command starts (jail(8)'s mounts and hooks).

    Its exit status is in `status`. It may read or change: its caller did not declare which.
    """
    inner = Run(argv, run.state, run.directory, changes=None, limit=run.limit, wide=run.wide)
    inner.elapsed = run.elapsed
    inner.status = run_tool(inner)
    run.elapsed = inner.elapsed
    return inner
