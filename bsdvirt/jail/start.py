"""The plan that starts a jail. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.cpu.limits import limit_rules, need_racct
from bsdvirt.errors import ConflictError, HostError, UsageError
from bsdvirt.facts.host import HostFacts, Kernel
from bsdvirt.facts.rctl import jail_subject
from bsdvirt.guest.claims import Networks, host_end_mac
from bsdvirt.guest.inventory import Guest, foreign_jail, running_jail
from bsdvirt.host import tools
from bsdvirt.host.restore import Was
from bsdvirt.jail import conf
from bsdvirt.jail import settings as own
from bsdvirt.jail.clean import clean_steps
from bsdvirt.jail.command import main_steps, watch_again
from bsdvirt.jail.datasets import (
    StorageFacts,
    check_storage,
    completion_steps,
    creation_steps,
    fit_steps,
)
from bsdvirt.jail.enter import Holds, check_user
from bsdvirt.jail.linux import ForeignFacts, check_foreign, linux_steps
from bsdvirt.jail.mounted import refuse_covered, refuse_neighbours, start_undos
from bsdvirt.jail.mounts import MountFacts, check_mounts, point_steps
from bsdvirt.jail.root import RootFacts, base_steps, check_ready
from bsdvirt.jail.settings import OwnFacts
from bsdvirt.jail.stack import alias_undos, check_host, check_passed, left_aliases, member_notes
from bsdvirt.layout import (
    CONF_DIRECTORY,
    GROUP,
    conf_file,
    epair,
    guest_log_directory,
    host_end,
    jail_end,
)
from bsdvirt.net import routing
from bsdvirt.net.bridge import DEFAULT_MTU, bridge_of
from bsdvirt.net.ports import check_port, join_step
from bsdvirt.plan.step import (
    Command,
    FileExists,
    InterfaceExists,
    JailExists,
    LimitsExist,
    MakeDirectory,
    Plan,
    PutBack,
    RemoveFile,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt.spec.identity import Claim
from bsdvirt.spec.jail import Jail, Nic
from bsdvirt.spec.network import Network
from bsdvirt.spec.params import OF_VMM, needs_vmm, unknown_params
from bsdvirt.spec.types import CpuList

START_SLACK = 120.0
"""Seconds above the jail's own timeouts before jail(8) itself is taken for hung."""


class StartFacts(Struct, frozen=True):
    """All that the host shows and a start depends on."""

    host: HostFacts
    kernel: Kernel
    rulesets: frozenset[int]
    """The devfs rulesets that exist."""
    host_resolver: str
    """The host's /etc/resolv.conf."""
    jail_resolver: str | None
    """The jail's; None where it has none that is a plain file."""
    mounts: MountFacts = MountFacts()
    storage: StorageFacts = StorageFacts()
    kept: bool = True
    """Whether a main command that was started has its supervisor."""
    root: RootFacts = RootFacts()
    foreign: ForeignFacts = ForeignFacts()
    holds: Holds = Holds()
    resolver_was: Was | None = None
    """What stands in the place of the jail's /etc/resolv.conf, a file or a link."""
    own: OwnFacts = OwnFacts()
    hides_vmm: bool = False
    """It may run virtual machines, and its devfs ruleset hides their devices."""
    job: str = ""
    """The file of its main command's supervisor, if that is to be replaced."""
    open_cpus: CpuList | None = None
    """The CPUs for that supervisor; None for all."""
    answering: frozenset[str] = frozenset()
    """The host's addresses at which something waits on the port of name service, where its
    own name servers are no others."""


