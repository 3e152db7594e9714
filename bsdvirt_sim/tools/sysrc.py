"""sysrc(8), on the host's /etc/rc.conf."""

from __future__ import annotations

import re
import shlex

from bsdvirt_sim.context import Run

FILE = "/etc/rc.conf"
# The variables of /etc/defaults/rc.conf that bsdvirt may ask for.
_DEFAULTS = {
    "cloned_interfaces": "", "gateway_enable": "NO", "hostname": "", "ipv6_gateway_enable": "NO",
    "ipv6_defaultrouter": "NO",
    "firewall_enable": "NO", "ipfilter_enable": "NO", "pf_rules": "/etc/pf.conf",
    "jail_enable": "NO", "jail_list": "", "kld_list": "", "pf_enable": "NO",
    "rcshutdown_timeout": "90", "zfs_enable": "NO",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LINE = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)=(.*)$")


def read(run: Run) -> dict[str, str]:
    """Return what rc.conf sets."""
    found = {}
    for line in run.fs.read_or(FILE).splitlines():
        match = _LINE.match(line)
        if match:
            found[match[1]] = "".join(shlex.split(match[2], comments=True)[:1])
    return found


def sysrc(run: Run, words: list[str]) -> int:
    """Run sysrc(8)."""
    match words:
        case ["-n", name] if _NAME.fullmatch(name):
            run.reads()
            known = _DEFAULTS | read(run)
            if name not in known:
                raise run.fail(f"sysrc: unknown variable '{name}'")
            run.print(known[name])
        case ["-x", name] if _NAME.fullmatch(name):
            run.changes()
            if name not in read(run):
                if name in _DEFAULTS:
                    # f_sysrc_delete of bsdconfig(8) removes all lines, and there are none.
                    return 0
                raise run.fail(f"sysrc: unknown variable '{name}'")
            _write(run, name, None)
        case [word] if "=" in word:
            run.changes()
            _assign(run, *word.split("=", 1))
        case [name] if _NAME.fullmatch(name) and run.wide:
            run.reads()
            known = _DEFAULTS | read(run)
            if name not in known:
                raise run.fail(f"sysrc: unknown variable '{name}'")
            run.print(f"{name}: {known[name]}")
        case _:
            raise run.unknown()
    return 0


def _assign(run: Run, name: str, value: str) -> None:
    adds = name.endswith("+")
    name = name.removesuffix("+")
    if not _NAME.fullmatch(name) or any(character in value for character in '"`$\\\n'):
        raise run.unknown()
    old = (_DEFAULTS | read(run)).get(name, "")
    if adds:
        words = old.split()
        value = " ".join([*words, *(word for word in value.split() if word not in words)])
    _write(run, name, value)
    run.print(f"{name}: {old} -> {value}")


def _write(run: Run, name: str, value: str | None) -> None:
    lines = run.fs.read_or(FILE).splitlines()
    at = [i for i, line in enumerate(lines) if (m := _LINE.match(line)) and m[1] == name]
    if value is None:
        lines = [line for i, line in enumerate(lines) if i not in at]
    elif at:
        lines[at[-1]] = f'{name}="{value}"'
    else:
        lines.append(f'{name}="{value}"')
    run.fs.write(FILE, "".join(line + "\n" for line in lines))
