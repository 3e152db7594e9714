"""The sound card: High Definition Audio, on devices of sound(4). The properties are
spec/vmdevices.py's Audio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.bhyve.devices.base import Device, Missing, Pairs, RunSettings, VmStartFacts
from bsdvirt.errors import HostError
from bsdvirt.facts.vmm import PathKind
from bsdvirt.guest.inventory import Guest
from bsdvirt.spec.becomes import DeviceKey
from bsdvirt.spec.fields import written
from bsdvirt.spec.vm import Vm
from bsdvirt.spec.vmdevices import AUDIO_SLOT

HINT = "cat /dev/sndstat lists what is there: pcm0 is /dev/dsp0; see sound(4)"


class AudioDevice(Device):
    """The sound card of a guest."""

    def pci(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """Its slot."""
        if vm.audio.devices:
            yield AUDIO_SLOT, [("device", "hda"), *written(vm.audio, DeviceKey).items()]

    def paths(self, guest: Guest, vm: Vm) -> list[str]:
        """The devices of the host."""
        return vm.audio.devices

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """The devices exist: bhyve aborts where it cannot open one (hda_init in pci_hda.c)."""
        for path in vm.audio.devices:
            if facts.paths.get(path) != "device":
                raise HostError(f"{guest.name}: audio: there is no device {path}", HINT)

    def missing(self, guest: Guest, vm: Vm, paths: Mapping[str, PathKind]) -> Iterator[Missing]:
        """Devices that do not exist."""
        for path in vm.audio.devices:
            if path not in paths:
                yield Missing(f"audio: there is no device {path}", HINT)
