"""What properties become, and what is written: each declares the other, in all golden files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import golden_bhyve
import golden_jail
import msgspec
from goldenfile import load, record
from test_golden import FILES, PLANNERS

from bsdvirt.errors import BsdvirtError
from bsdvirt.host import tools
from bsdvirt.jail.conf import Parameter
from bsdvirt.jail.conf import parameters as parameters_of
from bsdvirt.plan.step import Command, Plan, Step, WriteFile
from bsdvirt.spec.base import Spec, prop
from bsdvirt.spec.becomes import Becomes, BhyveKey, DeviceKey, JailParam, RctlRule, ZfsProperty
from bsdvirt.spec.fields import fields_of, item_of, struct_of
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.params import jail_conf_value
from bsdvirt.spec.paths import set_paths
from bsdvirt.spec.vm import Vm

PARAMS = {
    "path", "host.hostuuid", "persist", "mount.devfs",
    "exec.prestart", "exec.created", "exec.poststop", "exec.consolelog",
}  # fmt: skip
"""The parameters of jail(8) that every jail has, whatever its properties say."""
OF_BSDVIRT = "env.bsdvirt."
"""How the keys begin that tell a jail who it is: no property sets them."""
KEYS = {
    "name", "uuid", "acpi_tables", "x86.vmexit_on_hlt", "x86.vmexit_on_pause", "lpc.com1.path",
}  # fmt: skip
DEVICE_KEYS = {"type", "ser", "eui64", "nmrr", "backend", "vendor", "devid"}
"""The keys of bhyve_config(5) that every virtual machine, or a device, has without a property."""
ZFS = {"canmount", "mountpoint", "jailed"}
ZVOL = {"volmode", "volblocksize", "compression", "sync", "refreservation"}
"""The properties of ZFS that a guest's datasets, or its zvols, have whatever its file says."""


def declared(spec: type[Spec], kind: type[Becomes]) -> set[str]:
    """Return the names that the properties of a spec become, of one kind."""
    found: set[str] = set()
    for field in fields_of(spec).values():
        found |= {one.name for one in field.becomes if isinstance(one, kind)}
        inner = struct_of(item_of(field.type) or field.type)
        if inner is not None:
            found |= declared(inner, kind)
    return found


@cache
def plans(module: Any) -> list[tuple[Any, Plan]]:
    """Return each golden case of a kind of guest with its plan."""
    found = []
    for file in FILES:
        struct, planner = PLANNERS[_name(file)]
        if struct is module.Given:
            given = msgspec.convert(load(file)[0], struct, dec_hook=record)
            try:
                found.append((given, planner(given)))
            except BsdvirtError:
                continue
    return found


def _name(file: Path) -> str:
    return "/".join(file.parts[-3:-1])


def steps(plan: Plan) -> Iterator[Step]:
    """Every step of a plan."""
    yield from (*plan.steps, *plan.finish)


def written(plan: Plan, name: str) -> list[str]:
    """Return the texts of the files of that name that a plan writes."""
    acts = (step.do for step in steps(plan))
    return [act.content for act in acts if isinstance(act, WriteFile) and act.path.endswith(name)]


def argvs(plan: Plan, tool: str) -> list[tuple[str, ...]]:
    """Return the arguments that a plan gives one tool."""
    acts = (step.do for step in steps(plan))
    return [act.argv[1:] for act in acts if isinstance(act, Command) and act.argv[0] == tool]


def parameters() -> dict[str, set[str]]:
    """Return the parameters in each jail.conf, and those that its `params` name, by the file."""
    found: dict[str, set[str]] = {}
    for given, plan in plans(golden_jail):
        own = {jail_conf_value(name, value)[0] for name, value in given.spec.params.items()}
        for text in written(plan, f"/{given.name}.conf"):
            lines = [line.split() for line in text.splitlines() if line.startswith("  ")]
            names = {words[0].rstrip(";") for words in lines} - own
            found[given.why] = {name for name in names if not name.startswith(OF_BSDVIRT)}
    return found


