"""What virtual machines left that are no guests any more."""

from __future__ import annotations

from bsdvirt.facts.vms import VmFact, VmState
from bsdvirt.guest import orphans
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.layout import Layout
from bsdvirt.plan.render import shell
from bsdvirt.spec.identity import Identity

LAYOUT = Layout("tank/bsdvirt", "/bsdvirt")
WEB = Guest("web1", LAYOUT, Identity(id=7, uuid="u", kind="vm"))
FOUND = Inventory(LAYOUT, {"web1": WEB}, (), ())


def done(*vms: VmFact, devices: tuple[str, ...]) -> list[str]:
    found = orphans.vm_steps(FOUND, {vm.name: vm for vm in vms}, devices)
    return [shell(step.do) for step in found]


def test_of_one_that_was_killed_its_device_and_its_directory() -> None:
    vm = VmFact("gone", runs=False, supervised=False, said=VmState(state="running"))
    assert done(vm, devices=("gone", "other")) == [
        "/usr/sbin/bhyvectl --vm=gone --destroy",
        "rm -rf /var/run/bsdvirt/vms/gone",
    ]


def test_a_device_of_another_tool_is_left_alone() -> None:
    vm = VmFact("gone", runs=False, supervised=False, said=None)
    assert done(vm, devices=("gone",)) == ["rm -rf /var/run/bsdvirt/vms/gone"]
    assert done(devices=("foreign",)) == []


def test_what_is_a_guest_or_runs_is_left_alone() -> None:
    killed = VmFact("web1", runs=False, supervised=False, said=VmState(state="running"))
    running = VmFact("gone", runs=True, supervised=False, said=VmState(state="running"))
    assert done(killed, running, devices=("web1", "gone")) == []
