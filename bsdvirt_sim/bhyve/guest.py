"""The system in a simulated virtual machine: boot, login, and a shell with a few commands."""

from __future__ import annotations

import shlex
from collections.abc import Callable

RESET, POWER_OFF, HALT, TRIPLE_FAULT = 0, 1, 2, 3
"""Exit codes of bhyve(8) for what a guest can do itself."""


class GuestEnds(Exception):  # noqa: N818
    """The guest has ended, and bhyve with it, with `code`. Where the guest caused it, vmm(4)
    has suspended its CPUs. `said`: the last message of bhyve. `destroys`: bhyve destroys its
    device first, as at a suspend to a file."""

    def __init__(
        self, code: int, *, by_guest: bool = True, said: str = "", destroys: bool = False
    ) -> None:
        super().__init__(code)
        self.code = code
        self.by_guest = by_guest
        self.said = said
        self.destroys = destroys


class System:
    """The system that runs in the guest once it has booted. `say` prints on its console."""

    def __init__(self, name: str, say: Callable[[str], None], wait: Callable[[], None]) -> None:
        self.name = name
        self.say = say
        self.wait = wait
        self.typed = ""
        self.user = ""
        self.tpm: Callable[[], str] = str

    def boot_lines(self, cpus: int, memory: int) -> list[str]:
        return [
            f"simulated kernel: {cpus} CPUs, {memory >> 20} MB of memory\r\n",
            "mounting the root filesystem\r\n",
            f"setting the host name: {self.name}\r\n",
            "starting devd sshd cron\r\n",
        ]

    def greet(self) -> None:
        self.user = ""
        self.say(f"\r\nFreeBSD/amd64 ({self.name}) (ttyu0)\r\n\r\nlogin: ")

    def type(self, data: bytes) -> None:
        """Handle console input, with the terminal's own echo."""
        for letter in data.decode("utf-8", "replace"):
            if letter in "\r\n":
                self.say("\r\n")
                line, self.typed = self.typed, ""
                self._line(line.strip())
            elif letter in "\x7f\b":
                if self.typed:
                    self.typed = self.typed[:-1]
                    self.say("\b \b")
            elif letter == "\x04" and not self.typed and self.user:
                self.greet()
            elif letter.isprintable():
                self.typed += letter
                self.say(letter)

    def _line(self, line: str) -> None:
        if not self.user:
            if line:
                self.user = line
                self._prompt()
            else:
                self.say("login: ")
            return
        try:
            words = shlex.split(line)
        except ValueError:
            words = [line]
        if words == ["exit"] or words == ["logout"]:
            self.greet()
            return
        if words:
            self._command(words)
        self._prompt()

    def _prompt(self) -> None:
        self.say(f"{self.user}@{self.name}:~ # ")

    def _command(self, words: list[str]) -> None:
        match words:
            case ["hostname"]:
                self.say(f"{self.name}\r\n")
            case ["echo", *rest]:
                self.say(" ".join(rest) + "\r\n")
            case ["uname"]:
                self.say("FreeBSD\r\n")
            case ["flood", count]:
                for number in range(int(count)):
                    self.say(f"{number:07d} {'x' * 54}\r\n")
            case ["tpm"]:
                self.say(f"{self.tpm()}\r\n")
            case ["poweroff"] | ["shutdown", "-p", "now"]:
                self.power_off()
            case ["halt"] | ["shutdown", "-h", "now"]:
                self._down("halting", HALT)
            case ["reboot"] | ["shutdown", "-r", "now"]:
                self._down("rebooting", RESET)
            case ["panic"]:
                self.say("panic: asked for\r\n")
                raise GuestEnds(TRIPLE_FAULT)
            case ["exit", code, *words]:
                raise GuestEnds(int(code), by_guest=False, said=" ".join(words))
            case ["suspend", code]:
                raise GuestEnds(int(code), by_guest=False, destroys=True)
            case _:
                self.say(f"sh: {words[0]}: not found\r\n")

    def power_off(self) -> None:
        """Shut down, as ACPI's power button does too."""
        self._down("powering off", POWER_OFF)

    def _down(self, how: str, code: int) -> None:
        self.say("\r\nstopping cron sshd devd\r\n")
        self.wait()
        self.say(f"all buffers synced; {how}\r\n")
        raise GuestEnds(code)
