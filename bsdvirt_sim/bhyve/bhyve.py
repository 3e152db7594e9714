"""Simulated bhyve(8): a process of its own that runs until the guest ends.

It reads the configuration file it is given, and fails on errors in it as the real one does. At the
end it writes its wait(2) status to /var/run/ended.PID, which stands for what NOTE_EXIT reports to a
supervisor that is not its parent.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from bsdvirt_sim.bhyve import messages
from bsdvirt_sim.bhyve.config import (
    BadConfig,
    Config,
    check_devices,
    check_tables,
    helper_sockets,
    open_tpm,
)
from bsdvirt_sim.bhyve.guest import POWER_OFF, RESET, GuestEnds, System
from bsdvirt_sim.bhyve.nmdm import Terminal
from bsdvirt_sim.bhyve.vmm import NMI, POWEROFF, bhyve, create, forget
from bsdvirt_sim.bhyve.vmm import RESET as RESET_SIGNAL
from bsdvirt_sim.context import Exit, Machine, Run
from bsdvirt_sim.kernel import accounting
from bsdvirt_sim.kernel.cpuset import mask_of
from bsdvirt_sim.kernel.processes import mask_of_process
from bsdvirt_sim.state import Guest

NO_COMPILER = """\
/bin/sh: /usr/sbin/iasl: not found
bhyve: BASL failed @ build_dsdt:484
    Failed to execute basl_compile(ctx, basl_fwrite_dsdt): Unknown error: 32512
bhyve: BASL failed @ acpi_build:899
    Failed to execute build_dsdt(ctx): Unknown error: 32512
Assertion failed: (error == 0), function bhyve_init_platform_late, file \
/usr/src/usr.sbin/bhyve/amd64/bhyverun_machdep.c, line 390."""
"""What a real bhyve of 15.1 said where base's iasl(8) was missing."""


def main(host: Machine, argv: Sequence[str]) -> int:
    """Run bhyve and return its exit status, where the guest does not start."""
    process = Process(host, argv)
    with host.change() as state:
        run = Run(argv, state, host.directory, changes=None, limit=60.0)
        try:
            status = process.prepare(run)
        except Exit as end:
            status = end.status
        except BadConfig as bad:
            run.warn(bad.text)
            status = bad.status
    sys.stdout.write("".join(run.out))
    sys.stderr.write("".join(run.err))
    if status is not None:
        return status
    sys.stdout.flush()
    sys.stderr.flush()
    process.begin()
    return process.live()


