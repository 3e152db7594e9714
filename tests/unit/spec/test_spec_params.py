"""Parameters of jail(8): types, what is ours to set, and what a kernel says of them."""

from __future__ import annotations

import pytest
from captures import RELEASES, said

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.params import (
    PARAMS,
    RESERVED,
    JailParams,
    Scalar,
    check_params,
    jail_conf_value,
    known,
    loaded_on_demand,
    reserved,
    unknown_params,
)

# The names in captures/freebsd-13.2/01-host.txt.
NAMES = """
zfs zfs.mount_snapshot zfs. sysvshm sysvshm. sysvsem sysvsem. sysvmsg sysvmsg. allow
allow.vmm allow.mount allow.mount.devfs allow.mount.zfs allow.mount.tmpfs
allow.mount.procfs allow.mount.nullfs allow.mount. allow.suser
allow.unprivileged_proc_debug allow.read_msgbuf allow.reserved_ports allow.mlock
allow.socket_af allow.quotas allow.chflags allow.raw_sockets allow.sysvipc
allow.set_hostname ip6 ip6.saddrsel ip6.addr ip6. ip4 ip4.saddrsel ip4.addr ip4.
cpuset cpuset.id host host.hostid host.hostuuid host.domainname host.hostname host.
children children.max children.cur dying vnet persist devfs_ruleset enforce_statfs
osrelease osreldate securelevel path name parent jid
"""
KERNEL = [f"security.jail.param.{name}" for name in NAMES.split()]


@pytest.mark.parametrize(
    ("name", "given", "value", "written"),
    [
        ("allow.raw_sockets", True, True, ("allow.raw_sockets", None)),
        ("allow.raw_sockets", "on", True, ("allow.raw_sockets", None)),
        ("allow.raw_sockets", 0, False, ("allow.noraw_sockets", None)),
        ("allow.mount.devfs", "no", False, ("allow.mount.nodevfs", None)),
        ("allow.mount", False, False, ("allow.nomount", None)),
        ("children.max", 3, 3, ("children.max", "3")),
        ("children.max", "3", 3, ("children.max", "3")),
        ("securelevel", -1, -1, ("securelevel", "-1")),
        ("sysvshm", "new", "new", ("sysvshm", "new")),
        ("osrelease", "13.2-RELEASE", "13.2-RELEASE", ("osrelease", "13.2-RELEASE")),
        ("linux.osrelease", 5, "5", ("linux.osrelease", "5")),
        ("meta.owner", "me", "me", ("meta.owner", "me")),
        ("mac.new_thing", True, True, ("mac.new_thing", None)),
        ("mac.new_thing", "x", "x", ("mac.new_thing", "x")),
    ],
)
def test_values(name: str, given: object, value: Scalar, written: tuple[str, str | None]) -> None:
    params = JailParams.parse({name: given})
    assert params[name] == value
    assert type(params[name]) is type(value)
    assert jail_conf_value(name, params[name]) == written


@pytest.mark.parametrize(
    ("name", "given", "message", "hint"),
    [
        ("allow.mlock", "maybe", "expected true | false, got 'maybe'", PARAMS["allow.mlock"].help),
        ("allow.mlock", 2, "expected true | false, got 2", PARAMS["allow.mlock"].help),
        (
            "enforce_statfs",
            3,
            "3 is out of range: expected integer 0..2",
            PARAMS["enforce_statfs"].help,
        ),
        (
            "children.max",
            True,
            "expected integer 0..999999, got True",
            PARAMS["children.max"].help,
        ),
        ("zfs", "disable", "expected new | inherit, got 'disable'", PARAMS["zfs"].help),
        ("osrelease", "x" * 32, "longer than 31 characters", PARAMS["osrelease"].help),
        (
            "osrelease",
            "a\nb",
            "jail.conf cannot hold control characters",
            PARAMS["osrelease"].help,
        ),
        ("allow.nomlock", True, "write it without `no`", "allow.mlock: false"),
        ("persist", True, "this jail(8) parameter is set by bsdvirt", "bsdvirt always sets it"),
        ("nopersist", True, "this jail(8) parameter is set by bsdvirt", "bsdvirt always sets it"),
        ("vnet", "new", "this jail(8) parameter is set by bsdvirt", RESERVED["vnet"]),
        (
            "exec.prestart",
            "x",
            "this jail(8) parameter is set by bsdvirt",
            RESERVED["exec.prestart"],
        ),
        ("exec.clean", "x", "this jail(8) parameter is set by bsdvirt", RESERVED["exec"]),
        ("mount.fstab", "x", "this jail(8) parameter is set by bsdvirt", RESERVED["mount"]),
        ("depend", "db", "this jail(8) parameter is set by bsdvirt", "set boot.after"),
        ("Allow", True, "'Allow' is not the name of a jail(8) parameter", ""),
        ("a b", True, "'a b' is not the name of a jail(8) parameter", ""),
        ("x;y\n", True, "'x;y\\n' is not the name of a jail(8) parameter", ""),
        ("mac.x", [1], "expected one value, got a list", ""),
        ("mac.x", None, "expected one value, got nothing", ""),
    ],
)
def test_refused(name: str, given: object, message: str, hint: str) -> None:
    with pytest.raises(BadValueError) as caught:
        JailParams.parse({name: given})
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_what_a_kernel_knows_passes_silently() -> None:
    params = JailParams({"allow.mlock": True, "zfs.mount_snapshot": 1, "sysvshm": "new"})
    assert check_params(params, KERNEL) == ()


