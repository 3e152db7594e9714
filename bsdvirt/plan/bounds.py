"""What recovery may do: the journal of a pool may change that pool and bsdvirt's own files,
interfaces and jails on this host, whatever it contains. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.layout import HOOK_DIRECTORY
from bsdvirt.plan.step import (
    Action,
    Await,
    Command,
    MakeDirectory,
    Plan,
    PutBack,
    RemoveDirectory,
    RemoveFile,
    RemoveTree,
    Rename,
    UnmountBeneath,
    WriteFile,
)
from bsdvirt.spec.mounts import within

SYSTEM = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/libexec", "/rescue", "/root", "/sbin", "/usr",
    "/var",
)  # fmt: skip
"""Directories in which no guest's root can be."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")
_INTERFACE_VARIABLE = re.compile(
    r"cloned_interfaces|ipv6_defaultrouter|(ifconfig|create_args)_[A-Za-z0-9_]+"
)
_PLAIN = re.compile(r"[A-Za-z0-9 ./:%_=,+-]*")
_VARIABLE = re.compile(rf"PATH={re.escape(tools.SEARCH_PATH)}|BSDVIRT_[A-Z]+=.*")
_LIVE = frozenset({"set", "inherit", "mount"})
"""What is done with datasets delegated to a guest."""


_OWN = frozenset(
    {"destroy", "hold", "promote", "receive", "release", "rename", "rollback", "umount", "unmount"}
)
"""What is done with datasets of bsdvirt only."""


