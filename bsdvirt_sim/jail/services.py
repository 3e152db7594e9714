"""service(8) and sysrc(8) in a jail, in the forms that users are likely to try."""

from __future__ import annotations

import shlex

from bsdvirt_sim.context import Exit, Run
from bsdvirt_sim.state import Jail
from bsdvirt_sim.tools.sysrc import RcConf, change

Said = tuple[int, str, str]
"""Exit status, standard output, standard error."""


def service(run: Run, jail: Jail, words: list[str]) -> Said:
    """Run `service NAME status` of the two daemons that a simulated /etc/rc starts."""
    if len(words) != 2:
        raise run.unknown(f"in the jail: service {shlex.join(words)}")
    name, verb = words
    if name not in ("cron", "syslogd"):
        place = "/etc/rc.d or the local startup\ndirectories (/usr/local/etc/rc.d)"
        return 1, "", f"{name} does not exist in {place}, or is not executable\n"
    if verb != "status":
        raise run.unknown(f"in the jail: service {shlex.join(words)}")
    for process in jail.processes:
        if process.args.startswith(f"/usr/sbin/{name}"):
            return 0, f"{name} is running as pid {process.pid}.\n", ""
    return 1, f"{name} is not running.\n", ""


def sysrc(run: Run, jail: Jail, words: list[str]) -> Said:
    """Run sysrc(8) on the jail's rc.conf."""
    argv = ("/usr/sbin/sysrc", *words)
    inner = Run(argv, run.state, run.directory, changes=None, limit=run.limit, wide=True)
    try:
        status = change(inner, words, RcConf(run.fs, jail.path))
    except Exit as end:
        status = end.status
    return status, "".join(inner.out), "".join(inner.err)
