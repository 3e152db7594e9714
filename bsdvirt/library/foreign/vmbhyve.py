"""vm-bhyve's virtual machines: NAME.conf in the guest's directory, with its disks. Pure.

Read for this: vm-bhyve 1.8-devel of August 2026 (lib/vm-config, lib/vm-run, config.sample).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bsdvirt.errors import UsageError
from bsdvirt.library.foreign import assignments, params, rctl
from bsdvirt.library.foreign.found import Draft, Found, FoundDisk, shown, truth
from bsdvirt.spec.base import SECTORS, BadValueError
from bsdvirt.spec.limits import Limits
from bsdvirt.spec.types import AbsolutePath, BhyveLine, ListenAddress, Memory
from bsdvirt.spec.vm import FIRST_DISK, MIB, MOST_DISKS

TOOL = "vm-bhyve"
MOST_NICS = 8
BUSES = {"virtio-blk": "virtio", "ahci-hd": "ahci", "nvme": "nvme"}
MODELS = {"virtio-net": "virtio", "e1000": "e1000"}
LIMITS = {"limit_pcpu": "pcpu", "limit_rbps": "readbps", "limit_wbps": "writebps",
          "limit_riops": "readiops", "limit_wiops": "writeiops"}  # fmt: skip
TAKEN = re.compile(
    r"(disk|network)\d+_.*|loader|cpu|cpu_\w+|memory|wired_memory|ignore_bad_msr|utctime|uuid"
    r"|graphics\w*|vnc_password|xhci_mouse|virt_random|limit_\w+|uefi_vars|debug|start_slot"
    r"|install_slot|ahci_device_limit|zfs_\w+|comports|loader_timeout|hostbridge|passthru\d+"
)
"""What is translated, or has no counterpart because bsdvirt decides it."""
_DEVICE = re.compile(r"(\d{1,3})/(\d{1,2})/(\d)(=.*)?", re.ASCII)


def looks_like(text: str) -> bool:
    """Return whether a file is a virtual machine's configuration."""
    keys = assignments.read(text, "").keys()
    return "memory" in keys and bool(keys & {"cpu", "loader", "disk0_name", "network0_type"})


def read(text: str, source: str, name: str, directory: str, zvols: str) -> Found:
    """Return the virtual machine of a configuration. `directory` holds its disks that are files,
    `zvols` (of /dev/zvol) those that are volumes, empty if it is in no dataset. Raise UsageError
    for one without memory."""
    # Its own parser drops whatever follows a #, quoted or not.
    plain = "\n".join(line.split("#", 1)[0].rstrip() for line in text.splitlines())
    config = assignments.read(plain, source)
    draft = Draft()
    _memory(draft, config.get("memory", ""), source)
    _cpus(draft, config)
    _boot(draft, config)
    disks = _disks(draft, config, directory, zvols)
    _nics(draft, config)
    _screen(draft, config)
    for key, resource in LIMITS.items():
        if value := config.get(key):
            usual = "throttle" if resource in rctl.THROTTLED else "deny"
            rctl.take(draft, resource, usual, value, Limits)
    for key, value in config.items():
        if not TAKEN.fullmatch(key) and value:
            draft.drop(key, value)
    return draft.found(TOOL, name, "vm", disks=disks)