def plan_start(
    guest: Guest,
    jail: Jail,
    networks: Networks,
    facts: StartFacts,
    op: str,
    *,
    starting: tuple[Step, ...] = (),
    started: tuple[Step, ...] = (),
    exposed: Sequence[Step] = (),
) -> Plan:
    """Interfaces, limits, jail.conf, and jail(8); each with its undo. `starting` and
    `started` are the hooks before and behind it; `exposed` lets ports lead to it.

    The guest's claims fit its interfaces (see guest/claims.py). Raises ConflictError,
    UsageError and HostError for what would not work.
    """
    name, identity = guest.name, guest.identity
    if running_jail(guest, facts.host.jails):
        watch = () if facts.kept else (watch_again(name, facts.job, facts.open_cpus),)
        return Plan("start", name, "guest", watch, reason="already running", op=op)
    _refuse_foreign_jail(guest, facts)
    refuse_neighbours(guest, facts.host.jails.values())
    check_ready(guest, facts.host, facts.root)
    check_foreign(name, jail, facts.foreign)
    if jail.run:
        check_user(name, facts.holds, str(jail.run_user))
    notes = _check(name, jail, facts)
    left = left_aliases(guest, facts.host)
    fresh = [alias for alias in identity.shared if alias not in left]
    check_host(name, fresh, facts.host.interfaces)
    notes += member_notes(fresh, facts.host.interfaces)
    refuse_covered(guest, jail, facts.host)
    check_storage(guest, jail, facts.storage, facts.host.mounts)
    values = facts.storage.values
    wired = list(zip(jail.nics, identity.nics, strict=True))
    check_passed(name, jail, networks, facts.host.interfaces)
    for index, nic in enumerate(jail.nics):
        check_port(name, index, nic, networks[nic.network])
    routing.check(name, wired)
    _check_asking(name, jail)
    resolv, unserved, remedy = own.resolver_of(
        guest, jail, networks, facts.host_resolver, facts.answering
    )
    notes += (f"{unserved} ({remedy})",) if unserved else ()
    routes = _nic_routes(identity.id, wired, networks)
    lines = conf.parameters(guest, jail, routes, values, facts.foreign)
    release = own.release_params(jail, facts.own, facts.kernel.release)
    release += own.environment(guest, jail, facts.kernel.meta)
    text = conf.render(name, conf.with_release(lines, release))
    notes += own.notes(jail, facts.own) + (own.vmm_note(jail) if facts.hides_vmm else ())
    version = own.userland(facts.own.version)
    if own.differs(version, facts.kernel.release) == "newer":
        notes += (own.newer_note(version, facts.kernel.release),)
    steps: list[Step] = [*clean_steps(guest, facts.host, jail)]
    steps += creation_steps(guest, jail.datasets, values, op)
    steps += fit_steps(guest, jail, values)
    steps += linux_steps(jail, facts.foreign)
    if needs_vmm(jail.params) and OF_VMM[0] not in facts.kernel.params:
        steps.append(Step(Command((tools.KLDLOAD, "-n", "vmm")), "vmm(4), for its machines"))
    steps += base_steps(guest, facts.root)
    steps += point_steps(guest.root, jail.mounts, facts.mounts)
    steps += _resolver_steps(guest, facts, resolv)
    steps += own.steps(guest, jail, facts.own)
    for index, (nic, claim) in enumerate(wired):
        steps += _epair_steps(name, identity.id, index, nic, claim, networks[nic.network])
    if rules := limit_rules(jail_subject(name), jail.limits):
        steps.append(_limits_step(jail_subject(name), rules))
    steps += _places(name)
    steps += starting
    steps += exposed
    steps += _jail_steps(guest, jail, text, facts.host)
    steps += main_steps(guest, jail, facts.holds, facts.open_cpus)
    steps += started
    finish = tuple(completion_steps(guest, jail.datasets, values, op))
    return Plan("start", name, "guest", tuple(steps), finish, op=op, notes=notes)


def _refuse_foreign_jail(guest: Guest, facts: StartFacts) -> None:
    if (other := foreign_jail(guest, facts.host.jails)) is not None:
        raise ConflictError(
            f"a jail {guest.name} runs already, at {other.path}: it is not bsdvirt's",
            "stop it, or give the guest another name",
        )


def _check(name: str, jail: Jail, facts: StartFacts) -> tuple[str, ...]:
    kernel = facts.kernel
    if jail.stack == "vnet" and not kernel.vimage:
        raise HostError(
            "this kernel has no VIMAGE, so no vnet jails",
            "build one with options VIMAGE, or set stack=shared or stack=inherit",
        )
    if jail.ruleset not in facts.rulesets:
        raise HostError(
            f"{name}: devfs ruleset {jail.ruleset} does not exist, and would hide nothing",
            "write it in /etc/devfs.rules and run service devfs restart, or set devfs_ruleset=",
        )
    need_racct(name, jail.limits, kernel)
    check_mounts(name, jail.mounts, facts.mounts)
    notes = own.check_kernel(name, jail, kernel)
    if refused := unknown_params(jail.params, kernel.params):
        param, why = refused[0]
        raise HostError(f"{name}: {why}", f"bsdvirt set {name} params.{param}=")
    return notes


def _nic_routes(guest_id: int, wired: routing.Wired, networks: Networks) -> list[conf.NicRoute]:
    every = routing.routes(wired, networks)
    return [
        conf.NicRoute(
            jail_end(guest_id, index),
            tuple(claim.addresses()),
            routing.gateways(index, nic, claim, networks[nic.network]),
            tuple((str(route.to), str(route.via)) for route in every[index]),
            dhcp=nic.address == "dhcp",
            slaac=nic.address6 == "slaac",
        )
        for index, (nic, claim) in enumerate(wired)
    ]


