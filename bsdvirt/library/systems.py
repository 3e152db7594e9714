"""Systems that are installed from a medium: those shipped, and the user's own."""

from __future__ import annotations

from bsdvirt.bhyve.check import knows_order
from bsdvirt.errors import NotFoundError
from bsdvirt.facts.vmm import read_vmm
from bsdvirt.host.fs import Fs
from bsdvirt.layout import SYSTEMS_FILE
from bsdvirt.session.session import Session
from bsdvirt.spec.base import did_you_mean
from bsdvirt.spec.systems import System, load_systems
from bsdvirt.spec.vm import Vm
from bsdvirt.templates import template_text

SHIPPED = "systems.yaml"


def system(fs: Fs, name: str) -> System:
    """A system by name. Raises NotFoundError with those that there are, UsageError for what
    is wrong in the user's file."""
    known = load_systems(template_text(SHIPPED), SHIPPED)
    known |= load_systems(fs.read_or(SYSTEMS_FILE), SYSTEMS_FILE)
    if name not in known:
        hint = did_you_mean(name, known) or f"add it to {SYSTEMS_FILE}"
        raise NotFoundError(f"no system {name}", hint)
    return known[name]


def notes(session: Session, wanted: System, vm: Vm) -> tuple[str, ...]:
    """What is to be known of a machine that is made for it."""
    told = tuple(wanted.notes)
    if not wanted.tpm or any(line.key == "tpm.type" for line in vm.config):
        return told
    lacks = "it has no TPM, which the setup of Windows 11 asks for"
    # A TPM came to bhyve with the boot order, in 15 (bhyve_config.5).
    if knows_order(read_vmm(session.host)):
        way = "swtpm(8) makes one: config=[tpm.type=swtpm, tpm.path=SOCKET]"
    else:
        way = "bhyve of this FreeBSD knows none; Windows 10 and Server do without"
    return (*told, f"{lacks}; {way}")
