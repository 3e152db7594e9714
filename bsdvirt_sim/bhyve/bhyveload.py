"""Simulated bhyveload(8): FreeBSD's loader on the guest's console.

With nothing to boot it stays at its prompt, as the real one does.
"""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Sequence

from bsdvirt_sim.bhyve.config import exists
from bsdvirt_sim.bhyve.nmdm import Terminal
from bsdvirt_sim.bhyve.vmm import create
from bsdvirt_sim.context import Exit, Machine, Run, options
from bsdvirt_sim.state import Guest

_USAGE, _LOAD = 64, 0.05


def main(host: Machine, argv: Sequence[str]) -> int:
    """Run the loader and return its exit status."""
    with host.change() as state:
        run = Run(argv, state, host.directory, changes=None, limit=60.0)
        try:
            loader = _prepare(run, host)
        except Exit as end:
            sys.stderr.write("".join(run.err))
            return end.status
    return loader.act()


def _prepare(run: Run, host: Machine) -> Loader:
    found, rest = options(run, list(run.argv[1:]), "CS", "cdehlm")
    if len(rest) != 1 or "c" not in found:
        raise run.unknown("bsdvirt names the guest and its console")
    name, disks = rest[0], found.get("d", [])
    for disk in disks:
        if not exists(run, disk):
            raise run.fail(f"bhyveload: Could not open '{disk}'", _USAGE)
    vmm = run.state.vmms.get(name)
    if vmm is not None and vmm.pid:
        raise run.fail("vm_reinit: Device busy")
    vmm = vmm or create(run, name)
    vmm.loaded = False
    how = run.state.guests.get(name, Guest()).loader
    if not how:
        how = "boot" if any(_bootable(run, disk) for disk in disks) else "menu"
    return Loader(host, name, Terminal(host.directory / "root", found["c"][0]), how)


def _bootable(run: Run, path: str) -> bool:
    """Whether anything was ever written to the disk: an empty disk has no loader files."""
    if run.fs.is_file(path):
        with open(run.path(path), "rb") as stream:
            return any(stream.read(1 << 16))
    dataset = run.dataset(path.removeprefix("/dev/zvol/"))
    return dataset is not None and bool(dataset.origin)


class Loader:
    """The loader running on the console."""

    def __init__(self, host: Machine, name: str, terminal: Terminal, how: str) -> None:
        self.host = host
        self.name = name
        self.terminal = terminal
        self.how = how

    def act(self) -> int:
        self.terminal.write(
            "Consoles: userboot\r\n\r\nFreeBSD/amd64 User boot lua, Revision 1.2\r\n"
        )
        if self.how == "fail":
            self.terminal.close()
            print("vm_setup_memory: Cannot allocate memory", file=sys.stderr)
            return 1
        if self.how == "menu" and not self._prompt():
            self.terminal.close()
            return 1
        self.terminal.write("Loading kernel...\r\n")
        time.sleep(_LOAD)
        self.terminal.close()
        with self.host.change() as state:
            state.vmms[self.name].loaded = True
        return 0

    def _prompt(self) -> bool:
        """Wait at the prompt for input, with nothing to boot. Return whether it was `boot`."""
        self.terminal.write("can't find 'kernel'\r\nOK ")
        typed = ""
        while True:
            select.select([self.terminal.fd], [], [])
            for letter in self.terminal.read().decode("utf-8", "replace"):
                self.terminal.write("\r\n" if letter == "\r" else letter)
                if letter not in "\r\n":
                    typed += letter
                    continue
                if typed in ("boot", "quit"):
                    return typed == "boot"
                typed = ""
                self.terminal.write("OK ")
