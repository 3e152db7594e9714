"""Which tool answers for which path."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from bsdvirt.host import tools
from bsdvirt.host.sim.context import Exit, Run, Tool

_MODULE = "bsdvirt.host.sim."
_TOOLS: dict[str, tuple[str, str]] = {
    tools.BHYVE: ("vmm", "bhyve"),
    tools.BHYVECTL: ("vmm", "bhyvectl"),
    tools.CHMOD: ("system", "chmod"),
    tools.CP: ("linking", "cp"),
    tools.CPUSET: ("cpuset", "cpuset"),
    tools.DEVFS: ("system", "devfs"),
    tools.ENV: ("env", "env"),
    tools.FREEBSD_VERSION: ("system", "freebsd_version"),
    tools.IFCONFIG: ("ifconfig", "ifconfig"),
    tools.INSTALL: ("system", "install"),
    tools.JAIL: ("jail", "jail"),
    tools.JEXEC: ("probe", "jexec"),
    tools.JLS: ("jls", "jls"),
    tools.KLDLOAD: ("sysctl", "kldload"),
    tools.KLDSTAT: ("sysctl", "kldstat"),
    tools.LDD: ("linking", "ldd"),
    tools.LIMITS: ("limits", "limits"),
    tools.MOUNT: ("mount", "mount"),
    tools.NC: ("probe", "nc"),
    tools.PFCTL: ("pf", "pfctl"),
    tools.PS: ("ps", "ps"),
    tools.DHCLIENT: ("routing", "dhclient"),
    tools.NETSTAT: ("routing", "netstat"),
    tools.PKILL: ("routing", "pkill"),
    tools.SERVICE: ("service", "service"),
    tools.RCTL: ("rctl", "rctl"),
    tools.ROUTE: ("routing", "route"),
    tools.SH: ("dad", "sh"),
    tools.SOCKSTAT: ("pf", "sockstat"),
    tools.SYSCTL: ("sysctl", "sysctl"),
    tools.SYSRC: ("sysrc", "sysrc"),
    tools.TAR: ("tar", "tar"),
    tools.UMOUNT: ("mount", "umount"),
    tools.BZIP2: ("packers", "bzip2"),
    tools.DD: ("blocks", "dd"),
    tools.GZIP: ("packers", "gzip_"),
    tools.MAKEFS: ("makefs", "makefs"),
    tools.MV: ("system", "mv"),
    tools.QEMU_IMG: ("packers", "qemu_img"),
    tools.XZ: ("packers", "xz"),
    tools.ZSTD: ("packers", "zstd"),
    tools.ZFS: ("zfs", "zfs"),
    tools.ZPOOL: ("zfslist", "zpool"),
    "/usr/bin/uname": ("system", "uname"),
    "/usr/bin/true": ("system", "true"),
    "/usr/bin/false": ("system", "false"),
}
FOREVER = 1e9
_LOADED: dict[str, Tool] = {}


def run_tool(run: Run) -> int:
    """Run a host command to its end; its exit status. Imports only what it needs."""
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

    Its status is in `status`. It may read or change: its caller did not declare it.
    """
    inner = Run(argv, run.state, run.directory, changes=None, limit=run.limit, wide=run.wide)
    inner.elapsed = run.elapsed
    inner.status = run_tool(inner)
    run.elapsed = inner.elapsed
    return inner
