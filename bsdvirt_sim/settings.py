"""What tests and the demo may set on a simulated host, beside its commands."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TypedDict, Unpack

from bsdvirt_sim import initial
from bsdvirt_sim.bhyve import vmm
from bsdvirt_sim.context import Machine, Run
from bsdvirt_sim.durability import SyncRecord
from bsdvirt_sim.kernel import accounting, devctl, processes
from bsdvirt_sim.kernel.topology import install
from bsdvirt_sim.net import pf, service
from bsdvirt_sim.net.interfaces import loopback
from bsdvirt_sim.releases import RELEASES, Release
from bsdvirt_sim.state import Dataset, Guest, Host, Interface, Jail, Load, Mount, Pool
from bsdvirt_sim.tools import sysrc
from bsdvirt_sim.zfs import trees, volumes
from bsdvirt_sim.zfs.datasets import EMPTY


class Behaviour(TypedDict, total=False):
    """The fields of state.Guest as keywords."""

    boot: float
    acpi: bool
    off: float
    ends: int | None
    loader: str
    begins: float


class Use(TypedDict, total=False):
    """The fields of state.Load that tests set, as keywords."""

    cpu: float
    memory: int
    received: float
    sent: float
    read: float
    written: float


class Settings:
    """Settings of one simulated host; all are kept in its state."""

    def __init__(self, host: Machine, record: SyncRecord) -> None:
        self._host = host
        self._record = record

    @property
    def release(self) -> Release:
        """The release of the host."""
        with self._host.change() as state:
            return RELEASES[state.version]

    def set_cpus(self, count: int) -> None:
        """Set the number of CPUs of the host."""
        with self._host.change() as state:
            state.cpus, state.machine = count, ""

    def set_machine(self, name: str) -> None:
        """Set the machine, one of kernel.topology.MACHINES."""
        with self._host.change() as state:
            install(self._host.directory / "root", state, name)

    def set_racct(self, enabled: bool) -> None:
        """Set whether the kernel was booted with kern.racct.enable=1."""
        with self._host.change() as state:
            state.racct = enabled

    def install(self, kernel: str, userland: str) -> None:
        """Update the host: what is on disk is of another release than the running kernel."""
        with self._host.change() as state:
            state.installed, state.userland = kernel, userland

    def set_kernel(self, release: str, osreldate: int) -> None:
        """Set the running release, such as 14.1-RELEASE and 1401000."""
        with self._host.change() as state:
            state.release, state.osreldate = release, osreldate

    def set_sysctl(self, name: str, value: str) -> None:
        """Set a value of sysctl(8), which is known from then on."""
        with self._host.change() as state:
            state.sysctls[name] = value

    # ---- pools ----

    def add_pool(self, name: str, size: int) -> None:
        """Add a pool, mounted at /NAME."""
        with self._host.change() as state:
            serial = state.serial = state.serial + 1
            state.pools[name] = Pool(size)
            dataset = Dataset(serial, "filesystem", int(time.time()), serial, EMPTY)
            state.datasets[name] = dataset
            trees.mount(self._run(state), name, dataset, f"/{name}")

    def remove_pool(self, name: str) -> None:
        """Export or lose a pool: its datasets are gone, with their files."""
        with self._host.change() as state:
            run = self._run(state)
            for other in sorted(state.datasets, reverse=True):
                if other.split("/")[0] == name:
                    dataset = state.datasets[other]
                    if dataset.mounted:
                        path = dataset.mounted
                        trees.unmount(run, dataset)
                        trees.drop_mountpoint(run, path)
                    if dataset.kind == "volume":
                        volumes.vanish(run, other)
                    del state.datasets[other]
            del state.pools[name]

    def fill_pool(self, name: str, free: int = 0) -> None:
        """Fill a pool with other data up to `free` bytes available; a negative number removes
        it."""
        from bsdvirt_sim.zfs.space import Space

        with self._host.change() as state:
            pool = state.pools[name]
            pool.filled = 0
            if free >= 0:
                left = pool.size - pool.size // 32 - Space(self._run(state)).allocated(name)
                pool.filled = max(0, left - free)

    def set_readonly(self, name: str, readonly: bool) -> None:
        """Import a pool read-only, or again for writing."""
        with self._host.change() as state:
            state.pools[name].readonly = readonly

    def cut_streams(self, after: int = -1) -> None:
        """Cut the streams of zfs send(8) in pipes after that many bytes, until called again
        without a number."""
        with self._host.change() as state:
            state.cut = after

    def set_peer(self, name: str, directory: str = "") -> None:
        """Let ssh(1) reach the simulated host in a directory by that name; "" is a host that is
        down."""
        with self._host.change() as state:
            state.peers[name] = directory

    def set_late_devices(self, late: bool) -> None:
        """Set whether a volume with a local volmode stays without a device."""
        with self._host.change() as state:
            state.late_devices = late

    # ---- network, devfs ----

    def add_interface(self, name: str, mac: str) -> None:
        """Add a physical interface."""
        with self._host.change() as state:
            state.last_index += 1
            state.interfaces[name] = Interface(name, "ether", name, state.last_index, mac, mac)

    def set_ruleset(self, number: int, rules: list[str] | None) -> None:
        """Set the rules of a devfs ruleset; None removes it."""
        with self._host.change() as state:
            state.rulesets.pop(str(number), None)
            if rules is not None:
                state.rulesets[str(number)] = list(rules)

    # ---- jails ----

    def add_jail(self, name: str, path: str, **params: str) -> int:
        """Create a jail that is not bsdvirt's, with its directory; return its number."""
        with self._host.change() as state:
            run = self._run(state)
            path = trees.resolve(run, path)
            run.path(path).mkdir(parents=True, exist_ok=True)
            state.last_jid += 1
            state.last_cpuset += 1
            named = {key.replace("__", "."): value for key, value in params.items()}
            jail = Jail(
                state.last_jid,
                name,
                path,
                state.last_cpuset,
                {"persist": "true"} | named,
                started=run.now(),
            )
            if named.get("vnet") == "new":
                jail.lo0 = loopback(1)
            state.jails[jail.jid] = jail
            return jail.jid

    def linger(self, name: str, lingers: bool = True) -> None:
        """Let the jails of that name stay dying when they are removed (a socket is left, say),
        or release them."""
        from bsdvirt_sim.jail.jail import forget

        with self._host.change() as state:
            state.linger = [other for other in state.linger if other != name]
            if lingers:
                state.linger.append(name)
                return
            for jail in [jail for jail in state.jails.values() if jail.dying and jail.name == name]:
                forget(self._run(state), jail)

    def listen(self, name: str, *ports: int) -> None:
        """Let only these ports answer in the jail of that name when it runs."""
        with self._host.change() as state:
            state.listening[name] = list(ports)

    def listen_on_host(self, *sockets: str) -> None:
        """Set the listening sockets of the host itself, such as `sshd tcp4 *:22`."""
        with self._host.change() as state:
            state.sockets = list(sockets)

    # ---- virtual machines ----

    def set_guest(self, name: str, **behaviour: Unpack[Behaviour]) -> None:
        """Set how the system in the virtual machine of that name behaves from its next run."""
        with self._host.change() as state:
            state.guests[name] = Guest(**behaviour)

    def install_swtpm(self) -> None:
        """Install the package swtpm."""
        processes.write_scripts(self._host.directory / "root", ["/usr/local/bin/swtpm"])

    def install_libslirp(self) -> None:
        """Install the package libslirp."""
        self._host.fs.mkdir("/usr/local/lib")
        self._host.fs.write("/usr/local/lib/libslirp.so.0", "")

    # ---- usage ----

    def set_load(self, name: str, **load: Unpack[Use]) -> None:
        """Set what the guest of that name uses from now on; "" is the host itself, whose `cpu` is
        in percent of all its CPUs."""
        with self._host.change() as state:
            started = accounting.started(state, name)
            used = accounting.totals(state, name, started)
            base = [used.cpu, *map(float, (used.received, used.sent, used.read, used.written))]
            state.loads[name] = Load(since=accounting.clock(state), base=base, **load)

    def reach(self, subject: str, resource: str, *, pid: int = 812, jail: str = "") -> list[str]:
        """Let a process of a jail, such as jail:web, reach the limits of a resource that the kernel
        reports. Return the events; `jail` is that of the process, which may be one in the jail."""
        inside = jail or subject.partition(":")[2]
        with self._host.change() as state:
            rules = [
                rule
                for rule in state.rules
                if (rule.subject, rule.resource, rule.action) == (subject, resource, "devctl")
            ]
        events = [devctl.matched(rule, pid, 0, inside) for rule in rules]
        for event in events:
            devctl.deliver(self._host.directory / "root", event, time.time())
        return events

    def kill(
        self, pid: int, jid: int = 0, why: str = "out of swap space", comm: str = "sh"
    ) -> None:
        """Let the kernel kill a process for lack of memory; one in a jail is only said to be."""
        with self._host.change() as state:
            state.messages.append(devctl.killed(pid, comm, jid, 0, why))
        if not jid:
            os.kill(pid, signal.SIGKILL)

    def pass_time(self, seconds: float) -> None:
        """Let usage be counted for that long: from the first call on, its clock stands still
        between the calls."""
        with self._host.change() as state:
            state.clock = accounting.clock(state) + seconds

    # ---- the host ----

    def hang(self, *names: str) -> None:
        """Let these tools never end where they only read, as on a suspended pool; none clears
        that."""
        with self._host.change() as state:
            state.hung = list(names)

    def record_syncs(self) -> None:
        """Record from now on which files a power loss would leave: see durability.py."""
        with self._host.change() as state:
            self._record.begin(state)

    def cut_power(self, *, late: bool = False) -> None:
        """Lose power and boot: of the files, what was synced since `record_syncs` remains.

        `late`: after the pools have written a transaction group, every 5 seconds, and before other
        file systems, which may take 30.
        """
        processes.end_all(self._host.directory)
        with self._host.change() as state:
            if late:
                self._record.settle(state)
            self._record.cut(state)
        self.reboot()

    def reboot(self) -> None:
        """Boot again with every file as it was written: volatile state is gone."""
        processes.end_all(self._host.directory)
        with self._host.change() as state:
            run = self._run(state)
            state.boots += 1
            state.boot = max(int(time.time()), state.boot + 1)
            state.jails.clear()
            state.rules.clear()
            state.messages.clear()
            for name in list(state.vmms):
                vmm.forget(run, name)
            for node in run.path("/dev").glob("nmdm*"):
                node.unlink()
            state.sysctls = {}
            state.modules = initial.modules(state.version)
            physical = {f.unit: f for f in state.interfaces.values() if f.kind == "ether"}
            for unit, face in physical.items():
                face.name, face.jail = unit, 0
                face.descr, face.groups, face.members = "", [], {}
            state.interfaces = physical | {"lo0": loopback(2)}
            state.last_index = max(face.index for face in state.interfaces.values())
            for mount in reversed(list(state.mounts)):
                if mount.kind == "zfs":
                    trees.unmount(run, state.datasets[mount.special])
            for dataset in state.datasets.values():
                dataset.jail = 0
            state.mounts = initial.mounts(state.version)
            self._mount_all(run)
            pf.boot(run, sysrc.read(run))
            for volatile in ("/var/run", "/tmp"):
                place = run.path(volatile)
                trees.remove(place)
                place.mkdir(parents=True)
            install(run.path("/"), state, state.machine)
            initial.start_devd(run.path("/"))
            service.boot(run, sysrc.read(run))

    @staticmethod
    def _mount_all(run: Run) -> None:
        from bsdvirt_sim.zfs.mount import mount_all

        for dataset in run.state.datasets.values():
            # A key that is in no file is gone after a boot.
            dataset.key = False
        mount_all(run)

    def _run(self, state: Host) -> Run:
        directory: Path = self._host.directory
        return Run(("settings",), state, directory, changes=None, limit=0)


__all__ = ["Mount", "Settings"]
