"""Check whether an undo has nothing to do: its object is gone, or the previous state is already
restored. An undo that cannot be performed for that reason is done.

What cannot be determined counts as not satisfied: the undo is then tried, and reports the error.
"""

from __future__ import annotations

import stat
from collections.abc import Callable

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts import ifconfig
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.facts.jls import read_jails
from bsdvirt.facts.mount import read_mounts
from bsdvirt.facts.rctl import read_rules
from bsdvirt.host import restore, tools
from bsdvirt.host.base import Host
from bsdvirt.plan.step import (
    Action,
    Command,
    PutBack,
    RemoveDirectory,
    RemoveFile,
    RemoveTree,
    Rename,
    WriteFile,
)
from bsdvirt.zfs.cli import CliZfs

Words = list[str]


def is_satisfied(host: Host, action: Action) -> bool:
    """Whether an undo, or a step that recovery continues with, need not be performed."""
    try:
        return _is_satisfied(host, action)
    except (BsdvirtError, OSError, ValueError):
        return False


def _is_satisfied(host: Host, action: Action) -> bool:
    match action:
        case Command(argv=(tool, *words)):
            look = _LOOKS.get(tool)
            return look is not None and look(host, words)
        case PutBack(path=path, beneath=root):
            return _no_way(host, root, path) or restore.look(host.fs, root, path) == action.was
        case WriteFile(path=path, beneath=root, content=content) if root:
            return _no_way(host, root, path) or host.fs.read_beneath(root, path) == content
        case RemoveFile(path=path, beneath=root) | RemoveDirectory(path=path, beneath=root) if root:
            return _no_way(host, root, path)
        case WriteFile(path=path, content=content, mode=mode):
            real = host.fs.path(path).lstat()
            same = stat.S_ISREG(real.st_mode) and stat.S_IMODE(real.st_mode) == mode
            return same and host.fs.read_text(path) == content
        case RemoveFile(path=path) | RemoveTree(path=path) | Rename(path=path):
            return not host.fs.exists(path)
        case _:
            return False


def _no_way(host: Host, root: str, path: str) -> bool:
    """Whether a symbolic link, or nothing, is in the path beneath a guest's root: what was written
    there is gone."""
    missing, wrong = host.fs.look_beneath(root, path.rpartition("/")[0])
    return bool(missing or wrong) or not host.fs.exists(root)


# ---- tool by tool ----


def _ifconfig(host: Host, words: Words) -> bool:
    name, *rest = words
    shown = host.run((tools.IFCONFIG, name), changes=False)
    if rest[:1] == ["create"]:
        # Its parent interface is gone.
        parent = rest[rest.index("vlandev") + 1] if "vlandev" in rest else ""
        return bool(parent) and _face(host, parent) is None
    if shown.status != 0:
        return "does not exist" in shown.stderr
    face = ifconfig.parse(shown.stdout)[name]
    match rest:
        case ["mtu", mtu]:
            return face.mtu == int(mtu)
        case ["up"]:
            return face.up
        case ["down"]:
            return not face.up
        case ["addm", member, *_]:
            return member in face.members or _face(host, member) is None
        case ["deletem", member]:
            return member not in face.members
        case ["private", member]:
            return member in face.private or member not in face.members
        case ["-private", member]:
            return member not in face.private
        case ["ifuntagged", member, vlan]:
            return face.vlans_of(member)[0] == int(vlan) or member not in face.members
        case ["-ifuntagged", member]:
            return face.vlans_of(member)[0] == 0
        case ["iftagged", member, vlans]:
            have = face.vlans_of(member)[1] or "none"
            return have == vlans or member not in face.members
        case ["inet" | "inet6", address, "-alias"]:
            return address not in face.addresses
        case ["inet" | "inet6", address, "alias", *_]:
            return address in face.addresses
    return False


def _face(host: Host, name: str) -> Interface | None:
    shown = host.run((tools.IFCONFIG, name), changes=False)
    return ifconfig.parse(shown.stdout)[name] if shown.status == 0 else None


def _zfs(host: Host, words: Words) -> bool:
    verb, *rest = words
    if verb == "rollback":
        # Without its snapshot it cannot be performed, and must not pass for done.
        return False
    names = [word for word in rest if not word.startswith("-")]
    dataset = names[0] if verb == "rename" else names[-1]
    argv = (tools.ZFS, "list", "-Hp", "-o", "name", dataset)
    shown = host.run(argv, changes=False)
    if shown.status != 0:
        return "does not exist" in shown.stderr
    match verb, names:
        case "set", [setting, _]:
            name, _, value = setting.partition("=")
            return CliZfs(host).local(dataset, name) == value
        case "inherit", [name, *every]:
            return all(CliZfs(host).local(one, name) is None for one in every)
        case "mount", [_]:
            return any(m.source == dataset and m.kind == "zfs" for m in read_mounts(host))
    return False


def _jail(host: Host, words: Words) -> bool:
    jail = read_jails(host).get(words[-1])
    return jail is None or jail.dying


def _umount(host: Host, words: Words) -> bool:
    return not any(mount.path == words[-1] for mount in read_mounts(host))


def _rctl(host: Host, words: Words) -> bool:
    option, *rules = words
    who, pid, *_ = (*rules[0].split(":"), "", "")
    if who == "process" and _has_ended(host, pid):
        return True
    have = {f"{rule.subject}:{rule.words}" for rule in read_rules(host)}
    if option == "-a":
        return all(rule in have for rule in rules)
    return not any(
        there == rule or there.startswith(f"{rule}:") for there in have for rule in rules
    )


def _cpuset(host: Host, words: Words) -> bool:
    """-l CPUS [-n POLICY:DOMAINS] -j JAIL, -p PID, -t TID, or -s SET."""
    match words:
        case ["-l", _, "-j", name] | ["-l", _, "-n", _, "-j", name]:
            return _jail(host, [name])
        case ["-l", _, "-p", pid] | ["-l", _, "-n", _, "-p", pid]:
            return _has_ended(host, pid)
        case ["-l", _, "-t" | "-s" as which, number]:
            return _has_ended(host, number, which)
    return False


def _has_ended(host: Host, number: str, which: str = "-p") -> bool:
    shown = host.run((tools.CPUSET, "-g", which, number), changes=False)
    return shown.status != 0 and "No such process" in shown.stderr


def _bhyvectl(host: Host, words: Words) -> bool:
    name = next(word.removeprefix("--vm=") for word in words if word.startswith("--vm="))
    return not host.fs.exists(f"/dev/vmm/{name}")


_LOOKS: dict[str, Callable[[Host, Words], bool]] = {
    tools.IFCONFIG: _ifconfig,
    tools.ZFS: _zfs,
    tools.JAIL: _jail,
    tools.UMOUNT: _umount,
    tools.RCTL: _rctl,
    tools.CPUSET: _cpuset,
    tools.BHYVECTL: _bhyvectl,
}
