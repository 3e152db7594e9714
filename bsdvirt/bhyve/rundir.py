"""Whether a guest of either kind runs."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.facts.jls import JailFact
from bsdvirt.facts.vms import read_vm
from bsdvirt.guest.inventory import Guest, running_jail
from bsdvirt.host.fs import Fs


def is_running(guest: Guest, jails: Mapping[str, JailFact], fs: Fs) -> bool:
    """Return whether a guest of either kind runs."""
    if guest.identity.kind == "jail":
        return running_jail(guest, jails) is not None
    fact = read_vm(fs, guest.name)
    return fact is not None and fact.runs
