"""YAML in and out: what a user reads when a file is wrong, word for word."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest
import yaml

from bsdvirt.errors import UsageError
from bsdvirt.spec import load
from bsdvirt.spec.base import Spec
from bsdvirt.spec.fields import fields_of, words_of
from bsdvirt.spec.hostfile import HostFile
from bsdvirt.spec.identity import MAX_BYTES, Boot, Claim, Identity
from bsdvirt.spec.jail import Commands, Jail, JailStop, Nic, Resolver
from bsdvirt.spec.limits import JailLimits
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network
from bsdvirt.spec.paths import set_paths
from bsdvirt.spec.types import (
    CpuList,
    DatasetName,
    GuestName,
    HostName,
    IpAddress,
    Ipv4OrDhcp,
    JailParams,
    Memory,
)
from bsdvirt.spec.vm import Vm

FULL = Jail(
    release="14.2-RELEASE",
    hostname=HostName("web.example.org"),
    description="Größe: x # no comment",
    nics=[
        Nic(network=GuestName("lan"), address=Ipv4OrDhcp("10.0.0.5/24"), mtu=9000),
        Nic(network=GuestName("dmz")),
    ],
    resolver=Resolver(mode="own", servers=[IpAddress("9.9.9.9")]),
    limits=JailLimits(memoryuse=Memory(1536 * 2**20), pcpu=50),
    cpuset=CpuList("3"),
    params=JailParams({"allow.raw_sockets": True, "children.max": 2}),
    exec=Commands(start=["/bin/sh /etc/rc", "echo 'a: b'"]),
    stop=JailStop(grace=3),
)

FULL_YAML = """\
kind: jail
release: 14.2-RELEASE
hostname: web.example.org
description: 'Größe: x # no comment'
nics:
- network: lan
  address: 10.0.0.5/24
  mtu: 9000
- network: dmz
cpuset: '3'
limits:
  pcpu: 50
  memoryuse: 1.5G
stop:
  grace: 3
resolver:
  mode: own
  servers:
  - 9.9.9.9
params:
  allow.raw_sockets: true
  children.max: 2
exec:
  start:
  - /bin/sh /etc/rc
  - 'echo ''a: b'''
