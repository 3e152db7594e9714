"""The command lines of a virtual machine's supervisor, and what it is to do. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from bsdvirt.bhyve import config
from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.devices.framebuffer import vnc_address
from bsdvirt.bhyve.devices.tpm import emulator
from bsdvirt.cpu.limits import cpuset_words, limit_rules
from bsdvirt.facts.rctl import process_subject
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import (
    EVENT_LOG,
    bhyve_conf,
    console_device,
    failed_file,
    first_conf,
    guest_log_directory,
    guest_rules,
    pf_file,
    vm_directory,
)
from bsdvirt.net.pf import flush
from bsdvirt.spec.vm import MIB, Vm

VERSION = 1
NO_SUPERVISOR = 3
"""How it ends where none runs that it could ask."""
FORCED = 4
"""How a stop ends that took force."""
LOADER_SECONDS = 120
"""bhyveload(8) counts down for ten seconds and reads a kernel; with an empty disk it waits
in its menu for ever."""


def supervisor_argv(mode: str, name: str, *options: str) -> tuple[str, ...]:
    """Return the argument list of a guest's supervisor in one of its modes."""
    return (*tools.SUPERVISE, "vm", mode, vm_directory(name), *options)


def run_json(guest: Guest, vm: Vm, boot: str = "", *, first: bool = False) -> str:
    """The file that tells the supervisor what to run and how to go on from there. The loader
    boots from `boot` once; `first`: bhyve has a configuration of its own in its first run."""
    name = guest.name
    control = [tools.BHYVECTL, f"--vm={name}"]
    loader = _loader(guest, vm)
    value = {
        "v": VERSION,
        "name": name,
        "bhyve": [tools.BHYVE, "-k", bhyve_conf(name), name],
        "prefix": _prefix(vm),
        "loader": {"argv": loader, "timeout": LOADER_SECONDS} if loader else None,
        "destroy": [*control, "--destroy"],
        "poweroff": [*control, "--force-poweroff"],
        "force_reset": [*control, "--force-reset"],
        "nmi": [*control, "--inject-nmi"],
        "console": console_device(guest.identity.id, "B"),
        "limits": _limits(vm),
        "cleanup": [
            list(argv) for device in DEVICES for argv in device.cleanup(guest.identity.id, vm)
        ],
        "vnc": vnc_address(guest, vm) if vm.vnc.enabled else None,
        # What it exposes: there is such a file while the rules are loaded.
        "rules": {
            "file": pf_file(guest_rules(name)),
            "argv": list(flush(guest_rules(name), "nat")),
            "filter": list(flush(guest_rules(name), "rules")),
        },
        "logs": guest_log_directory(name),
        "failed": failed_file(name),
        "events": EVENT_LOG,
        **_policy(vm),
        # Firmware starts bhyve in the device that is there; a loader needs a new one.
        "keep_vmm": vm.loader == "uefi",
    }
    if loader and boot:
        once = _loader(guest, vm, boot)
        value["loader"] = {"argv": loader, "timeout": LOADER_SECONDS, "once": once}
    if first:
        value["once"] = [tools.BHYVE, "-k", first_conf(name), name]
    if emulated := emulator(guest, vm):
        value["tpm"] = emulated
    if again := [pair for device in DEVICES for pair in device.rerun(vm)]:
        value["again"] = [word for key, new in again for word in ("-o", f"{key}={new}")]
    return json.dumps(value, indent=1) + "\n"


def _prefix(vm: Vm) -> list[str]:
    """Return what bhyve is run with; `vm` has the CPUs that it is to run on."""
    return [tools.CPUSET, *cpuset_words(vm.cpuset)] if vm.cpuset else []


def _policy(vm: Vm) -> dict[str, Any]:
    """Return how the guest is stopped, and what follows when it ends by itself."""
    return {
        "stop": {"timeout": vm.stop.timeout, "force": vm.stop.force},
        "restart": {
            "reset": vm.restart.reset,
            "crash": vm.restart.crash,
            **vm.restart.limits(),
        },
    }


def _limits(vm: Vm) -> list[list[str]]:
    """Return what limits bhyve: it is run with its process instead of %PID%."""
    rules = limit_rules(process_subject("%PID%"), vm.limits)
    return [[tools.RCTL, "-a", *rules]] if rules else []


def placed(text: str, vm: Vm) -> str:
    """Return the supervisor's file with the CPUs that the guest is to run on."""
    job = json.loads(text)
    same = job.get("prefix") == _prefix(vm)
    return text if same else json.dumps(job | {"prefix": _prefix(vm)}, indent=1) + "\n"


def changed(text: str, guest: Guest, vm: Vm, before: Iterable[str]) -> str:
    """Return the supervisor's file of a running guest with what it reads again: the policies, the
    CPUs and limits, and for the loader the media that are in the drives now instead of those
    `before`."""
    job = json.loads(text) | _policy(vm) | {"prefix": _prefix(vm), "limits": _limits(vm)}
    if job.get("loader"):
        old = frozenset(before)
        words = job["loader"]["argv"]
        head, name = words[: words.index("-d")] if "-d" in words else words[:-1], words[-1]
        paths = [word for flag, word in pairwise(words) if flag == "-d"]
        sources = config.boot_sources(guest, vm)
        media = [one.path for one in sources if one.removable and one.path]
        at = next((n for n, path in enumerate(paths) if path in old), None)
        if at is None:
            disk_first = bool(vm.bootorder) and vm.disk(vm.bootorder[0]) is not None
            at = len(paths) if disk_first else 0
        rest = [path for path in paths[at:] if path not in old]
        ordered = [*paths[:at], *media, *rest]
        job["loader"]["argv"] = [*head, *[w for p in ordered for w in ("-d", p)], name]
    return json.dumps(job, indent=1) + "\n"


def _loader(guest: Guest, vm: Vm, boot: str = "") -> list[str]:
    """Return the argument list of bhyveload(8), which loads the kernel from the first disk that
    has one. Without a boot order, a medium in a drive comes before the disks."""
    if vm.loader != "bhyveload":
        return []
    sources = sorted(config.boot_sources(guest, vm), key=lambda source: not source.removable)
    paths = {source.name: source.path for source in sources if source.path}
    order = [*([boot] if boot else []), *(str(name) for name in vm.bootorder if name != boot)]
    first = [name for name in order if name in paths]
    ordered = [*first, *(name for name in paths if name not in first)]
    return [
        tools.BHYVELOAD,
        "-c", console_device(guest.identity.id, "A"),
        "-m", f"{vm.memory // MIB}M",
        *(["-S"] if vm.wired else []),
        *[word for name in ordered for word in ("-d", paths[name])],
        guest.name,
    ]  # fmt: skip
