"""What is particular to copies of virtual machines. It reads their directory, and plans."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from bsdvirt.bhyve import volumes
from bsdvirt.bhyve.cloud import guest as seeds
from bsdvirt.bhyve.cloud import seed as cloud
from bsdvirt.bhyve.volumes import IN_DEV_MODE, PROPERTIES
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.clone import (
    Cloner,
    Data,
    Origin,
    Setting,
    copy_steps,
    left_out,
)
from bsdvirt.host.fs import Fs
from bsdvirt.net.files import Networks
from bsdvirt.plan.step import RemoveFile, RemoveTree, Step
from bsdvirt.spec.vm import Vm

NEW_TPM = (
    "its TPM is new and empty: a disk that the other's has sealed, as by BitLocker, asks for its"
    " recovery key"
)


class VmCloner(Cloner[Vm]):
    """Copies of virtual machines."""

    def own(self, source: Guest, before: Vm, after: Vm) -> tuple[Vm, tuple[str, ...]]:
        """Disks that are files or devices of the host stay with the source, unless they are
        read-only; the port for VNC follows from the id; its TPM is another."""
        notes = []
        theirs = [disk.path for disk in before.disks if disk.path and not disk.readonly]
        gone = [disk for disk in after.disks if disk.path in theirs and not disk.readonly]
        notes += [f"disks.{disk.name}: {disk.path} stays {source.name}'s" for disk in gone]
        if after.tpm == "swtpm":
            notes.append(NEW_TPM)
        vnc = after.vnc
        if vnc.port is not None and vnc.port == before.vnc.port:
            notes.append(f"vnc.port: {vnc.port} stays {source.name}'s; it follows from its id")
            vnc = msgspec.structs.replace(vnc, port=None)
        slirp = after.slirp
        if kept := [one for one in slirp.forward if one in before.slirp.forward]:
            notes.append(f"slirp.forward: {', '.join(kept)} stays {source.name}'s")
            own = [one for one in slirp.forward if one not in kept]
            slirp = msgspec.structs.replace(slirp, forward=own)
        disks = [disk for disk in after.disks if disk not in gone]
        return msgspec.structs.replace(after, disks=disks, vnc=vnc, slirp=slirp), tuple(notes)

    def refuse(self, source: Guest) -> None:
        return

    def contents(self, directory: str) -> str:
        """Nothing: what is on its disks is not read."""
        return ""

    def data(self, new: Guest, spec: Vm, origin: Origin, op: str) -> Data:
        """Its own disks: those in the snapshot, grown where the file says a larger size; others are
        new."""
        steps: list[Step] = []
        used, made, notes = [], [], []
        for disk in spec.disks:
            if disk.path is not None:
                continue
            target, size = new.layout.disk(new.name, disk.name), volumes.whole(int(disk.size or 0))
            content = origin.content(str(disk.name))
            made.append(target)
            if content is None or content.volsize is None:
                steps += volumes.blank(target, size, op)
                notes.append(f"disk {disk.name} is not in {origin.words}, and is new and empty")
                continue
            used.append(content)
            why = f"its disk {disk.name}"
            steps += copy_steps(origin, content, target, PROPERTIES, why, op)
            if size > content.volsize:
                steps.append(volumes.grow(target, size))
                notes.append(f"disk {disk.name}: {volumes.GROW_NOTE}")
            steps.append(volumes.appear(target))
        notes += left_out(origin, used)
        return Data(tuple(steps), tuple(made), IN_DEV_MODE, tuple(notes))

    def settings(self, fs: Fs, new: Guest, spec: Vm, networks: Networks, contents: str) -> Setting:
        """Its seed, by which cloud-init takes it for another machine."""
        tpm = new.layout.tpm(new.name)
        place, image = cloud.directory(new.layout, new.name), cloud.iso(new.layout, new.name)
        seed = seeds.seed_of(new.name, spec, new.identity, networks, seeds.name_servers(fs))
        cleared = (
            # A TPM is who a machine is, and holds its keys: two must not have the same.
            Step(RemoveTree(tpm), "the TPM of the other guest", durable=True),
            Step(RemoveTree(place), "the seed of the other guest", durable=True),
            Step(RemoveFile(image), "and its ISO file", durable=True),
        )
        steps = (*cleared, *(cloud.make(seed, new.layout, new.name) if seed else ()))
        return Setting(steps)

    def clear(self, fs: Fs, new: Guest, spec: Vm, contents: str, old: Collection[str]) -> Setting:
        """Note what cloud-init does of it: what is on its disks cannot be changed from here."""
        if spec.cloud is None:
            what = (
                "its disks hold the host keys, machine id and network settings of the other guest"
            )
            return Setting(notes=(f"{what}: change these in it before both are on one network",))
        if spec.cloud.system == "freebsd":
            return Setting(notes=(seeds.AT_FIRST_BOOT, "until then it has the other's host keys"))
        return Setting(notes=("cloud-init makes its host keys at its first boot",))