class Bounds(Struct, frozen=True):
    """Where the plans of a pool may act."""

    dataset: str
    mountpoint: str
    first: bool = True
    """Whether it is the first pool, whose journals also hold the creation of other pools."""
    others: tuple[str, ...] = ()
    """The other pools' datasets: what is on all pools is removed in one plan, journaled on the
    first."""
    places: tuple[str, ...] = ()
    """Directories of bsdvirt outside the pool."""
    files: tuple[str, ...] = ()
    """Files outside these directories."""
    closed: tuple[str, ...] = ()
    """Directories within `places` that bsdvirt only reads."""
    programs: str = ""
    """Directory of bsdvirt's own programs."""

    def beyond(self, plan: Plan) -> str:
        """Return the first action of the plan that recovery must not perform, in words; empty if
        there is none."""
        for action in _recovered(plan):
            if why := self._wrong(plan, action):
                return why
        return ""

    def _wrong(self, plan: Plan, action: Action) -> str:
        match action:
            case Command(argv=argv, log=log):
                if log and not self._ours(log):
                    return f"it would write {log}"
                return "" if self._may_run(plan, argv) else f"it would run {' '.join(argv)}"
            case (
                WriteFile(path=path, beneath=root)
                | RemoveFile(path=path, beneath=root)
                | MakeDirectory(path=path, beneath=root)
                | RemoveDirectory(path=path, beneath=root)
                | PutBack(path=path, beneath=root)
            ) if root:
                return "" if self._root(root) else f"it would change {root}/{path}"
            case WriteFile(path=path) | RemoveFile(path=path) | MakeDirectory(path=path):
                return "" if self._ours(path) or path in self.files else f"it would change {path}"
            case RemoveTree(path=path):
                return "" if self._inside(path) else f"it would remove {path}"
            case Rename(path=path, to=to):
                fit = self._inside(path) and self._inside(to)
                return "" if fit else f"it would rename {path} to {to}"
            case UnmountBeneath(path=path):
                return "" if self._root(path) else f"it would unmount what is in {path}"
            case Await():
                return ""
            case _:
                return "it would copy files"

    def _ours(self, path: str) -> bool:
        if ".." in path.split("/") or any(within(path, closed) for closed in self.closed):
            return False
        return any(within(path, place) for place in (self.mountpoint, *self.places))

    def _inside(self, path: str) -> bool:
        return self._ours(path) and path not in (self.mountpoint, *self.places)

    def _root(self, path: str) -> bool:
        """Whether a path can be a guest's root: in the pool, or a directory of the user's."""
        if ".." in path.split("/") or not path.startswith("/") or path.rstrip("/") == "":
            return False
        if within(path, self.mountpoint):
            return path != self.mountpoint
        return not any(within(path, system) for system in SYSTEM)

    def _may_run(self, plan: Plan, argv: tuple[str, ...]) -> bool:
        tool, *words = argv
        check = _TOOLS.get(tool)
        return check is not None and check(self, plan, words)

    # ---- tool by tool ----

    def _zfs(self, plan: Plan, words: list[str]) -> bool:
        verb, *rest = words or [""]
        if verb == "rollback" and rest[:-1] != ["-r"]:
            # Never with -R, which destroys clones wherever they are.
            return False
        names = [w for w in rest if not w.startswith("-") and "=" not in w and "/" in w]
        if verb in ("hold", "release"):
            # Behind the tag, which may hold anything.
            names = rest[2:] if rest[:1] in (["--"], ["-r"]) else rest[1:]
        if verb == "receive" and rest[:1] != ["-A"]:
            # Only to give up what was received in part.
            return False
        if verb not in _LIVE | _OWN or not names:
            return False
        own = (self.dataset, *(self.others if self.first else ()))
        if all(any(name.startswith(f"{one}/") for one in own) for name in names):
            return True
        if self.first and plan.kind in ("pool", "root", "host"):
            return True
        return plan.kind == "guest" and verb in _LIVE

    def _env(self, plan: Plan, words: list[str]) -> bool:
        """A hook, on the host or in the guest of the plan (guest/hooks.py)."""
        command = list(itertools.dropwhile(_VARIABLE.fullmatch, words))
        match command:
            case [path, subject] if subject == plan.subject:
                place, _, name = path.rpartition("/")
                return place == HOOK_DIRECTORY and bool(_NAME.fullmatch(name))
            case [tools.JEXEC, *_, jail, tools.SH, "-c", _, tools.SH, subject]:
                return plan.kind in ("guest", "export") and jail == subject == plan.subject
        return False

    def _jail(self, plan: Plan, words: list[str]) -> bool:
        match words:
            case ["-R", name]:
                return bool(_NAME.fullmatch(name))
            case ["-f", path, "-r", name]:
                return self._inside(path) and bool(_NAME.fullmatch(name))
        return False

    def _umount(self, plan: Plan, words: list[str]) -> bool:
        paths = [word for word in words if word != "-f"]
        return len(paths) == 1 and self._root(paths[0])

    def _cpuset(self, plan: Plan, words: list[str]) -> bool:
        match words:
            case ["-l", _, which, _] | ["-l", _, "-n", _, which, _]:
                return which in ("-j", "-p", "-t", "-s")
            case ["-l", _, *command] | ["-c", "-l", _, *command]:
                # In front of a supervisor.
                return command[:1] == [tools.PYTHON] and self._python(plan, command[1:])
        return False

    def _pfctl(self, plan: Plan, words: list[str]) -> bool:
        return all(not word.startswith("/") or self._ours(word) for word in words)

    def _python(self, plan: Plan, words: list[str]) -> bool:
        return (
            words[:2] == ["-I", "-S"]
            and len(words) > 2
            and bool(self.programs)
            and within(words[2], self.programs)
            and ".." not in words[2].split("/")
        )

    def _rc_conf(self, plan: Plan, words: list[str]) -> bool:
        match words:
            case ["-x", name]:
                return name.endswith("_enable") or bool(_INTERFACE_VARIABLE.fullmatch(name))
            case [assignment]:
                # rc(8) evaluates it as shell: no word may run a command.
                name, _, value = assignment.partition("=")
                return bool(_INTERFACE_VARIABLE.fullmatch(name) and _PLAIN.fullmatch(value))
        return False

    def _forwarding(self, plan: Plan, words: list[str]) -> bool:
        return len(words) == 1 and ".forwarding=" in words[0]

    def _any(self, plan: Plan, words: list[str]) -> bool:
        return True


_TOOLS: dict[str, Callable[[Bounds, Plan, list[str]], bool]] = {
    tools.ZFS: Bounds._zfs,
    tools.ENV: Bounds._env,
    tools.JAIL: Bounds._jail,
    tools.UMOUNT: Bounds._umount,
    tools.CPUSET: Bounds._cpuset,
    tools.PFCTL: Bounds._pfctl,
    tools.PYTHON: Bounds._python,
    tools.SYSRC: Bounds._rc_conf,
    tools.SYSCTL: Bounds._forwarding,
    tools.IFCONFIG: Bounds._any,
    tools.RCTL: Bounds._any,
    tools.BHYVECTL: Bounds._any,
}


def _recovered(plan: Plan) -> Iterator[Action]:
    """Yield all actions that recovery may perform."""
    for step in plan.steps:
        yield from (undo.do for undo in step.undo)
    for step in plan.finish:
        yield step.do
        yield from (undo.do for undo in step.remedy)