class Process:
    """One run of a guest."""

    def __init__(self, host: Machine, argv: Sequence[str]) -> None:
        self.host = host
        self.words = list(argv[1:])
        self.name = self.words[-1] if self.words else ""
        self.config = Config()
        self.taps: list[str] = []
        self.guest = Guest()
        self.listens: list[socket.socket] = []
        self.tpm: socket.socket | None = None
        self.wake, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told)
        for number in (POWEROFF, RESET_SIGNAL, NMI):
            signal.signal(number, lambda *_: None)

    def prepare(self, run: Run) -> int | None:
        """Do all that bhyve does before the guest runs. Return its status where that ends it."""
        if self.words in (["-h"], ["-s", "help"], ["-l", "help"]):
            return bhyve(run, self.words)
        config = self.config = Config.of_words(run, self.words)
        if config.get("config.dump") == "1":
            run.out.append(config.dump())
            return 1
        words = messages.of(run)
        config.check_topology()
        if not words.plain_bootrom:
            config.check_cpus(run)
        memory = config.memory()
        vmm = run.state.vmms.get(self.name)
        rom = bool(config.rom(run))
        if vmm is None:
            if not rom and words.plain_bootrom:
                raise BadConfig(words.not_booted)
            vmm = create(run, self.name)
            if not rom:
                raise BadConfig(words.not_booted)
        elif vmm.pid:
            raise BadConfig(words.busy)
        elif not rom and not vmm.loaded:
            raise run.unknown("a guest whose memory no loader has filled")
        if words.plain_bootrom:
            config.check_cpus(run)
        self.taps, self.listens = check_devices(run, config)
        check_tables(config)
        self.tpm = open_tpm(run, config)
        for name in self.taps:
            face = run.interface(name)
            assert face is not None
            face.opened, face.up = os.getpid(), True
        vmm.forwards = helper_sockets(run, config)
        vmm.pid, vmm.memory, vmm.suspended = os.getpid(), memory, 0
        vmm.started = accounting.clock(run.state)
        vmm.cpus, vmm.sockets = config.number("cpus"), config.number("sockets")
        vmm.cores, vmm.threads = config.number("cores"), config.number("threads")
        vmm.wired = config.get("memory.wired") == "true"
        if os.getpid() not in run.state.masks:
            run.state.masks[os.getpid()] = mask_of_process(run.state, os.getppid())
        pins = {n: config.get(f"vcpu.{n}.cpuset") for n in range(vmm.cpus)}
        vmm.pins = {n: mask_of(run, text) for n, text in pins.items() if text}
        self.guest = run.state.guests.get(self.name, Guest())
        self.terminal = Terminal(self.host.directory / "root", config.get("lpc.com1.path"))
        return None

    def begin(self) -> None:
        """Make what takes a moment, and take the guest's name as the title (bhyverun.c)."""
        time.sleep(self.guest.begins)
        compiles = self.config.get("acpi_tables") == "true"
        if compiles and not self.host.fs.exists("/usr/sbin/iasl"):
            print(NO_COMPILER, file=sys.stderr, flush=True)
            self._end(GuestEnds(-signal.SIGABRT, by_guest=False))
        with contextlib.suppress(OSError), open("/proc/self/comm", "w") as title:
            title.write(f"bhyve: {self.name}")

    def live(self) -> NoReturn:
        """Boot the guest and let it run until it ends."""
        self.system = System(self.name, self.terminal.write, lambda: time.sleep(self.guest.off))
        self.system.tpm = self._measure
        try:
            self._boot()
            while True:
                self._wait(None)
        except GuestEnds as end:
            self._end(end)

    def _boot(self) -> None:
        lines = self.system.boot_lines(self.config.number("cpus"), self.config.memory())
        for line in lines:
            self.terminal.write(line)
            deadline = time.monotonic() + self.guest.boot / len(lines)
            while (left := deadline - time.monotonic()) > 0:
                self._wait(left, booted=False)
        # ACPI is enabled: from here SIGTERM is the power button.
        signal.signal(signal.SIGTERM, lambda *_: None)
        self.system.greet()
        if self.guest.ends is not None:
            raise GuestEnds(self.guest.ends)

    def _wait(self, timeout: float | None, booted: bool = True) -> None:
        ready, _, _ = select.select([self.wake, self.terminal.fd], [], [], timeout)
        if self.wake in ready:
            for number in os.read(self.wake, 64):
                self._signalled(number)
        if self.terminal.fd in ready:
            data = self.terminal.read()
            if booted:
                self.system.type(data)

    def _measure(self) -> str:
        """Extend the TPM's measurements once, and return how often that was done since its start.
        A command that finds no TPM in software ends bhyve (tpm_swtpm_execute_cmd of 15.1)."""
        if self.tpm is None:
            return "no TPM"
        try:
            self.tpm.send(b"extend", socket.MSG_NOSIGNAL)
            return self.tpm.recv(64).decode()
        except OSError as error:
            said = "tpm_swtpm_execute_cmd: cmd send failed, is swtpm running?"
            raise GuestEnds(1, by_guest=False, said=f"{said}: {error.strerror}") from None

    def _signalled(self, number: int) -> None:
        if number == POWEROFF:
            raise GuestEnds(POWER_OFF)
        if number == RESET_SIGNAL:
            raise GuestEnds(RESET)
        if number == NMI:
            self.terminal.write("\r\nNMI received\r\n")
        if number == signal.SIGTERM and self.guest.acpi:
            self.terminal.write("\r\nthe power button was pressed\r\n")
            self.system.power_off()

    def _end(self, end: GuestEnds) -> NoReturn:
        """End with that exit code, or by that signal; the vmm device stays."""
        code = end.code
        if end.said:
            print(f"bhyve: {end.said}", file=sys.stderr, flush=True)
        self.terminal.close()
        with self.host.change() as state:
            for face in state.interfaces.values():
                if face.opened == os.getpid():
                    face.opened, face.up = 0, False
            vmm = state.vmms.get(self.name)
            if vmm is not None and vmm.pid == os.getpid():
                vmm.pid, vmm.loaded = 0, False
                vmm.suspended = vmm.cpus if end.by_guest else 0
                if end.destroys:
                    run = Run(self.words, state, self.host.directory, changes=None, limit=60.0)
                    forget(run, self.name)
        status = code << 8 if code >= 0 else -code
        with contextlib.suppress(OSError):
            self.host.fs.write(f"/var/run/ended.{os.getpid()}", str(status))
        if code < 0:
            signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        os._exit(code)
