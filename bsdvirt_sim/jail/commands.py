"""The commands inside a simulated jail: a fixed table.

No command of this machine is ever run for a jail.
"""

from __future__ import annotations

import re
import shlex
import time

from bsdvirt_sim.context import Exit, Run
from bsdvirt_sim.jail import dhcp, network, services
from bsdvirt_sim.jail.jexec import ROOT, Entry, has_directory, of_user
from bsdvirt_sim.kernel.mountflags import runs_nothing
from bsdvirt_sim.net import dad
from bsdvirt_sim.state import Jail, Process
from bsdvirt_sim.zfs import trees
from bsdvirt_sim.zfs.mount import mount_in_jail, seen_in_jail, set_in_jail, unmount_in_jail

PATH = ("/sbin/", "/bin/", "/usr/sbin/", "/usr/bin/")
_RC_ROUTES = (
    "add host 127.0.0.1: gateway lo0 fib 0: route already in table",
    "add host ::1: gateway lo0 fib 0: route already in table",
    "add net fe80::: gateway ::1",
    "add net ff02::: gateway ::1",
    "add net ::ffff:0.0.0.0: gateway ::1",
    "add net ::0.0.0.0: gateway ::1",
)
HOME_FIRST = 'cd -- "$HOME" 2>/dev/null || cd /'
"""How bsdvirt's lines for sh(1) begin."""
_EXEC = 'exec "$0" "$@"'


class ExecTimeout(Exception):  # noqa: N818
    """The command ran for longer than exec.timeout."""


