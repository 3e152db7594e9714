"""Render jail.conf(5) for a start of a jail. Pure, except that the template is read once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from shlex import quote as shell_quote
from typing import TYPE_CHECKING

from msgspec import Struct

from bsdvirt.cpu.limits import cpuset_words
from bsdvirt.facts.dad import shown_by, wait_lines
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.jail.command import start_lines, stop_lines
from bsdvirt.jail.datasets import attach_commands, mount_commands, needed_params
from bsdvirt.jail.linux import (
    ForeignFacts,
    from_host,
    linux_mounts,
    linux_poststop,
    linux_prestart,
    network_of,
)
from bsdvirt.jail.mounts import mount_lines
from bsdvirt.jail.stack import shared_wait, stack_words
from bsdvirt.layout import console_log
from bsdvirt.spec.becomes import JailParam
from bsdvirt.spec.fields import becoming
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.mounts import DESCRIPTORS
from bsdvirt.spec.params import Scalar, jail_conf_value
from bsdvirt.templates import template_text
from bsdvirt.zfs.values import Values

if TYPE_CHECKING:
    from jinja2 import Environment


NOTHING_FOREIGN = ForeignFacts()


class Parameter(Struct, frozen=True):
    """A parameter in jail.conf; without a value, only its name is written."""

    name: str
    value: str | None = None
    append: bool = False


class NicRoute(Struct, frozen=True):
    """The configuration of an interface in the jail: addresses with prefix lengths, gateways,
    and routes, each a network and its router."""

    interface: str
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    dhcp: bool = False
    """Get the IPv4 address by DHCP."""
    slaac: bool = False
    """Get IPv6 addresses from router advertisements."""


def parameters(
    guest: Guest,
    jail: Jail,
    nics: Sequence[NicRoute],
    values: Values | None = None,
    foreign: ForeignFacts = NOTHING_FOREIGN,
) -> list[Parameter]:
    """Return the parameters of a jail. `foreign` is what the host has for the network of a Linux
    jail."""
    name = guest.name
    lines = [
        Parameter("path", guest.root),
        Parameter("host.hostname", str(jail.hostname or name)),
        Parameter("host.hostuuid", guest.identity.uuid),
        *_stack(jail, nics),
        Parameter("persist"),
        *_several(
            "mount",
            [*linux_mounts(jail, guest.root), *mount_lines(guest.root, jail.mounts, jail.ruleset)],
        ),
        Parameter("mount.devfs"),
        *([Parameter("mount.fdescfs")] if any(m.place == DESCRIPTORS for m in jail.mounts) else []),
    ]
    declared = _declared(jail)
    commands = sorted(key for key in declared if key.startswith(("exec.", "stop.")))
    last = [line for key in commands for line in _parameter(key, declared.pop(key))]
    for key, value in (declared | needed_params(jail) | dict(jail.params)).items():
        lines += _parameter(key, value)
    if jail.userland == "freebsd":
        # Elsewhere it would look for root in a database that does not exist, and go to root's
        # home; what jail(8) is run with is clean already.
        lines.append(Parameter("exec.clean"))
    wait = partial(_wait, nics, jail.exec.timeout)
    created: list[str] = []
    if jail.cpuset:
        created.append(" ".join((tools.CPUSET, *cpuset_words(jail.cpuset), "-j", name)))
    network = network_commands(nics) if jail.stack == "vnet" else []
    if from_host(jail):
        interfaces = [nic.interface for nic in nics]
        created += network_of(name, guest.root, interfaces, network, foreign, wait)
        network = []
    else:
        network += [*wait(str), *asking_commands(nics)]
        created += shared_wait(jail)
    created += attach_commands(guest, jail)
    mounts = mount_commands(guest, jail, values or {})
    before = [*linux_prestart(jail, guest.root), *bpf_commands(jail, nics, guest.root)]
    return [
        *lines,
        *_several("exec.prestart", before),
        *_several("exec.created", created),
        *_several("exec.start", [*network, *mounts, *start_lines(jail)]),
        *_several("exec.stop", stop_lines(jail)),
        *_several("exec.poststop", linux_poststop(jail, guest.root)),
        Parameter("exec.consolelog", console_log(name)),
        *last,
    ]


def _declared(jail: Jail) -> dict[str, Scalar | list[str]]:
    """Return the parameters that the jail's properties become, one for one. What `params` says
    of one of them overrides it."""
    found = ((one.name, value) for one, value in becoming(jail, JailParam))
    return {name: value for name, value in found if value is not None}


def _parameter(name: str, value: Scalar | list[str]) -> list[Parameter]:
    if isinstance(value, list):
        return _several(name, [str(one) for one in value])
    return [Parameter(*jail_conf_value(name, value))]


def with_release(lines: Sequence[Parameter], release: Sequence[tuple[str, str]]) -> list[Parameter]:
    """Return the parameters with those of its release, before the first exec parameter."""
    at = next((n for n, line in enumerate(lines) if line.name.startswith("exec.")), len(lines))
    return [*lines[:at], *(Parameter(*pair) for pair in release), *lines[at:]]


def _stack(jail: Jail, nics: Sequence[NicRoute]) -> list[Parameter]:
    lines = []
    ours = [] if from_host(jail) else [nic.interface for nic in nics]
    for name, values in stack_words(jail, [*ours, *map(str, jail.interfaces)]):
        lines += _several(name, values) if values else [Parameter(name)]
    return lines


def network_commands(nics: Sequence[NicRoute]) -> list[str]:
    """Return the commands that configure the network, run in the jail before /etc/rc. No file
    in its root is needed."""
    commands = [f"{tools.IFCONFIG} lo0 inet 127.0.0.1/8 up"]
    # Before any address and route of the other family: who says it later is without for a moment.
    commands += [
        f"{tools.IFCONFIG} {nic.interface} inet6 accept_rtadv -ifdisabled auto_linklocal up"
        for nic in nics
        if nic.slaac
    ]
    for nic in nics:
        for number, address in enumerate(nic.addresses):
            # Without `alias`, ifconfig(8) puts an IPv4 address in the place of the first.
            second = ":" not in address and any(":" not in a for a in nic.addresses[:number])
            alias = " alias" if second else ""
            commands.append(f"{tools.IFCONFIG} {nic.interface} {_family(address)}{alias} up")
        if not nic.addresses:
            commands.append(f"{tools.IFCONFIG} {nic.interface} up")
    for nic in nics:
        for network, router in nic.routes:
            commands.append(_route(f"-net {network}", router, nic.interface))
        for gateway in nic.gateways:
            commands.append(_route("default", gateway, nic.interface))
    return commands


def asking_commands(nics: Sequence[NicRoute]) -> list[str]:
    """Return the commands for DHCP and router advertisements, run in the jail before /etc/rc.
    dhclient(8) continues in the background. A router that does not answer now may advertise
    later."""
    asked = [f"{tools.DHCLIENT} {nic.interface}" for nic in nics if nic.dhcp]
    return asked + [f"{tools.RTSOL} {nic.interface} || true" for nic in nics if nic.slaac]


def bpf_commands(jail: Jail, nics: Sequence[NicRoute], root: str) -> list[str]:
    """Return the commands for exec.prestart that unhide bpf: dhclient(8) opens /dev/bpf0, which
    the devfs rulesets of jails hide."""
    if not any(nic.dhcp for nic in nics) and not jail.interfaces:
        return []
    place = shell_quote(f"{root}/dev")
    return [f"{tools.DEVFS} -m {place} rule apply path {name} unhide" for name in ("bpf", "bpf0")]


def _wait(nics: Sequence[NicRoute], seconds: float, spell: Callable[[str], str]) -> list[str]:
    """Return the commands that wait until IPv6 addresses can be used; `spell` returns a command
    that runs another in the jail."""
    with_ipv6 = [nic for nic in nics if any(":" in address for address in nic.addresses)]
    shows = [spell(shown_by(nic.interface)) for nic in with_ipv6]
    return wait_lines(shows, [a for nic in with_ipv6 for a in nic.addresses], seconds)


def _route(to: str, router: str, interface: str) -> str:
    family = "-inet6 " if ":" in router else ""
    linked = router.lower().startswith("fe80:") and "%" not in router
    zone = f"%{interface}" if linked else ""
    return f"{tools.ROUTE} -q add {family}{to} {router}{zone}"


def _family(address: str) -> str:
    return f"inet6 {address} -ifdisabled" if ":" in address else f"inet {address}"


def _several(name: str, values: Sequence[str]) -> list[Parameter]:
    return [Parameter(name, value, append=index > 0) for index, value in enumerate(values)]


def quote(value: str) -> str:
    """Return a value in single quotes, in which jail.conf(5) expands no variables."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@cache
def _environment() -> Environment:
    # Imported here: only a start renders.
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    environment.filters["q"] = quote
    return environment


def render(name: str, lines: Sequence[Parameter]) -> str:
    """The file's text."""
    template = _environment().from_string(template_text("jail.conf.j2"))
    return template.render(name=name, parameters=lines)
