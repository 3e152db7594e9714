"""service(8) and sysrc(8) in a jail, in the forms that users are likely to try."""

from __future__ import annotations

import re
import shlex

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Jail

_FILE = "etc/rc.conf"
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")

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
    """Run `sysrc NAME=VALUE`, `sysrc NAME` or `sysrc -n NAME`."""
    lines = (run.fs.read_beneath(jail.path, _FILE) or "").splitlines()
    known = {
        match[1]: "".join(shlex.split(match[2])[:1])
        for line in lines
        if (match := _LINE.fullmatch(line))
    }
    match words:
        case [word] if "=" in word:
            name, value = word.split("=", 1)
            lines = [line for line in lines if not line.startswith(f"{name}=")]
            text = "".join(line + "\n" for line in [*lines, f'{name}="{value}"'])
            run.fs.write_beneath(jail.path, _FILE, text)
            return 0, f"{name}: {known.get(name, '')} -> {value}\n", ""
        case ["-n", name] | [name]:
            if name not in known:
                return 1, "", f"sysrc: unknown variable '{name}'\n"
            head = "" if words[0] == "-n" else f"{name}: "
            return 0, f"{head}{known[name]}\n", ""
    raise run.unknown(f"in the jail: sysrc {shlex.join(words)}")