"""

NO_ALIAS = "anchors and aliases (& and *) are not supported"


def told(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        load.load_jail(text, "web.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_dump_is_in_declared_order_without_defaults() -> None:
    assert load.dump(FULL) == FULL_YAML
    assert load.dump(Jail(release="14.2-RELEASE")) == "kind: jail\nrelease: 14.2-RELEASE\n"


@pytest.mark.parametrize(
    "struct",
    [
        FULL,
        Jail(release="14"),
        Jail(release="1e3", description="yes"),
        Jail(release="010", description="10:30"),
        Jail(release="null", description="~"),
        Network(id=1),
        HostFile(dataset=DatasetName("tank/bsdvirt")),
    ],
)
def test_what_is_dumped_is_read_back(struct: Spec) -> None:
    assert load.decode(type(struct), load.parse_yaml(load.dump(struct))) == struct


@pytest.mark.parametrize(
    ("text", "release"),
    [("14.2", "14.2"), ("14.20", "14.20"), ("'14'", "14"), ("1e3", "1e3"), ("010", "010")],
)
def test_a_release_stays_as_written(text: str, release: str) -> None:
    assert load.load_jail(f"release: {text}").release == release


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("Off", False), ("true", True)])
def test_truth(word: str, value: bool) -> None:
    assert load.load_jail(f"release: a\nprotected: {word}").protected is value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "release: a\nnics: [{network: a, mtu: big}]",
            "web.yaml: nics.0.mtu: expected int, got str"
            " (MTU in the guest, at most that of the network, which is the default.)",
        ),
        (
            "release: a\nnics: [{network: a}, {network: a, mtu: 5}]",
            "web.yaml: nics.1.mtu: expected integer 72..65535, got 5"
            " (MTU in the guest, at most that of the network, which is the default.)",
        ),
        ("relaese: a", "web.yaml: relaese: no such property (did you mean release?)"),
        (
            "release: a\nresolver: {xyz: 1}",
            "web.yaml: resolver.xyz: no such property (the properties are: mode, servers, search)",
        ),
        (
            'release: a\nresolver: {"b c\\nd": 1}',
            "web.yaml: resolver.'b c\\nd': no such property (the properties are: mode, servers,"
            " search)",
        ),
        (
            "kind: jail",
            "web.yaml: release: it is missing (Release that the root was created from.)",
        ),
        ("kind: vm\nrelease: a", "web.yaml: kind: expected jail, got 'vm'"),
        (
            "release: 14",
            "web.yaml: release: expected str, got int"
            ' (YAML does not read it as text: write it in quotes, as "14")',
        ),
        (
            'release: "a\\n"',
            "web.yaml: release: expected a release, such as 14.2-RELEASE, got 'a\\n'"
            " (Release that the root was created from.)",
        ),
        (
            "release: a\ndescription: |\n  one\n  two\n",
            "web.yaml: description: expected one line of text, got 'one\\ntwo\\n' (Description.)",
        ),
        (
            'release: a\nexec: {start: ["a\\nb"]}',
            "web.yaml: exec.start.0: expected one line for /bin/sh, got 'a\\nb'"
            " (Command lines to run in the jail at its start.)",
        ),
        (
            "release: a\nlimits: {memoryuse: 5X}",
            "web.yaml: limits.memoryuse: '5X' is not a size: write it as 512M, with K, M, G or T"
            " (Resident memory.)",
        ),
        (
            "release: a\nnics: [{network: }]",
            "web.yaml: nics.0.network: expected a name, got nothing"
            " (Network that the interface is connected to.)",
        ),
        (
            "release: a\nnics: lan",
            "web.yaml: nics: expected list, got str (Network interfaces; a jail without any has a"
            " network stack with lo0 only.)",
        ),
        (
            "release: a\nparams: {allow.noraw_sockets: true}",
            "web.yaml: params.allow.noraw_sockets: write it without `no`"
            " (allow.raw_sockets: false)",
        ),
        (
            "release: a\nparams: {host.hostname: x}",
            "web.yaml: params.host.hostname: this jail(8) parameter is set by bsdvirt"
            " (set hostname)",
        ),
        (
            "release: a\nparams: {allow: {mlock: true}}",
            "web.yaml: params.allow: expected one value, got a mapping"
            " (write each parameter's whole name, as allow.raw_sockets: true)",
        ),
        (
            "release: a\nresolver: {mode: own}",
            "web.yaml: resolver.servers: `mode: own` needs servers (as servers: [9.9.9.9])",
        ),
        (
            "release: a\nresolver: {search: [a.b]}",
            "web.yaml: resolver.search: `mode: host` does not use it (set mode to own)",
        ),
        (
            "release: a\nnics:\n- {network: a, address: 10.0.0.5/24}\n"
            "- {network: a, address: 10.0.0.5}",
            "web.yaml: nics.1.address: 10.0.0.5 is also nics.0.address"
            " (IPv4 address: `pool`, an address such as 10.77.0.9/24, `dhcp`, or `none`; a"
            " virtual machine receives it through `cloud`.)",
        ),
        (
            "release: a\nnics: [{network: a, address: none, gateway: 10.0.0.1}]",
            "web.yaml: nics.0.gateway: the interface has no address"
            " (IPv4 default gateway; `auto` is the network's, on the first interface only.)",
        ),
        (
            "release: a\n  b: c",
            "web.yaml: line 2, column 4: not YAML: mapping values are not allowed in this context",
        ),
        ("a: 1\nb: 2\na: 3", "web.yaml: line 3, column 1: 'a' appears twice"),
        ("[a]", "web.yaml: expected a mapping of properties (write lines as name: value)"),
        ("", "web.yaml: expected a mapping of properties (write lines as name: value)"),
        ("# only", "web.yaml: expected a mapping of properties (write lines as name: value)"),
        (
            "a: 1\n---\nb: 2",
            "web.yaml: line 2, column 1: a second document begins here; expected one",
        ),
        ("a: &x 1", "web.yaml: line 1, column 4: " + NO_ALIAS),
        (
            "a: !!python/object:os.system x",
            "web.yaml: line 1, column 4: tags (!) are not supported",
        ),
        ("a: " + "[" * 60000, "web.yaml: line 1, column 19: nested deeper than 16"),
        ("a: " + "{" * 60000, "web.yaml: line 1, column 19: nested deeper than 16"),
        ("[" * 900 + "]" * 900, "web.yaml: line 1, column 17: nested deeper than 16"),
        ("- " * 30000, "web.yaml: line 1, column 33: nested deeper than 16"),
        ("a: &x " + "[" * 2000, "web.yaml: line 1, column 4: " + NO_ALIAS),
        ("a: !x " + "[" * 2000, "web.yaml: line 1, column 4: tags (!) are not supported"),
        ("a: " + "x" * 70000, "web.yaml: longer than 64 KiB"),
        ("? [a]\n: b", "web.yaml: line 1, column 3: expected a name before the colon"),
    ],
)
def test_what_is_wrong(text: str, message: str) -> None:
    assert told(text) == message


def test_the_parser_written_in_python_refuses_in_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert told("a: " + "[" * 60000) == "web.yaml: line 1, column 19: nested deeper than 16"
    assert told("a: *x") == "web.yaml: line 1, column 4: " + NO_ALIAS


@pytest.mark.parametrize("text", ["a: \x00", "\ud800: 1", "a: \x07", "\t- x: [", "*a", "%YAML 9"])
def test_garbage_is_a_usage_error_of_one_line(text: str) -> None:
    assert told(text).startswith("web.yaml: ")


NETWORKS = [
    (
        "id: 1\nbridge: br0\nuplink: em0",
        "uplink: bsdvirt does not change a bridge that is not its own"
        " (add the uplink to that bridge yourself, or leave bridge out)",
    ),
    (
        "id: 1\naddresses: [10.0.0.1/24]\ngateway: 10.0.1.1",
        "gateway: 10.0.1.1 is not in a subnet of the network"
        " (IPv4 gateway; by default the host's address.)",
    ),
    (
        "id: 1\ngateway: fd00::1",
        "gateway: fd00::1 is not an IPv4 address (IPv4 gateway; by default the host's address.)",
    ),
    (
        "id: 1\naddresses: [10.0.0.1/24]\npools: [10.0.0.200-10.0.1.9]",
        "pools.0: 10.0.0.200-10.0.1.9 is not within one subnet of the network"
        " (Ranges to assign guests' addresses from, such as 10.77.0.2-10.77.0.254.)",
    ),
    (
        "id: 1\nuplink: em0\npools: [192.168.1.200-192.168.1.220]",
        "pools.0: no subnet contains 192.168.1.200-192.168.1.220"
        " (give the host an address in it, or set subnets: [192.168.1.0/24])",
    ),
    (
        "id: 1\nsubnets: [10.0.0.0/24]\npools: [10.0.0.0/24, 10.0.0.9-10.0.0.10]",
        "pools.1: 10.0.0.9-10.0.0.10 overlaps 10.0.0.0/24"
        " (Ranges to assign guests' addresses from, such as 10.77.0.2-10.77.0.254.)",
    ),
    (
        "id: 1\naddresses: [10.0.0.1/24, 10.0.0.1/16]",
        "addresses.1: 10.0.0.1 is given twice"
        " (Addresses of the host on the bridge, such as 10.77.0.1/24.)",
    ),
    (
        "id: 1\nmtu: 1000\naddresses: [fd00::1/64]",
        "mtu: 1000 is too small for IPv6, which needs 1280 (MTU of the bridge and its members.)",
    ),
]


@pytest.mark.parametrize(("text", "message"), NETWORKS)
def test_networks_that_contradict_themselves(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load.load_network(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "id: 0",
        "id: 1\nuplink: em0\nsubnets: [192.168.1.0/24]\npools: [192.168.1.200-192.168.1.220]"
        "\ngateway: 192.168.1.1",
        "id: 1\naddresses: [10.0.0.1/24, fd00::1/64]\npools: [10.0.0.0/24]\ngateway6: fe80::1",
    ],
)
def test_networks_that_are_fine(text: str) -> None:
    load.load_network(text)


IDENTITY = Identity(
    id=7,
    uuid="5b6df377-1597-44d5-8742-c26e52c7da81",
    kind="jail",
    nics=[Claim(network="lan", mac="58:9c:fc:00:00:01", address="10.0.0.9")],
    boot=Boot(auto=True, after=[GuestName("db")]),
)


def test_identity_is_compact_json_and_back() -> None:
    text = load.identity_to_json(IDENTITY)
    assert text == (
        '{"id":7,"uuid":"5b6df377-1597-44d5-8742-c26e52c7da81","kind":"jail",'
        '"nics":[{"network":"lan","mac":"58:9c:fc:00:00:01","address":"10.0.0.9"}],'
        '"boot":{"auto":true,"after":["db"]}}'
    )
    assert load.identity_from_json(text) == IDENTITY
    assert load.identity_from_json(text.encode()) == IDENTITY


def test_identity_that_zfs_would_not_hold() -> None:
    limit = msgspec.structs.replace(IDENTITY, release="x" * 8192)
    with pytest.raises(UsageError, match=f"more than the {MAX_BYTES} that ZFS holds"):
        load.identity_to_json(limit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{",
            "tank/g: not JSON: Expecting property name enclosed in double quotes: line 1 column 2"
            " (char 1)",
        ),
        ('{"id":' + "[" * 4000 + "]" * 4000 + "}", "tank/g: nested deeper than 16"),
        ('{"id":' + '{"a":' * 1500 + "1" + "}" * 1500 + "}", "tank/g: longer than 8191 bytes"),
        ('{"id":1e400,"uuid":"a","kind":"jail"}', "tank/g: id: expected int, got float"),
        ('{"id":NaN,"uuid":"a","kind":"jail"}', "tank/g: not JSON: NaN is not a number"),
        ('{"id":1,"id":2}', "tank/g: not JSON: 'id' appears twice"),
        ('{"release":"\\ud800"}', "tank/g: not JSON: not UTF-8"),
        (
            '{"v":2,"new":1}',
            "tank/g: v: written by a newer version of bsdvirt: version 2 (upgrade this host)",
        ),
        ("[]", "tank/g: expected mapping, got list"),
        ('{"id":1,"uuid":"a","kind":"pod"}', "tank/g: kind: expected jail | vm, got 'pod'"),
        (
            '{"id":1,"uuid":"a","kind":"vm","boot":{"after":["A"]}}',
            "tank/g: boot.after.0: 'A' is not a name: it is a lower-case letter, then up to 31 of"
            " a-z, 0-9, _ and - (Guests that must be ready before it starts.)",
        ),
        (
            '{"id":1,"uuid":"a","kind":"vm","boot":{"order":-1}}',
            "tank/g: boot.order: expected integer 0..9999, got -1 (Lower numbers start earlier.)",
        ),
        (
            '{"id":1,"uuid":"a","kind":"vm","boot":{"after":["a","a"]}}',
            "tank/g: boot.after.1: a is given twice (Guests that must be ready before it starts.)",
        ),
    ],
)
def test_identity_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load.identity_from_json(text, "tank/g")
    assert str(caught.value) == message


CLAIM = {"network": "lan", "mac": "02:00:00:00:00:02"}
DISK = {"slot": 4, "port": 0, "serial": "BV0123456789ABCDEF", "eui64": "0x0200000000000001"}


@pytest.mark.parametrize(
    ("where", "values"),
    [
        ("id", {"id": 0}),
        ("id", {"id": -7}),
        ("id", {"id": 2048}),
        ("id", {"id": 10**30}),
        ("uuid", {"uuid": "x"}),
        ("uuid", {"uuid": "../../etc/x"}),
        ("created", {"created": "x\ny"}),
        ("release", {"release": "a b"}),
        ("root_dataset", {"root_dataset": "tank/a b"}),
        ("nics", {"nics": [CLAIM] * 9}),
        ("nics.0.mac", {"nics": [CLAIM | {"mac": "zz"}]}),
        ("nics.0.mac", {"nics": [CLAIM | {"mac": "01:00:00:00:00:00"}]}),
        ("nics.0.network", {"nics": [CLAIM | {"network": "../../etc/x"}]}),
        ("nics.0.address", {"nics": [CLAIM | {"address": "1.2.3.4/24;id"}]}),
        ("nics.0.address", {"nics": [CLAIM | {"address": "fd00::1/64"}]}),
        ("nics.0.address", {"nics": [CLAIM | {"address": "10.0.0.256/24"}]}),
        ("nics.0.address6", {"nics": [CLAIM | {"address6": "fd00::1::2/64"}]}),
        ("nics.0.address6", {"nics": [CLAIM | {"address6": "1:2:3:4:5:6:7/64"}]}),
        ("nics.0.address6", {"nics": [CLAIM | {"address6": "garbage"}]}),
        ("nics.0.aliases.0", {"nics": [CLAIM | {"aliases": ["-f"]}]}),
        ("nics.0.slot", {"nics": [CLAIM | {"slot": 32}]}),
        ("next.0.mac", {"next": [CLAIM | {"mac": ""}]}),
        ("shared.0.address", {"shared": [{"address": "x"}]}),
        (
            "next_shared.0.interface",
            {"next_shared": [{"address": "10.0.0.1/32", "interface": "a b"}]},
        ),
        ("disks.A", {"disks": {"A": DISK}}),
        ("disks.disk0.slot", {"disks": {"disk0": DISK | {"slot": -1}}}),
        ("disks.disk0.port", {"disks": {"disk0": DISK | {"port": 99}}}),
        ("disks.disk0.serial", {"disks": {"disk0": DISK | {"serial": "a\nb"}}}),
        ("disks.disk0.eui64", {"disks": {"disk0": DISK | {"eui64": "1;2"}}}),
        ("root", {"root": "/a'b"}),
        ("tags.0", {"tags": ["A B"]}),
    ],
)
def test_identity_of_which_one_value_is_garbage(where: str, values: dict[str, object]) -> None:
    good = {"id": 1, "uuid": "5b6df377-1597-44d5-8742-c26e52c7da81", "kind": "vm"}
    nic = CLAIM | {"address": "10.0.0.2/24", "address6": "fd00::1/64", "aliases": ["::/0"]}
    good |= {"nics": [nic, CLAIM | {"address6": "1:2:3:4:5:6:7:8"}], "disks": {"disk0": DISK}}
    load.identity_from_json(json.dumps(good))
    with pytest.raises(UsageError) as caught:
        load.identity_from_json(json.dumps(good | values), "tank/g")
    assert str(caught.value).startswith(f"tank/g: {where}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "dataset: zroot/bsdvirt\n",
        "# mine\n\ndataset: tank/a.b-c\nmountpoint: /bsdvirt\nparallel: 4\n",
        "dataset: tank/x # not a plain line\n",
        "dataset: 'tank/x'\nmountpoint: /x\n",
        "dataset: tank/x\ndefaults:\n  network: lan\n",
        "dataset: 12/3\nparallel: 0x10\n",
        "dataset: tank/x\nparallel: yes\n",
        "dataset: tank/x\ndataset: tank/y\n",
        "dataset: null\n",
        "",
    ],
)
def test_the_quick_way_reads_a_host_file_as_yaml_does(text: str) -> None:
    def outcome(quick: bool) -> object:
        try:
            if quick:
                return load.load_hostfile(text, "f")
            return load.decode(HostFile, load.parse_yaml(text, "f"), "f")
        except UsageError as error:
            return str(error)

    assert outcome(True) == outcome(False)


def test_listing_guests_needs_no_yaml_library() -> None:
    code = (
        "import sys; before = set(sys.modules); from bsdvirt.spec import load;"
        "load.load_hostfile('dataset: tank/x\\nmountpoint: /bsdvirt\\n');"
        "sys.exit('yaml' in set(sys.modules) - before)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_many_threads_may_read_their_first_file_at_once() -> None:
    """msgspec 0.22 crashed with SIGSEGV there, in about half of the runs."""
    code = (
        "import sys, threading, yaml; from bsdvirt.spec import load\n"
        "sys.setswitchinterval(1e-6); gate = threading.Barrier(8)\n"
        "def read():\n"
        "    gate.wait(); load.load_jail('release: a\\nnics: [{network: lan}]\\n')\n"
        "threads = [threading.Thread(target=read) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
    )
    for _ in range(6):
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"vnc": {"auth": "own", "password": "short"}}, "6 to 8 printable characters"),
        ({"disks": [{"name": "a", "size": "1G", "sectorsize": "513"}]}, "512/4096"),
        ({"vnc": {"listen": "0.0.0.0"}}, "give an address of the host"),
        ({"vnc": {"listen": "::"}}, "give an address of the host"),
        ({"vnc": {"socket": True, "port": 5901}}, "listens on no address"),
        ({"cpus": 0}, "1..1024"),
        ({"memory": 512}, "512M"),
        ({"disks": [{"name": "a", "size": 10}]}, "10G"),
    ],
)
def test_what_is_wrong_with_a_virtual_machine_is_said(
    settings: dict[str, object], says: str
) -> None:
    with pytest.raises(UsageError) as raised:
        decode(Vm, {"kind": "vm", "memory": "1G", **settings})
    assert says in str(raised.value)
    assert "short" not in str(raised.value)


def test_every_pattern_is_said_in_words() -> None:
    """A value that does not match is answered with what would."""
    kinds = list(Spec.__subclasses__())
    for kind in kinds:
        kinds += kind.__subclasses__()
    silent = {
        f"{kind.__name__}.{name}"
        for kind in kinds
        # Nobody writes the parts of an archive by hand.
        if kind.__module__.startswith("bsdvirt.spec.")
        for name, field in fields_of(kind).items()
        if getattr(field.type, "pattern", None) and words_of(field.type) == "text"
    }
    assert not silent


@pytest.mark.parametrize("path", ["stack", "hostname", "params.meta"])
def test_text_that_no_file_can_hold_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        set_paths(load.load_jail("release: none"), [(path, "\ud800")])