def _check_asking(name: str, jail: Jail) -> None:
    """Raises UsageError where nothing in the root would ask: FreeBSD's own tools do."""
    for index, nic in enumerate(jail.nics):
        for at, asked in (("address", str(nic.address)), ("address6", str(nic.address6))):
            if asked in routing.ASKED and jail.userland != "freebsd":
                raise UsageError(
                    f"{name}: nics.{index}.{at}: {asked} needs FreeBSD's own tools,"
                    " which its root does not have",
                    f"set {at}=none, and let exec.start ask",
                )


def _resolver_steps(guest: Guest, facts: StartFacts, wanted: str | None) -> list[Step]:
    if wanted is None or wanted == facts.jail_resolver:
        return []
    root, path = guest.root, "etc/resolv.conf"
    was = facts.resolver_was
    undo = RemoveFile(path, root) if was is None else PutBack(path, root, was)
    return [Step(WriteFile(path, wanted, beneath=root), "its name servers", undo=(Undo(undo),))]


def _epair_steps(
    name: str, guest_id: int, index: int, nic: Nic, claim: Claim, network: Network
) -> list[Step]:
    cloner, host, inner = (
        epair(guest_id, index),
        host_end(guest_id, index),
        jail_end(guest_id, index),
    )
    # Members of a bridge have its MTU; within the guest it may be less.
    outer, inner_mtu = (_mtu_words(mtu) for mtu in (network.mtu, nic.mtu or network.mtu))
    gone = tuple(
        Undo(Command((tools.IFCONFIG, end, "destroy")), InterfaceExists(end), 10.0)
        for end in (host, f"{cloner}a")
    )
    # ifconfig(8) takes an address family only as the first word after `create` or the
    # interface (ifconfig.c); the address itself is set last, under the new name.
    create = (
        tools.IFCONFIG, cloner, "create", "ether", host_end_mac(claim.mac), "name", host,
        "descr", f"{name} nic{index}", "group", GROUP, *outer, "up",
    )  # fmt: skip
    rename = (
        tools.IFCONFIG, f"{cloner}b", "ether", claim.mac, "name", inner, *inner_mtu,
    )  # fmt: skip
    return [
        Step(Command(create), f"the host's end of its interface {index}", undo=gone),
        Step(Command(rename), f"the jail's end of its interface {index}"),
        *(_checksum_steps(index, host, inner) if not network.offload else ()),
        join_step(bridge_of(network), host, nic, network),
    ]


def _checksum_steps(index: int, *ends: str) -> list[Step]:
    """Both ends compute their own checksums. Before they join the bridge: it gives each member
    back what that had then (bridge_mutecaps in if_bridge.c). An epair of 13 has no such
    capability, and ifconfig(8) ends 1."""
    return [
        Step(
            Command((tools.IFCONFIG, end, word), ok=(0, 1)),
            f"checksums of its interface {index} by the processor",
        )
        for end in ends
        for word in ("-txcsum", "-txcsum6")
    ]


def _mtu_words(mtu: int) -> tuple[str, ...]:
    return ("mtu", str(mtu)) if mtu != DEFAULT_MTU else ()


def _limits_step(subject: str, rules: list[str]) -> Step:
    return Step(
        Command((tools.RCTL, "-a", *rules)),
        "limits, before anything of the jail runs",
        undo=(Undo(Command((tools.RCTL, "-r", subject)), LimitsExist(subject)),),
    )


def _places(name: str) -> list[Step]:
    logs = guest_log_directory(name)
    return [
        Step(
            MakeDirectory(CONF_DIRECTORY, 0o700),
            "jail.conf files",
            unless=FileExists(CONF_DIRECTORY),
        ),
        Step(MakeDirectory(logs, 0o700), "its logs", unless=FileExists(logs)),
    ]


def _jail_steps(guest: Guest, jail: Jail, text: str, facts: HostFacts) -> list[Step]:
    name, root, path = guest.name, guest.root, conf_file(guest.name)
    budget = jail.exec.timeout * (len(jail.exec.start) + 1) + START_SLACK
    return [
        Step(
            WriteFile(path, text, 0o600),
            "jail.conf of this start",
            undo=(Undo(RemoveFile(path)),),
        ),
        Step(
            Command((tools.JAIL, "-c", "-f", path, name), timeout=budget),
            f"start {name}",
            undo=(
                Undo(Command((tools.JAIL, "-R", name)), JailExists(name, root)),
                *start_undos(guest, jail, facts),
                *alias_undos(guest),
            ),
        ),
    ]
