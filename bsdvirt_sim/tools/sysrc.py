"""sysrc(8), on /etc/rc.conf."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from bsdvirt.host.fs import Fs
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


@dataclass(frozen=True)
class RcConf:
    """An rc.conf(5): the host's, or with `root` a jail's."""

    fs: Fs
    root: str = ""

    def lines(self) -> list[str]:
        if self.root:
            return (self.fs.read_beneath(self.root, FILE.lstrip("/")) or "").splitlines()
        return self.fs.read_or(FILE).splitlines()

    def values(self) -> dict[str, str]:
        """Return what the file sets."""
        found = {}
        for line in self.lines():
            match = _LINE.match(line)
            if match:
                found[match[1]] = "".join(shlex.split(match[2], comments=True)[:1])
        return found

    def set(self, name: str, value: str | None) -> None:
        """Set a variable, or remove it with None."""
        lines = self.lines()
        at = [i for i, line in enumerate(lines) if (m := _LINE.match(line)) and m[1] == name]
        if value is None:
            lines = [line for i, line in enumerate(lines) if i not in at]
        elif at:
            lines[at[-1]] = f'{name}="{value}"'
        else:
            lines.append(f'{name}="{value}"')
        text = "".join(line + "\n" for line in lines)
        if self.root:
            self.fs.write_beneath(self.root, FILE.lstrip("/"), text)
        else:
            self.fs.write(FILE, text)


def read(run: Run) -> dict[str, str]:
    """Return what the host's rc.conf sets."""
    return RcConf(run.fs).values()


def sysrc(run: Run, words: list[str]) -> int:
    """Run sysrc(8) on the host."""
    return change(run, words, RcConf(run.fs))


def change(run: Run, words: list[str], conf: RcConf) -> int:
    """Run sysrc(8) on a file."""
    match words:
        case ["-n", name] if _NAME.fullmatch(name):
            run.print(_value(run, conf, name))
        case ["-i", *names] if names and all(map(_NAME.fullmatch, names)):
            return _each(run, conf, names)
        case ["-x", name] if _NAME.fullmatch(name):
            run.changes()
            if name not in conf.values():
                if name in _DEFAULTS:
                    # f_sysrc_delete of bsdconfig(8) removes all lines, and there are none.
                    return 0
                raise run.fail(f"sysrc: unknown variable '{name}'")
            conf.set(name, None)
        case [word] if "=" in word:
            run.changes()
            _assign(run, conf, *word.split("=", 1))
        case [name] if _NAME.fullmatch(name) and run.wide:
            run.print(f"{name}: {_value(run, conf, name)}")
        case _:
            raise run.unknown()
    return 0


def _each(run: Run, conf: RcConf, names: list[str]) -> int:
    """Print several; of an unknown one -i hides the message only (usr.sbin/sysrc/sysrc: its
    status is FAILURE all the same)."""
    run.reads()
    known = _DEFAULTS | conf.values()
    for name in names:
        if name in known:
            run.print(f"{name}: {known[name]}")
    return 0 if all(name in known for name in names) else 1


def _value(run: Run, conf: RcConf, name: str) -> str:
    run.reads()
    known = _DEFAULTS | conf.values()
    if name not in known:
        raise run.fail(f"sysrc: unknown variable '{name}'")
    return known[name]


def _assign(run: Run, conf: RcConf, name: str, value: str) -> None:
    adds = name.endswith("+")
    name = name.removesuffix("+")
    if not _NAME.fullmatch(name) or any(character in value for character in '"`$\\\n'):
        raise run.unknown()
    old = (_DEFAULTS | conf.values()).get(name, "")
    if adds:
        words = old.split()
        value = " ".join([*words, *(word for word in value.split() if word not in words)])
    conf.set(name, value)
    run.print(f"{name}: {old} -> {value}")