class Inside:
    """Commands in a jail. `said` is their output: (whether to stderr, text).

    `strict` is for the commands of jail.conf: one that is not in the table raises. Otherwise the
    answer is that of sh(1), with status 127.
    """

    def __init__(
        self,
        run: Run,
        jail: Jail,
        *,
        strict: bool,
        limit: float = 0.0,
        title: str = "",
        entered: Entry | None = None,
    ) -> None:
        self.run = run
        self.jail = jail
        self.strict = strict
        self.limit = limit
        self.title = title
        self.said: list[tuple[bool, str]] = []
        self.entered = entered or Entry(environment=of_user(ROOT))
        self.directory = self.entered.directory
        self.commands = {
            "cat": self._cat, "cpuset": self._cpuset, "echo": self._echo, "env": self._env,
            "dhclient": lambda words: self._outcome(*dhcp.dhclient(run, jail, words)),
            "rtsol": lambda words: self._outcome(*dhcp.rtsol(run, jail, words)),
            "exit": self._exit, "false": lambda words: 1, "hostname": self._hostname,
            "id": self._id, "nc": lambda words: network.nc(run, jail, words),
            "ifconfig": self._ifconfig, "ping": self._ping, "ps": self._ps,
            "pwd": self._pwd, "route": self._route, "sh": self._sh, "sleep": self._sleep,
            "service": lambda words: self._outcome(*services.service(run, jail, words)),
            "sysrc": lambda words: self._outcome(*services.sysrc(run, jail, words)),
            "sysctl": self._sysctl, "true": lambda words: 0, "uname": self._uname,
            "zfs": self._zfs,
        }  # fmt: skip

    def say(self, text: str) -> None:
        self.said.append((False, text + "\n"))

    def error(self, text: str) -> None:
        self.said.append((True, text + "\n"))

    def execute(self, argv: list[str], shell: str = "") -> int:
        """Run an argument list and return its status. `shell` is put before sh's messages where
        a shell started it."""
        if argv[0].endswith("/ld-elf.so.1") and len(argv) > 1:
            argv = self._linked(argv)
        name = argv[0]
        plain = name
        for prefix in PATH:
            plain = plain.removeprefix(prefix) if "/" in plain else plain
        command = self.commands.get(plain) if "/" not in plain else None
        if plain == "exit" and not shell:
            command = None
        if plain == "sh" and not self._has_shell():
            command = None
        if command is not None:
            if name != "exit" and self._is_refused(name):
                return self._fail_to_run(name, "Permission denied", shell, 126)
            return command(argv[1:])
        if self.strict:
            if self.run.path(self.jail.path + "/" + name.lstrip("/")).exists() or "/" not in name:
                raise self.run.unknown(f"in the jail: {shlex.join(argv)}")
            return self._fail_to_run(name, "No such file or directory", "", 1)
        return self._fail_to_run(name, "No such file or directory", shell, 127)

    def _is_refused(self, name: str) -> bool:
        """Whether the file system that holds the program is mounted noexec."""
        place = name if name.startswith("/") else f"/bin/{name}"
        return runs_nothing(self.run, self.jail.path.rstrip("/") + place)

    def _fail_to_run(self, name: str, error: str, shell: str, status: int) -> int:
        """Print why a program cannot be run, as jail(8), sh(1) or jexec(8) does; return the
        status."""
        if self.strict and not shell:
            self.error(f"jail: {self.title}: exec {name}: {error}")
            return 1
        if shell:
            why = "not found" if status == 127 else error
            self.error(f"{shell}: {name}: {why}" if shell != "exec" else f"exec: {name}: {why}")
            return status
        self.error(f"jexec: execvp: {name}: {error}")
        return 1

    def _has_shell(self) -> bool:
        return self.run.path(f"{self.jail.path.rstrip('/')}/bin/sh").exists()

    def _linked(self, argv: list[str]) -> list[str]:
        """Run a program by rtld(1), both copied into a tmpfs of the jail."""
        place, _, tool = argv[1].rpartition("/")
        copied = self.run.state.copied.get(self.jail.path + place, [])
        if f"/sbin/{tool}" not in copied or "/libexec/ld-elf.so.1" not in copied:
            raise self.run.unknown(f"in the jail: {argv[0]} and no {tool} beside it")
        return [f"/sbin/{tool}", *argv[2:]]

    def line(self, text: str, shell: str = "sh") -> int:
        """Run a line of commands joined by ; &&

        , as a very small shell.
        """
        lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|<>()")
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:
            words = ["("]
        argv: list[str] = []
        status, wanted = 0, True
        for word in [*words, ";"]:
            if word in (";", "&&", "||"):
                if argv and wanted:
                    status = self.execute(argv, shell)
                    if argv[0] == "exit":
                        return status
                argv = []
                wanted = {";": True, "&&": status == 0, "||": status != 0}[word]
            elif set(word) <= set(";&|<>()") or "$" in word or "`" in word:
                if self.strict:
                    raise self.run.unknown(f"shell text in the jail: {text}")
                self.error(f"{shell}: the simulated shell does not know: {text}")
                return 127
            else:
                argv.append(word)
        return status

    # ---- the table ----

    def _sh(self, words: list[str]) -> int:
        if words[:1] == ["-c"] and len(words) >= 2:
            if words[1].startswith(HOME_FIRST):
                home = self.entered.environment.get("HOME", "/")
                self.directory = home if has_directory(self.run, self.jail, home) else "/"
                words = ["-c", words[1].removeprefix(HOME_FIRST).lstrip("; \n"), *words[2:]]
            if words[1] == _EXEC:
                return self.execute(words[2:], "exec") if len(words) > 2 else 0
            if dad.is_wait(words[1]) and len(words) == 2:
                return dad.wait(self.run, words[1], self._shown, self.error)
            # A hook's line is followed by its arguments: the simulated shell expands none.
            if len(words) in (2, 4):
                return self.line(words[1])
        if words == ["/etc/rc"]:
            return self._rc()
        if words == ["/etc/rc.shutdown", "jail"]:
            return self._shutdown()
        raise self.run.unknown(f"in the jail: sh {shlex.join(words)}")

    def _shown(self, argv: list[str]) -> str:
        """Return what a command prints, including its errors."""
        before, self.said = self.said, []
        self.execute(argv, "sh")
        printed, self.said = self.said, before
        self.said += [said for said in printed if said[0]]
        return "".join(text for error, text in printed if not error)

    def _rc(self) -> int:
        """Print what a jail's /etc/rc printed on the captured host; with vnet, its network too."""
        self.say("ELF ldconfig path: /lib /usr/lib /usr/lib/compat")
        self.say("32-bit compatibility ldconfig path:")
        if self.jail.lo0 is not None:
            network.loopback_up(self.jail)
            faces = network.faces(self.run, self.jail)
            self.say(f"Starting Network: {' '.join(face.name for face in faces)}.")
            for line in network.shown(self.run, faces):
                self.say(line)
            for line in _RC_ROUTES:
                if self.run.release.rc_repeats_routes and line.endswith("already in table"):
                    self.error("route: message indicates error: File exists")
                self.say(line)
        for line in self.run.release.rc_order:
            self.say(line)
        for name, argv in (("syslogd", "/usr/sbin/syslogd -s"), ("cron", "/usr/sbin/cron -s")):
            self.say(f"Starting {name}.")
            self.run.state.last_pid += 1
            self.jail.processes.append(Process(self.run.state.last_pid, argv))
        self.say("")
        self.say(time.strftime("%a %b %e %H:%M:%S UTC %Y", time.gmtime(self.run.now())))
        return 0

    def _shutdown(self) -> int:
        if any(process.args.startswith("/usr/sbin/cron") for process in self.jail.processes):
            self.say("Stopping cron.")
            self.error("Terminated")
        self.jail.processes.clear()
        self.say(".")
        return 0

    def _sleep(self, words: list[str]) -> int:
        seconds = float(words[0])
        if self.limit and seconds >= self.limit:
            self.run.sleep(self.limit)
            raise ExecTimeout
        self.run.sleep(seconds)
        return 0

    def _exit(self, words: list[str]) -> int:
        return int(words[0]) if words else 0

    def _echo(self, words: list[str]) -> int:
        self.say(" ".join(words))
        return 0

    def _hostname(self, words: list[str]) -> int:
        self.say(self.jail.params.get("host.hostname", ""))
        return 0

    def _pwd(self, words: list[str]) -> int:
        self.say(self.directory)
        return 0

    def _id(self, words: list[str]) -> int:
        user = self.entered.user
        if words == ["-un"]:
            self.say(user.name)
        elif words:
            raise self.run.unknown(f"in the jail: id {shlex.join(words)}")
        elif user.uid == 0:
            self.say("uid=0(root) gid=0(wheel) groups=0(wheel),5(operator)")
        else:
            group = f"{user.gid}({user.name})"
            self.say(f"uid={user.uid}({user.name}) gid={group} groups={group}")
        return 0

    def _env(self, words: list[str]) -> int:
        if words:
            raise self.run.unknown("env with words")
        for name, value in self.entered.environment.items():
            self.say(f"{name}={value}")
        return 0

    def _uname(self, words: list[str]) -> int:
        state = self.run.state
        parts = {
            "s": "FreeBSD",
            "n": self.jail.params.get("host.hostname", ""),
            "r": self.jail.params.get("osrelease", state.release),
            "m": "amd64",
        }
        letters = "".join(word.lstrip("-") for word in words) or "s"
        if not set(letters) <= parts.keys():
            raise self.run.unknown(f"uname {' '.join(words)}")
        self.say(" ".join(parts[letter] for letter in "snrm" if letter in letters))
        return 0

    def _cat(self, words: list[str]) -> int:
        status = 0
        for word in words:
            path = word if word.startswith("/") else f"{self.directory.rstrip('/')}/{word}"
            place = trees.lower(self.run, self.jail.path.rstrip("/") + path)
            text = self.run.fs.read_beneath(*self._split_root(place))
            if text is None:
                self.error(f"cat: {word}: No such file or directory")
                status = 1
            else:
                self.said.append((False, text))
        return status

    def _split_root(self, place: str) -> tuple[str, str]:
        """Return the jail's root (or the host's, where the file is outside), and the rest of
        the path."""
        root = self.jail.path.rstrip("/") + "/"
        inside = place.startswith(root)
        return (root, place[len(root) :]) if inside else ("/", place[1:])

    def _ps(self, words: list[str]) -> int:
        self.say(" PID TT  STAT    TIME COMMAND")
        for process in self.jail.processes:
            self.say(f"{process.pid:4}  -  SsJ  0:00.01 {process.args}")
        return 0

    def _sysctl(self, words: list[str]) -> int:
        if words == ["-n", "security.jail.env"]:
            if not self.run.release.netlink:
                self.error("sysctl: unknown oid 'security.jail.env'")
                return 1
            self.say(self.jail.params.get("env", ""))
            return 0
        if words != ["-n", "hw.ncpu"]:
            raise self.run.unknown(f"in the jail: sysctl {' '.join(words)}")
        self.say(str(self.run.state.cpus))
        return 0

    def _cpuset(self, words: list[str]) -> int:
        if words != ["-g"]:
            raise self.run.unknown(f"in the jail: cpuset {' '.join(words)}")
        mask = self.jail.mask or list(range(self.run.state.cpus))
        self.say(f"pid -1 mask: {', '.join(map(str, mask))}")
        self.say("pid -1 domain policy: first-touch mask: 0")
        return 0

    def _zfs(self, words: list[str]) -> int:
        match words:
            case ["mount", "-a"]:
                mount_in_jail(self.run, self.jail)
                return 0
            case ["set", pair, name] if pair.startswith("mountpoint="):
                set_in_jail(self.run, self.jail, name, pair.partition("=")[2])
                return 0
            case ["list", "-H", "-o", "name,mountpoint,mounted"]:
                for name, mountpoint, mounted in seen_in_jail(self.run, self.jail):
                    self.say(f"{name}\t{mountpoint}\t{'yes' if mounted else 'no'}")
                return 0
            case ["umount", "-a"]:
                hidden = unmount_in_jail(self.run, self.jail)
                # The jail cannot open the dataset that its own root is.
                if hidden:
                    self.error(f"cannot open '{hidden}': dataset does not exist")
                return 1 if hidden else 0
        raise self.run.unknown(f"in the jail: zfs {' '.join(words)}")

    # ---- network ----

    def _ifconfig(self, words: list[str]) -> int:
        if not words:
            for line in network.shown(self.run, network.faces(self.run, self.jail)):
                self.say(line)
            return 0
        return self._outcome(*network.configure(self.run, self.jail, words))

    def _route(self, words: list[str]) -> int:
        return self._outcome(*network.route(self.run, self.jail, words))

    def _ping(self, words: list[str]) -> int:
        rest = [word for word in words if not re.fullmatch(r"-c1|-t\d+", word)]
        if "-c1" not in words or len(rest) != 1:
            raise self.run.unknown(f"in the jail: ping {' '.join(words)}")
        return self._outcome(*network.ping(self.run, self.jail, rest[0]))

    def _outcome(self, status: int, out: str, err: str) -> int:
        if out:
            self.said.append((False, out))
        if err:
            self.said.append((True, err))
        return status


__all__ = ["Exit", "Inside", "ExecTimeout"]
