"""jail(8): create, remove and change jails, with its order of commands and of undoing them."""

from __future__ import annotations

import contextlib
import os
import signal

from bsdvirt_sim.commands import run_nested
from bsdvirt_sim.context import Exit, Run, options
from bsdvirt_sim.jail import conf, parameters
from bsdvirt_sim.jail.commands import ExecTimeout, Inside
from bsdvirt_sim.jail.conf import Param
from bsdvirt_sim.jail.description import SHELL, Description
from bsdvirt_sim.jail.jexec import ROOT, Entry, User, has_directory, of_user, users
from bsdvirt_sim.net.ifconfig import move
from bsdvirt_sim.net.interfaces import loopback
from bsdvirt_sim.state import Jail
from bsdvirt_sim.zfs import trees

_START = (
    "exec.prepare", "*ip4", "*ip6", "mount", "mount.devfs", "mount.fdescfs", "mount.procfs",
    "exec.prestart", "*op", "exec.created", "vnet.interface", "exec.start", "exec.poststart",
)  # fmt: skip
_STOP = (
    "exec.prestop", "exec.stop", "*term", "*op", "exec.poststop", "mount.procfs",
    "mount.fdescfs", "mount.devfs", "mount", "*ip6", "*ip4", "exec.release",
)  # fmt: skip


def jail(run: Run, words: list[str]) -> int:
    """Run jail(8)."""
    run.changes()
    flags, rest = options(run, words, "crRm", "f")
    operation = "".join(sorted(flags.keys() - {"f"}))
    if operation == "c" and rest and (len(rest) > 1 or "=" in rest[0]) and "f" not in flags:
        run.only_wide("bsdvirt creates jails from a file")
        return _Operation(run, None, _from_words(rest)).start()
    if operation == "m" and "f" not in flags and rest and rest[0].startswith("name="):
        return _Operation(run, None, _from_words(rest)).update()
    if len(rest) != 1:
        raise run.unknown()
    name = rest[0]
    if operation == "c" and "f" in flags:
        file = flags["f"][-1]
        config = _load(run, file)
        if config is None:
            raise run.fail(f"jail: {file}: No such file or directory")
        if name not in config:
            raise run.fail(f'jail: "{name}" not found')
        return _Operation(run, name, config[name]).start()
    if operation == "r" and "f" in flags:
        config = _load(run, flags["f"][-1])
        # Without the file, jail(8) removes the jail all the same, and prints nothing.
        params = (config or {}).get(name, [])
        return _Operation(run, name, params).stop(note=config is not None)
    if operation == "R" and "f" not in flags:
        return _Operation(run, name, []).stop(note=False)
    if operation == "r":
        return _Operation(run, name, []).stop(note=False)
    raise run.unknown()


def _load(run: Run, file: str) -> dict[str, list[Param]] | None:
    try:
        text = run.path(file).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        return conf.parse(text, file)
    except conf.BadConfig as error:
        raise run.fail("\n".join(error.lines)) from None
    except conf.NotSimulated as error:
        raise run.unknown(f"{file}: {error}") from None


def _from_words(words: list[str]) -> list[Param]:
    params = []
    for word in words:
        name, sign, value = word.partition("=")
        params.append(Param(name, [value] if sign else [], append=True))
    return conf.merge(params)


