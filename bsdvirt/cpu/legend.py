"""What `cpu map` says beside its drawing: the host in a line, and each guest's CPUs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.cpu.blocks import Block, Segment
from bsdvirt.cpu.cells import letters, style_of
from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows.cpu import CpuGuest, CpuHost, CpuMap
from bsdvirt.spec.types import CpuList


def cpus_text(cpus: Sequence[int]) -> str:
    """Return CPU numbers as cpuset(1) takes them."""
    return str(CpuList.of(list(cpus)))


def heading(host: CpuHost) -> str:
    """Return what the host's processor is, in a line."""
    parts = [_count(len(host.cpus), "CPU")]
    if host.threads > 1:
        some = "" if len(host.cpus) == host.threads * len(host.cores) else "up to "
        parts.append(f"{_count(len(host.cores), 'core')} with {some}{host.threads} threads each")
    if len(host.packages) > 1:
        parts.append(_count(len(host.packages), "package"))
    if len(host.domains) > 1:
        parts.append(_count(len(host.domains), "NUMA domain"))
    model = shown_line(host.model)
    return f"{model}: {', '.join(parts)}" if model else ", ".join(parts)


def notes(host: CpuHost) -> list[str]:
    """Return what else is to be known of the host's CPUs."""
    found = []
    if host.absent:
        found.append(f"not used by the kernel: {cpus_text(host.absent)}")
    if host.reserved:
        found.append(f"reserved for the host: {cpus_text(host.reserved)}")
    if host.hypervisor:
        guest_of = shown_line(host.hypervisor)
        found.append(f"the host is itself a virtual machine ({guest_of}): its CPUs are virtual")
    return found


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def shares_text(guest: CpuGuest) -> str:
    """Return with whom a guest shares its CPUs."""
    if guest.owns and not guest.shared_with:
        return "for itself"
    if guest.exclusive:
        return "no other guest there"
    return f"shared with {', '.join(guest.shared_with)}" if guest.shared_with else ""


def pins_text(guest: CpuGuest) -> str:
    """Return a guest's pins, as the property has them."""
    return " ".join(f"{pin.vcpu}:{cpus_text(pin.cpus)}" for pin in guest.pins)


def legend(shown: CpuMap, width: int) -> Block:
    """Return a line for each guest with CPUs of its own, and one for all others."""
    of = letters(shown)
    named = list(of)
    longest = max((len(one.name) for one in shown.guests if one.name in of), default=0)
    lines: Block = []
    for guest in shown.guests:
        if guest.name in of:
            head = Segment(f"{of[guest.name]} {guest.name:<{longest}}", style_of(named, guest.name))
            lines.append((head, Segment(_cut(f"  {_words(guest)}", width - len(head.text)))))
    running = [g.name for g in shown.guests if g.running and g.name not in of]
    stopped = [
        f"{g.name} {cpus_text(g.claimed) if g.claimed else g.cpuset}"
        for g in shown.guests
        if not g.running and not g.owns and (g.claimed or g.cpuset)
    ]
    unknown = [g.name for g in shown.guests if g.error is not None]
    for title, names in (
        (_everywhere(shown), running),
        ("not running", stopped),
        ("unknown", unknown),
    ):
        if names:
            lines.append((Segment(_cut(f"{title}: {', '.join(names)}", width), "dim"),))
    return lines


def _everywhere(shown: CpuMap) -> str:
    """Return where guests without CPUs of their own run."""
    some = shown.host.reserved or any(one.owns for one in shown.guests)
    return "on all other CPUs" if some else "on all CPUs"


def _words(guest: CpuGuest) -> str:
    cpus = guest.cpus if guest.running else guest.claimed or guest.cpus
    word = "CPU" if len(cpus) == 1 else "CPUs"
    parts = ["all CPUs" if guest.everywhere else f"{word} {cpus_text(cpus)}"]
    if not guest.running:
        parts[0] += ", not running"
    if guest.pins:
        parts.append(f"pins {pins_text(guest)}")
    return "; ".join([*parts, *filter(None, [shares_text(guest)])])


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."
