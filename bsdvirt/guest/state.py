"""A guest's state in a word, from the kernel's jails and some directories; no command."""

from __future__ import annotations

from bsdvirt.facts.vms import VmFact, read_vms
from bsdvirt.guest.inventory import Guest, Inventory, running_jail
from bsdvirt.layout import FAILED_DIRECTORY, conf_file
from bsdvirt.plan.pending import subjects
from bsdvirt.record import Record

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bsdvirt.facts.host import HostFacts
    from bsdvirt.facts.jls import JailFact
    from bsdvirt.host.fs import Fs


class States(Record):
    """What the states of guests are derived from, read once for all of them."""

    fs: Fs
    guests: Mapping[str, Guest]
    jails: Mapping[str, JailFact]
    vms: Mapping[str, VmFact]
    failed: frozenset[str]
    journals: frozenset[str]

    def of(self, name: str) -> str:
        """running, stopped, failed (its last start did), busy (an operation is under
        way), interrupted (one was cut short), locked (its key is not loaded), or template
        (it is never started); of a virtual machine also paused, starting, stopping or
        restarting."""
        if name in self.journals:
            # Imported here: few guests have an operation under way.
            from bsdvirt.plan.locks import is_held

            return "busy" if is_held(self.fs, "guest", name) else "interrupted"
        guest = self.guests.get(name)
        if guest is not None and running_jail(guest, self.jails):
            return "running"
        vm = self.vms.get(name)
        if vm is not None and vm.runs:
            return vm.state
        if guest is not None and guest.locked:
            return "locked"
        if vm is not None and vm.left:
            return "failed"
        if guest is not None and guest.identity.template:
            return "template"
        return "failed" if name in self.failed else "stopped"


def alive(fs: Fs, facts: HostFacts) -> set[str]:
    """Return the names of guests that run, listed or not: of the jails, by
    the jail.conf of their start, and of the locks of virtual machines."""
    # Imported here: a state is read without any jail.conf.
    from bsdvirt.facts.jailconf import parse_started

    jails = {
        jail.name
        for jail in facts.jails.values()
        if not jail.dying
        and jail.path == parse_started(facts.texts.get(conf_file(jail.name), "")).path
    }
    return jails | {name for name, vm in read_vms(fs).items() if vm.runs}


def read_states(fs: Fs, found: Inventory, jails: Mapping[str, JailFact]) -> States:
    return States(
        fs,
        found.guests,
        jails,
        read_vms(fs),
        frozenset(fs.listdir(FAILED_DIRECTORY)),
        frozenset(
            name
            for layout in found.layouts
            for kind, name, _ in subjects(fs, layout.state)
            if kind == "guest"
        ),
    )