class _Operation(Description):
    """One call of jail(8) for one jail."""

    # ---- start ----

    def start(self) -> int:
        if self.unknown_params():
            return 1
        if self.run.jail(self.subject) is not None:
            self.run.warn(f'jail: "{self.name or self.subject}" already exists')
            return 1
        done: list[tuple[str, str]] = []
        for kind in _START:
            for value in self.values(kind):
                if not self.perform(kind, value, down=False):
                    self.unwind(done)
                    return 1
                done.append((kind, value))
        created = self.run.jail(self.subject)
        if created is not None and not self.true("persist") and not created.processes:
            # Nothing keeps it: the kernel removes it.
            self.remove(created)
        return 0

    def unwind(self, done: list[tuple[str, str]]) -> None:
        """Undo a start, last step first; the user's commands are not run for it."""
        for kind, value in reversed(done):
            if not kind.startswith("exec."):
                self.perform(kind, value, down=True)

    # ---- stop ----

    def stop(self, note: bool) -> int:
        run = self.run
        running = run.jail(self.subject)
        if running is None:
            described = len(self.params) > 1
            if not described and run.jail(self.subject, dying=True) is not None:
                # Found by name only, a dying jail is removed once more, without effect.
                return 0
            run.warn(f'jail: "{self.subject}" not found')
            return 1
        status = 0
        for kind in _STOP:
            values = self.values(kind)
            if kind == "mount":
                values.reverse()
            for value in values:
                if kind == "*op":
                    self.remove(running)
                    if note:
                        self.note("removed")
                elif kind == "*term":
                    end_processes(running, signal.SIGTERM)
                elif not self.perform(kind, value, down=True):
                    status = 1
                    if running.jid in run.state.jails and not running.dying:
                        # A command that fails before the removal keeps the jail.
                        return 1
        return status

    def remove(self, victim: Jail) -> None:
        """Remove a jail as the kernel does: processes end, interfaces return, the jail goes."""
        run = self.run
        end_processes(victim, signal.SIGKILL)
        if victim.name in run.state.linger:
            victim.dying = True
            return
        forget(run, victim)

    # ---- one command ----

    def perform(self, kind: str, value: str, *, down: bool) -> bool:
        """Run one command, jail(8)'s own or the user's; return whether it succeeded."""
        run = self.run
        if kind == "*op":
            if not down:
                return self.create()
            victim = run.jail(self.subject)
            if victim is not None:
                self.remove(victim)
            if self.name is not None:
                self.note("removed")
            return True
        if kind in ("exec.start", "exec.stop"):
            self._set_below(kind)
            return self.inside(value)
        argv = self.arguments(kind, value, down)
        if argv is None:
            return False
        inner = run_nested(run, argv)
        run.out.extend(inner.out)
        run.err.extend(inner.err)
        if inner.status:
            self.warn(f"{' '.join(argv)}: failed")
        return inner.status == 0

    def _set_below(self, kind: str) -> None:
        """Note the cpuset of what exec.start runs. Its commands have one each, all alike."""
        jail = self.run.jail(self.subject)
        if kind == "exec.start" and jail is not None and self.run.release.sets_below:
            jail.below = list(jail.mask or range(self.run.state.cpus))

    # ---- the jail itself ----

    def create(self) -> bool:
        run, state = self.run, self.run.state
        path = self.string("path")
        if path is None:
            raise run.unknown("a jail without a path")
        if self.name is not None and not path.startswith("/"):
            self.warn(f"path {path}: not an absolute pathname")
            return False
        real = run.path(path)
        if not real.exists():
            self.warn(f"path {path}: No such file or directory")
            return False
        if not real.is_dir():
            self.warn(f"path {path}: Not a directory")
            return False
        vnet = self.find("vnet") is not None and self.string("vnet") in (None, "new")
        addresses = [self.find(kind) for kind in ("ip4.addr", "ip6.addr")]
        if vnet and any(addresses):
            self.warn("vnet jails cannot have IP address restrictions")
            return False
        jid = self.string("jid")
        name = self.string("name") or jid or ""
        if name.isdigit():
            # A name of digits only is taken as the number.
            jid = name
        if "." in name:
            self.warn(f'jail "{name.rpartition(".")[0]}" not found')
            return False
        if jid:
            number = int(jid)
            if number in state.jails:
                raise run.unknown("a fixed number of a dying jail is not simulated")
        else:
            state.last_jid += 1
            while state.last_jid in state.jails:
                state.last_jid += 1
            number = state.last_jid
        state.last_cpuset += 1
        # The kernel keeps the path without links, dots and repeated slashes
        # (vn_path_to_global_path in kern_jail_set).
        path = trees.resolve(run, path)
        made = Jail(number, name, path, state.last_cpuset, started=run.now())
        self.set_params(made)
        if vnet:
            made.params["vnet"] = "new"
            made.lo0 = loopback(self._loopback_index())
            # The loopback interface of a new network stack is down, without addresses.
            made.lo0.up, made.lo0.addresses = False, []
        for param, kept in zip(addresses, (made.ip4, made.ip6), strict=True):
            if param is not None:
                kept.extend(word for value in param.values for word in bare(value).split(","))
        state.jails[number] = made
        if self.name is not None:
            self.note("created")
        return True

    def _loopback_index(self) -> int:
        """Return the index of a new stack's lo0: the first of its own, or the next of all."""
        if not self.run.release.one_row_of_indices:
            return 1
        self.run.state.last_index += 1
        return self.run.state.last_index

    def set_params(self, target: Jail) -> None:
        for param in self.params:
            plain = conf.positive(param.name)
            if plain in parameters.INTERNAL or param.name in ("jid", "name", "path", "vnet"):
                continue
            if param.name in parameters.ADDRESSES:
                continue
            if parameters.of(self.run.state.version).is_boolean(plain):
                target.params[plain] = str(self.true(param.name)).lower()
            elif key := parameters.of(self.run.state.version).key_of(param.name):
                # The text is kept in one piece (kern_jailmeta.c).
                if not param.values:
                    raise self.run.unknown(f"{param.name}: a key that is removed")
                name = param.name.partition(".")[0]
                old = [
                    line
                    for line in target.params.get(name, "").split("\n")
                    if line and not line.startswith(f"{key}=")
                ]
                target.params[name] = "\n".join([f"{key}={param.values[-1]}", *old])
            elif not param.values:
                if param.name not in parameters.SYSTEMS:
                    raise self.run.unknown(f"parameter {param.name} without a value")
                target.params[param.name] = "new"
            else:
                target.params[param.name] = param.values[-1]

    def update(self) -> int:
        """Run jail -m: parameters that cannot change while a jail runs are ignored or refused."""
        if self.unknown_params():
            return 1
        target = self.run.jail(self.subject)
        if target is None:
            self.run.warn(f'jail: "{self.subject}" not found')
            return 1
        path = self.string("path")
        if path is not None and path != target.path:
            self.warn("path cannot be changed after creation")
            return 1
        if any(
            self.find(name)
            for name in (*parameters.ADDRESSES, "ip4", "ip6", "osrelease", "osreldate")
        ):
            raise self.run.unknown("a change of that parameter is not simulated")
        # vnet=new is accepted and changes nothing.
        self.set_params(target)
        return 0

    def entered(self, jail_: Jail) -> Entry | None:
        """Return who runs a command of jail.conf in the jail, and where (run_command in
        command.c); None where jail(8) fails."""
        if not self.true("exec.clean"):
            return Entry()
        user: User | None = ROOT
        if not self.true("exec.system_jail_user"):
            known = users(self.run, jail_).values()
            user = next((found for found in known if found.uid == 0), None)
        if user is None:
            self.warn("unknown uid 0")
            return None
        if self.run.release.goes_home and not has_directory(self.run, jail_, user.home):
            self.warn(f"chdir {user.home}: No such file or directory")
            return None
        directory = user.home if self.run.release.goes_home else "/"
        return Entry(user, directory, of_user(user))

    def inside(self, line: str) -> bool:
        """Run a command in the jail, its output to the console log where there is one."""
        run = self.run
        jail_ = run.jail(self.subject)
        assert jail_ is not None
        log = self.string("exec.consolelog")
        if log is not None:
            if not self.check_path("exec.consolelog", log, "", file=True):
                return False
            try:
                run.fs.append(log, "")
            except OSError as error:
                self.warn(f"open {log}: {error.strerror}")
                return False
        limit = int(self.string("exec.timeout") or "0")
        entered = self.entered(jail_)
        if entered is None:
            return False
        argv = ["/bin/sh", "-c", line] if any(c in SHELL for c in line) else line.split()
        inside = Inside(
            run, jail_, strict=True, limit=float(limit), title=self.name or "", entered=entered
        )
        timed_out, status = False, 0
        try:
            status = inside.execute(argv)
        except ExecTimeout:
            timed_out = True
        if log is not None:
            run.fs.append(log, "".join(text for _, text in inside.said))
        else:
            for error_, text in inside.said:
                (run.err if error_ else run.out).append(text)
        if timed_out:
            self.warn(f"{' '.join(argv)}: timed out")
        elif status:
            self.warn(f"{' '.join(argv)}: failed")
        return not timed_out and status == 0


def bare(value: str) -> str:
    """Return the values of ip4.addr that the kernel gets: no interface, prefix or further words."""
    return value.rpartition("|")[2].split("/")[0].split(" ")[0]


def end_processes(victim: Jail, number: int) -> None:
    """End all processes of a jail, real ones by a signal."""
    for process in victim.processes:
        if process.real:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
    victim.processes.clear()


def forget(run: Run, victim: Jail) -> None:
    """Remove the jail itself: its interfaces return to the host."""
    state = run.state
    for face in [face for face in state.interfaces.values() if face.jail == victim.jid]:
        if run.interface(face.name) is not None:
            raise run.unknown("an interface returns to a host that has one of its name")
        move(run, face, 0)
    for dataset in state.datasets.values():
        if dataset.jail == victim.jid:
            dataset.jail = 0
    state.jails.pop(victim.jid, None)


__all__ = ["Exit", "forget", "jail"]