def _memory(draft: Draft, text: str, source: str) -> None:
    try:
        # bhyve(8) takes a number without a unit as MiB.
        memory = Memory.parse(f"{text}M" if text.isdigit() else text.upper())
    except BadValueError as error:
        raise UsageError(f"{source}: memory: {error}", "write memory=1G in it") from None
    draft.settings["memory"] = str(Memory(max(64 * MIB, -(-memory // MIB) * MIB)))


def _cpus(draft: Draft, config: Mapping[str, str]) -> None:
    def number(key: str) -> int:
        text = config.get(key, "")
        return int(text) if re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII) else 0

    cpus = number("cpu") or 1
    draft.settings["cpus"] = cpus
    sockets, threads = number("cpu_sockets") or 1, number("cpu_threads") or 1
    if sockets * threads > 1 and cpus % (sockets * threads) == 0:
        draft.settings |= {"sockets": sockets, "threads": threads}


def _boot(draft: Draft, config: Mapping[str, str]) -> None:
    loader = config.get("loader", "uefi")
    draft.settings["loader"] = "bhyveload" if loader == "bhyveload" else "uefi"
    if loader in ("grub", "uefi-csm"):
        draft.drop("loader", loader, "the guest must be able to boot by UEFI")
    for key in ("bhyveload_loader", "bhyveload_args", "bhyve_options", "prestart", "priority"):
        if config.get(key):
            draft.drop(key, config[key])
    if truth(config.get("wired_memory", "no")):
        draft.settings["wired"] = True
    if truth(config.get("utctime", "yes")) is False:
        draft.settings["clock"] = "local"
    if truth(config.get("uefi_vars", "no")):
        draft.drop("uefi_vars", "", "UEFI variables start empty: check the boot order")
    if "uuid" in config:
        draft.drop("uuid", config["uuid"], "it gets a UUID of its own")
    _passthru(draft, config)


def _passthru(draft: Draft, config: Mapping[str, str]) -> None:
    for number in range(8):
        value = config.get(f"passthru{number}", "")
        if match := _DEVICE.fullmatch(value):
            slot = 20 + number
            lines = (f"pci.0.{slot}.0.device=passthru",
                     f"pci.0.{slot}.0.bus={match[1]}", f"pci.0.{slot}.0.slot={match[2]}",
                     f"pci.0.{slot}.0.func={match[3]}")  # fmt: skip
            draft.settings.setdefault("config", []).extend(str(BhyveLine.parse(x)) for x in lines)
            draft.settings["wired"] = True
            draft.note(f"passthru{number}={shown(value)}: at slot {slot}")
        elif value:
            draft.drop(f"passthru{number}", value)


def _disks(
    draft: Draft, config: Mapping[str, str], directory: str, zvols: str
) -> tuple[FoundDisk, ...]:
    """Each disk becomes a volume of the guest's, filled from the file or volume; one that is a
    path is used where it is."""
    found: list[FoundDisk] = []
    disks: list[dict[str, Any]] = []
    for number in range(MOST_DISKS):
        name, kind = config.get(f"disk{number}_name", ""), config.get(f"disk{number}_type", "")
        if not name or not kind:
            break
        backing = config.get(f"disk{number}_dev", "") or "file"
        if kind not in BUSES or backing not in ("file", "zvol", "sparse-zvol", "custom"):
            draft.drop(f"disk{number}", f"{kind} {backing} {name}")
            continue
        own = f"{FIRST_DISK[:-1]}{len(disks)}"
        disk: dict[str, Any] = {"name": own, "bus": BUSES[kind]}
        _options(draft, disk, config.get(f"disk{number}_opts", ""))
        try:
            plain = re.fullmatch(r"[A-Za-z0-9._:-]+", name, re.ASCII) and name not in (".", "..")
            if backing == "custom":
                disk["path"] = str(AbsolutePath.parse(name))
            elif not plain or (backing != "file" and not zvols):
                raise BadValueError("not a file or volume of the guest's")
            else:
                place = directory if backing == "file" else zvols
                found.append(FoundDisk(own, str(AbsolutePath.parse(f"{place}/{name}"))))
        except BadValueError as error:
            draft.drop(f"disk{number}", name, str(error))
            continue
        disks.append(disk)
    draft.settings["disks"] = disks
    return tuple(found)


def _options(draft: Draft, disk: dict[str, Any], text: str) -> None:
    for option in filter(None, text.split(",")):
        key, _, value = option.partition("=")
        if key in ("direct", "nocache", "ro"):
            disk["readonly" if key == "ro" else key] = True
        elif key == "sectorsize" and re.fullmatch(SECTORS, value):
            disk["sectorsize"] = value
        else:
            draft.drop("disk option", option)


def _nics(draft: Draft, config: Mapping[str, str]) -> None:
    nics: list[dict[str, Any]] = []
    for number in range(MOST_NICS):
        model = config.get(f"network{number}_type", "")
        if not model:
            break
        wire = config.get(f"network{number}_switch", "") or config.get(
            f"network{number}_device", ""
        )
        nic = params.nic(draft, wire, mac=config.get(f"network{number}_mac", ""))
        if model in MODELS:
            nic["model"] = MODELS[model]
        else:
            draft.drop(f"network{number}_type", model, "virtio is used")
        nics.append(nic)
    draft.settings["nics"] = nics


def _screen(draft: Draft, config: Mapping[str, str]) -> None:
    if not truth(config.get("graphics", "no")):
        return
    if draft.settings["loader"] == "bhyveload":
        draft.drop("graphics", "yes", "it needs UEFI")
        return
    vnc: dict[str, Any] = {"enabled": True}
    listen = config.get("graphics_listen", "")
    try:
        if listen:
            vnc["listen"] = str(ListenAddress.parse(listen))
    except BadValueError:
        draft.drop("graphics_listen", listen, "127.0.0.1 is used")
    port = config.get("graphics_port", "")
    if re.fullmatch(r"[1-9]\d{3,4}", port, re.ASCII) and int(port) < 65536:
        vnc["port"] = int(port)
    size = re.fullmatch(r"(\d{3,4})x(\d{3,4})", config.get("graphics_res", ""), re.ASCII)
    if size and 640 <= int(size[1]) <= 3840 and 480 <= int(size[2]) <= 2160:
        vnc |= {"width": int(size[1]), "height": int(size[2])}
    password = config.get("vnc_password", "")
    if re.fullmatch(r"[!-~]{6,8}", password):
        vnc |= {"auth": "own", "password": password}
    elif password:
        draft.note("vnc_password: VNC takes 6 to 8 characters: a random one is made at each start")
    if config.get("graphics_wait") == "yes":
        vnc["wait"] = True
    draft.settings["vnc"] = vnc
