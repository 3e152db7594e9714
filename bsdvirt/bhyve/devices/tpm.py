"""The TPM: one in software, by swtpm(8), or the host's own; or keys tpm.* of the guest's own
`config`. The properties are in spec/vmdevices.py; supervise/devices/swtpm.py runs swtpm."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bsdvirt.bhyve.devices.base import (
    Device,
    Keys,
    Missing,
    Networks,
    Pairs,
    RunSettings,
    VmStartFacts,
)
from bsdvirt.errors import ConflictError, HostError, UsageError
from bsdvirt.facts.vmm import SWTPM_WORD, PathKind, VmmFacts
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import tpm_pid, tpm_socket
from bsdvirt.plan.step import FileExists, MakeDirectory, RemoveTree, Step, Undo
from bsdvirt.spec.vm import Vm

FIRST = 1400000
"""kern.osreldate before which bhyve has no TPM: 13.2 ignores the keys."""
PACKAGE = "swtpm"


def has_tpm(vm: Vm) -> bool:
    """Return whether the guest is to have a TPM."""
    return vm.tpm != "none" or _by_config(vm)


def has_emulator(vm: Vm) -> bool:
    """Return whether the guest is to have a TPM in software."""
    return vm.tpm == "swtpm" or any(
        (line.key, line.value) == ("tpm.type", "swtpm") for line in vm.config
    )


def knows_tpm(vmm: VmmFacts) -> bool:
    """Return whether bhyve has a TPM."""
    if vmm.tpm is not None:
        return vmm.tpm
    return vmm.osreldate == 0 or vmm.osreldate >= FIRST


def emulator(guest: Guest, vm: Vm) -> dict[str, Any] | None:
    """Return what the supervisor runs before each run of bhyve; None without a TPM in software.

    Nobody initialises this TPM from outside, so it starts itself; firmware that starts it again
    is told that it has been, and goes on. It ends when bhyve closes the connection.
    """
    if vm.tpm != "swtpm":
        return None
    state, socket, pid = guest.layout.tpm(guest.name), tpm_socket(guest.name), tpm_pid(guest.name)
    argv = [
        tools.SWTPM, "socket", "--tpm2",
        "--tpmstate", f"dir={state},mode=0600",
        "--server", f"type=unixio,path={socket},mode=0600",
        "--pid", f"file={pid}",
        "--flags", "startup-clear",
        "--terminate",
    ]  # fmt: skip
    return {"argv": argv, "state": state, "socket": socket, "pid": pid}


class Tpm(Device):
    """The TPM of a guest."""

    uses = "tpms"

    def settings(self, guest: Guest, vm: Vm, run: RunSettings) -> Pairs:
        """Its type and path. The version is set too: only -l has it by default, and bhyve aborts
        without one (tpm_device_create)."""
        pairs: Pairs = []
        if vm.acpi_in_memory is not None:
            pairs.append(("acpi_tables_in_memory", "true" if vm.acpi_in_memory else "false"))
        if not has_tpm(vm):
            return pairs
        if vm.tpm != "none":
            path = tpm_socket(guest.name) if vm.tpm == "swtpm" else str(vm.tpm_device)
            pairs += [("tpm.type", vm.tpm), ("tpm.path", path)]
        if vm.loader == "uefi" and vm.acpi_in_memory is None:
            # Firmware takes the tables from fw_cfg then, and only there is the TPM complete
            # (acpi_tables_in_memory in bhyve_config(5)).
            pairs.append(("acpi_tables_in_memory", "false"))
        return [*pairs, ("tpm.version", "2.0")]

    def holds(self, keys: Keys) -> Collection[str]:
        """The host's TPM."""
        passed = keys.get("tpm.type") == "passthru" and "tpm.path" in keys
        return [keys["tpm.path"]] if passed else []

    def paths(self, guest: Guest, vm: Vm) -> Collection[str]:
        """The emulator and the directory of its state, or the host's device."""
        if vm.tpm == "swtpm":
            return [tools.SWTPM, guest.layout.tpm(guest.name)]
        return [str(vm.tpm_device)] if vm.tpm == "passthru" else []

    def check_host(self, name: str, vm: Vm, vmm: VmmFacts) -> None:
        """bhyve has a TPM."""
        if has_tpm(vm) and not knows_tpm(vmm):
            raise HostError(
                f"{name}: bhyve of this FreeBSD has no TPM",
                "remove the keys tpm.* from its config" if _by_config(vm)
                else "FreeBSD 15 has one; here, omit tpm or set it to none",
            )  # fmt: skip
        if has_emulator(vm) and vmm.words is not None and SWTPM_WORD not in vmm.words:
            raise HostError(
                f"{name}: bhyve of this FreeBSD has no TPM in software",
                f"FreeBSD 15 has one; here, bsdvirt set {name} tpm=passthru, the host's own, or"
                " tpm=none",
            )

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """What it uses of the host is there, and no other guest has it."""
        for lack in self.missing(guest, vm, facts.paths):
            raise HostError(f"{guest.name}: {lack.problem}", lack.hint)
        state = guest.layout.tpm(guest.name)
        if vm.tpm == "swtpm" and "," in state:
            raise UsageError(
                f"{guest.name}: swtpm takes no directory with a comma: {state}",
                "change the mountpoint of bsdvirt's dataset",
            )
        device = next(iter(self.holds(_keys_of(vm))), "")
        if device and (holder := facts.taken.holder(self.uses, device)):
            raise ConflictError(
                f"{guest.name}: TPM {device} is in use by {holder}", f"bsdvirt stop {holder}"
            )

    def missing(self, guest: Guest, vm: Vm, paths: Mapping[str, PathKind]) -> Iterator[Missing]:
        """An emulator or a device that does not exist."""
        if vm.tpm == "swtpm" and tools.SWTPM not in paths:
            yield Missing(f"tpm: there is no {tools.SWTPM} on this host", f"pkg install {PACKAGE}")
        if vm.tpm == "passthru" and paths.get(str(vm.tpm_device)) != "device":
            yield Missing(
                f"tpm: there is no device {vm.tpm_device}",
                "kldload tpm attaches the host's TPM, if it has one; see tpm(4)",
            )

    def start_steps(
        self, guest: Guest, vm: Vm, networks: Networks, facts: VmStartFacts
    ) -> list[Step]:
        """Make the directory of its state, where the guest has none yet."""
        path = guest.layout.tpm(guest.name)
        if vm.tpm != "swtpm" or path in facts.paths:
            return []
        return [
            Step(
                MakeDirectory(path, 0o700),
                "the state of its TPM",
                undo=(Undo(RemoveTree(path)),),
                durable=True,
                unless=FileExists(path),
            )
        ]


def _by_config(vm: Vm) -> bool:
    return any(line.key.startswith("tpm.") for line in vm.config)


def _keys_of(vm: Vm) -> dict[str, str]:
    given = {line.key: line.value for line in vm.config if line.key.startswith("tpm.")}
    return given or {"tpm.type": vm.tpm, "tpm.path": str(vm.tpm_device)}