@pytest.mark.parametrize(
    ("params", "extra", "notes"),
    [
        ({"mac.new_thing": True}, ["security.jail.param.mac.new_thing"], ()),
        ({"meta.owner": "me"}, ["security.jail.param.meta"], ()),
        ({"linux.osname": "Linux"}, [], ()),
        (
            {"allow.extattr": True},
            [],
            (
                "params.allow.extattr: this kernel has no such parameter, so jail(8) will refuse"
                " it; FreeBSD has it after 13.2",
            ),
        ),
        (
            {"meta": "x"},
            [],
            (
                "params.meta: this kernel has no such parameter, so jail(8) will refuse it;"
                " FreeBSD has it since 15.0",
            ),
        ),
        (
            {"allow.mount.fdescfs": True},
            [],
            (
                "params.allow.mount.fdescfs: it has no effect unless params.enforce_statfs is 0"
                " or 1",
                "params.allow.mount.fdescfs: it has no effect without params.allow.mount: true",
            ),
        ),
        ({"allow.mount.zfs": True, "allow.mount": True, "enforce_statfs": 1}, [], ()),
    ],
)
def test_notes(params: dict[str, Scalar], extra: list[str], notes: tuple[str, ...]) -> None:
    assert check_params(JailParams.parse(params), [*KERNEL, *extra]) == notes


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "allow.raw_socket",
            "params.allow.raw_socket: no such jail(8) parameter on this host"
            " (did you mean allow.raw_sockets or allow.socket_af?)",
        ),
        ("zzz", "params.zzz: no such jail(8) parameter on this host"),
        (
            "allow.mount.zsf",
            "params.allow.mount.zsf: no such jail(8) parameter on this host"
            " (did you mean allow.mount.zfs or allow.mount?)",
        ),
    ],
)
def test_a_name_that_nobody_knows(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_params(JailParams.parse({name: True}), KERNEL)
    assert str(caught.value) == message


def test_the_table_covers_the_kernel_of_the_capture() -> None:
    nodes = {"allow", "cpuset", "children", "host"}
    names = {name.removeprefix("security.jail.param.").rstrip(".") for name in KERNEL}
    assert names - nodes - PARAMS.keys() - RESERVED.keys() == set()


def test_the_table_is_whole() -> None:
    assert not PARAMS.keys() & RESERVED.keys()
    for name, param in PARAMS.items():
        assert param.help.endswith("."), name
        assert param.kind != "enum" or param.choices, name
    assert loaded_on_demand("allow.mount.fusefs")
    assert not loaded_on_demand("allow.vmm")


def test_params_do_not_change() -> None:
    params = JailParams({"children.max": 1})
    assert params == JailParams({"children.max": 1})
    assert hash(params) == hash(JailParams({"children.max": 1}))
    assert not hasattr(params, "__setitem__")


@pytest.mark.parametrize("release", RELEASES)
def test_the_table_has_what_a_kernel_has(release: str) -> None:
    shown = said("01-host.txt", "sysctl -N security.jail.param", release)
    names = [line.removeprefix("security.jail.param.").rstrip(".") for line in shown.split()]
    heads = {"allow", "children", "cpuset", "mac"}
    assert not [name for name in names if not (known(name) or reserved(name) or name in heads)]
    given: dict[str, Scalar] = {"allow.nfsd": True, "env.role": "web"}
    refused = [name for name, _ in unknown_params(given, shown.split())]
    assert refused == {"13.2": list(given), "15.1": []}[release]
