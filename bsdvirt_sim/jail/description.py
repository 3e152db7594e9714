"""A jail as a file or a command line describes it to jail(8)."""

from __future__ import annotations

import os
import re
import stat

from bsdvirt.host import tools
from bsdvirt_sim.context import Run
from bsdvirt_sim.jail import conf, parameters
from bsdvirt_sim.jail.conf import Param
from bsdvirt_sim.net.dad import is_wait
from bsdvirt_sim.zfs import trees

_BOOLEAN = {"mount.devfs", "mount.fdescfs", "mount.procfs"}
SHELL = "!\"$&'()*;<>?[\\]`{|}~"
"""A line with one of these characters is run by sh(1)."""

_OCTAL = re.compile(r"\\([0-7]{3})")


class Description:
    """One jail and its parameters. `name` is None for a jail described on the command line:
    jail(8)'s messages do not name it."""

    def __init__(self, run: Run, name: str | None, params: list[Param]) -> None:
        self.run = run
        self.name = name
        self.params = list(params)
        if name is not None:
            self.params.insert(0, Param("jid" if name.isdigit() else "name", [name]))
        for param in params:
            plain = conf.positive(param.name)
            if plain in parameters.INTERNAL and plain not in parameters.SIMULATED:
                raise run.unknown(f"parameter {param.name} is not simulated")

    # ---- parameters ----

    def find(self, name: str) -> Param | None:
        return next((p for p in self.params if conf.same(p.name, name)), None)

    def string(self, name: str) -> str | None:
        param = self.find(name)
        return param.values[-1] if param is not None and param.values else None

    def true(self, name: str) -> bool:
        param = self.find(name)
        if param is None:
            return False
        last = param.values[-1].lower() if param.values else "true"
        yes = last == "true" or (last.lstrip("-").isdigit() and int(last) != 0)
        return yes != param.name.rpartition(".")[2].startswith("no")

    def note(self, text: str) -> None:
        self.run.print(f"{self.name}: {text}")

    def warn(self, text: str) -> None:
        self.run.warn(f"jail: {self.name}: {text}" if self.name is not None else f"jail: {text}")

    @property
    def subject(self) -> str:
        return self.string("jid") or self.string("name") or ""

    def unknown_params(self) -> bool:
        bad = False
        known = parameters.of(self.run.state.version).known
        for param in self.params:
            plain = conf.positive(param.name)
            if plain in parameters.INTERNAL or known(param.name) or known(plain):
                continue
            self.warn(f"unknown parameter: {param.name}")
            bad = True
        return bad

    def values(self, kind: str) -> list[str]:
        if kind in ("*ip4", "*ip6"):
            param = self.find(f"{kind[1:]}.addr")
            return [value for value in param.values if "|" in value] if param else []
        if kind.startswith("*"):
            return [""]
        if kind in _BOOLEAN:
            return [""] if self.true(kind) else []
        param = self.find(kind)
        return [value for value in param.values if value] if param is not None else []

    # ---- host commands ----

    def arguments(self, kind: str, value: str, down: bool) -> list[str] | None:
        """Return the host command of a step, or None where jail(8) refuses it."""
        path = self.string("path")
        if kind == "vnet.interface":
            return ["/sbin/ifconfig", value, "-vnet" if down else "vnet", self._vnet_name()]
        if kind in ("*ip4", "*ip6"):
            return self.alias(kind, value, down)
        if kind in _BOOLEAN:
            fstype = kind.removeprefix("mount.")
            if path is None:
                self.warn(f"{kind}: no jail root path defined")
                return None
            where = path + {"devfs": "/dev", "fdescfs": "/dev/fd", "procfs": "/proc"}[fstype]
            if not self.check_path(kind, where, fstype if down else ""):
                return None
            if down:
                return ["/sbin/umount", where]
            extra = [f"-oruleset={self.string('devfs_ruleset') or 4}"] if fstype == "devfs" else []
            return ["/sbin/mount", "-t", fstype, *extra, ".", where]
        if kind == "mount":
            parts = value.split()[:4]
            # The first two words are decoded by strunvis(3), as in fstab(5) (command.c).
            parts[:2] = [_OCTAL.sub(lambda m: chr(int(m[1], 8)), part) for part in parts[:2]]
            if len(parts) < 3:
                self.warn(f"mount: {value}: missing information")
                return None
            if not self.check_path("mount", parts[1], parts[2] if down else ""):
                return None
            if down:
                return ["/sbin/umount", "-t", parts[2], parts[1]]
            extra = ["-o", parts[3]] if len(parts) == 4 else []
            return ["/sbin/mount", "-t", parts[2], *extra, parts[0], parts[1]]
        if is_wait(value):
            return [tools.SH, "-c", value]
        if any(character in SHELL for character in value):
            raise self.run.unknown(f"{kind}: a host command for a shell is not simulated: {value}")
        return value.split()

    def _vnet_name(self) -> str:
        """Return how jail(8) names the jail to ifconfig(8): by name or, from 14 on, by number."""
        found = self.run.jail(self.subject)
        numbered = self.run.release.names_by_jid and found is not None
        return str(found.jid) if numbered and found else self.subject

    def alias(self, kind: str, value: str, down: bool) -> list[str]:
        """Return the command of jail(8) itself for an address with an interface (command.c)."""
        if " " in value:
            raise self.run.unknown("words behind an address are not simulated")
        interface, _, address = value.partition("|")
        words = ["inet6" if kind == "*ip6" else "inet", address]
        if "/" not in address:
            words += ["prefixlen", "128"] if kind == "*ip6" else ["netmask", "255.255.255.255"]
        return ["/sbin/ifconfig", interface, *words, "-alias" if down else "alias"]

    def check_path(self, kind: str, path: str, umount: str, file: bool = False) -> bool:
        """Check that the part of a path within the jail has no link, and is mounted for an
        umount."""
        root = self.string("path") or ""
        if not path.startswith("/"):
            self.warn(f"{kind}: {path}: not an absolute pathname")
            return False
        if root and path.startswith(root.rstrip("/") + "/"):
            parts = path[len(root) :].strip("/").split("/")
            for depth in range(1, len(parts) + 1):
                step = f"{root.rstrip('/')}/{'/'.join(parts[:depth])}"
                try:
                    mode = os.lstat(self.run.path(trees.lower(self.run, step))).st_mode
                except OSError as error:
                    if file and depth == len(parts) and isinstance(error, FileNotFoundError):
                        break
                    self.warn(f"{kind}: {step}: {error.strerror}")
                    return False
                if stat.S_ISLNK(mode):
                    self.warn(f"{kind}: {step} is a symbolic link")
                    return False
        if umount:
            here = [mount.kind for mount in self.run.state.mounts if mount.path == path]
            if not here:
                self.warn(f"{kind}: {path}: not a mount point")
                return False
            if here[-1] != umount:
                self.warn(f"{kind}: {path}: not a {umount} mount")
                return False
        return True