def test_each_parameter_of_jail_conf_is_declared_by_a_property() -> None:
    known = declared(Jail, JailParam) | PARAMS
    assert {why: names - known for why, names in parameters().items() if names - known} == {}


def test_each_parameter_that_a_property_becomes_is_in_a_jail_conf() -> None:
    assert declared(Jail, JailParam) - set().union(*parameters().values()) == set()


class LaterJail(Jail, frozen=True, kw_only=True):
    """A jail with properties that nothing but their declaration knows."""

    securelevel: Annotated[int | None, prop("Secure level.", becomes=JailParam("securelevel"))] = (
        None
    )
    chflags: Annotated[bool | None, prop("File flags.", becomes=JailParam("allow.chflags"))] = None


def test_a_property_that_is_a_parameter_of_jail_needs_its_declaration_alone() -> None:
    guest = golden_jail.Given(why="").guest
    words = [("securelevel", "2"), ("chflags", "no")]
    jail = set_paths(LaterJail(release="13.2-RELEASE"), words)
    found = parameters_of(guest, jail, ())
    assert Parameter("securelevel", "2") in found
    assert Parameter("allow.nochflags") in found
    plain = {line.name for line in parameters_of(guest, LaterJail(release="13.2-RELEASE"), ())}
    assert not plain & {"securelevel", "allow.chflags", "allow.nochflags"}
    over = set_paths(jail, [("params.securelevel", "3")])
    levels = [line.value for line in parameters_of(guest, over, ()) if line.name == "securelevel"]
    assert levels == ["3"]


def keys() -> tuple[set[str], set[str]]:
    """Return the keys in bhyve's configuration that are not of the guest's own `config`: those
    at the root of the tree, and those of devices. `N` stands for a number."""
    root: set[str] = set()
    device: set[str] = set()
    for given, plan in plans(golden_bhyve):
        own = {line.key for line in given.spec.config}
        for text in written(plan, "/bhyve.conf"):
            for key in {line.partition("=")[0] for line in text.splitlines()} - own:
                parts = ["N" if part.isdigit() else part for part in key.split(".")]
                if parts[:4] == ["pci", "N", "N", "N"]:
                    below = parts[6:] if parts[4:6] == ["port", "N"] else parts[4:]
                    device.add(".".join(below))
                else:
                    root.add(".".join(parts))
    return root, device


def test_keys_of_bhyve_are_those_that_properties_become() -> None:
    root, device = keys()
    assert root - KEYS == declared(Vm, BhyveKey)
    assert device - DEVICE_KEYS == {key.replace(".1.", ".N.") for key in declared(Vm, DeviceKey)}


def rules(module: Any) -> set[str]:
    """Return the resources that rules of rctl(8) limit."""
    found: set[str] = set()
    for _, plan in plans(module):
        added = [
            rule for words in argvs(plan, tools.RCTL) if words[0] == "-a" for rule in words[1:]
        ]
        for text in written(plan, "/run.json"):
            added += [rule for argv in json.loads(text)["limits"] for rule in argv[2:]]
        found |= {rule.split(":")[2] for rule in added}
    return found


def test_rules_of_rctl_are_those_that_limits_become() -> None:
    # No property is for it: one of the golden files has it among `limits.rules`.
    assert rules(golden_jail) - {"cputime"} == declared(Jail, RctlRule)
    assert rules(golden_bhyve) == declared(Vm, RctlRule)


def zfs_properties(module: Any) -> set[str]:
    """Return the native properties of ZFS that plans set."""
    words = [
        word
        for _, plan in plans(module)
        for argv in argvs(plan, tools.ZFS)
        if argv[0] in ("set", "create", "clone")
        for word in argv
    ]
    names = {word.partition("=")[0] for word in words if "=" in word}
    return {name for name in names if ":" not in name}


def test_properties_of_zfs_are_those_that_properties_become() -> None:
    known = declared(Jail, ZfsProperty)
    assert zfs_properties(golden_jail) - ZFS == known - ZFS
    known = declared(Vm, ZfsProperty)
    assert zfs_properties(golden_bhyve) - ZFS - ZVOL == known
