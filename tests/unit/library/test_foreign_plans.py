"""The commands that make guests of other tools' data."""

from __future__ import annotations

from typing import Any

import pytest

from bsdvirt.jail.root import Origin, root_steps
from bsdvirt.layout import Layout
from bsdvirt.library.formats import Form
from bsdvirt.library.plans.images import Source, Within, fill
from bsdvirt.library.plans.incoming import NOT_TAKEN, Feed, plan_discard, plan_receive
from bsdvirt.net.files import Networks
from bsdvirt.ops.migrate.request import networked
from bsdvirt.plan.marks import destroy_ours
from bsdvirt.plan.step import Command, Pipeline, Step
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import Cidr, Subnet

POOL = Layout("tank/bsdvirt", "/bsdvirt")
MARK = ("-o", "bsdvirt:op=abc")


def line(step: Step) -> str:
    match step.do:
        case Command(argv=argv):
            return " ".join(argv)
        case Pipeline(left=left, right=right):
            return f"{' '.join(left)} | {' '.join(right)}"
    raise AssertionError(step)


def root(origin: Origin, *more: str) -> list[str]:
    undo = destroy_ours("tank/bsdvirt/guests/web/root", "abc")
    return [line(step) for step in root_steps(origin, POOL, "web", (*MARK, *more), undo)]


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (
            Origin("archive", "/a.txz"),
            "/usr/bin/tar -xpvf /a.txz -C /bsdvirt/guests/web/root",
        ),
        (
            Origin("archive", "/a.txz", inside="web/root", strip=2),
            "/usr/bin/tar -xpvf /a.txz -C /bsdvirt/guests/web/root --strip-components 2 web/root",
        ),
        (
            Origin("archive", "/w.img", strip=1, offset=99),
            "/usr/bin/tail -c +100 /w.img"
            " | /usr/bin/tar -xpf - -C /bsdvirt/guests/web/root --strip-components 1",
        ),
        (
            Origin("archive", "/w.img", strip=1, offset=99, packed="xz"),
            "/usr/bin/tail -c +100 /w.img"
            " | /usr/bin/tar --use-compress-program /usr/bin/xz -dc -M 1GiB --single-stream"
            " -xpf - -C /bsdvirt/guests/web/root --strip-components 1",
        ),
    ],
    ids=["whole", "inside", "offset", "packed"],
)
def test_a_part_of_an_archive_is_extracted(origin: Origin, command: str) -> None:
    made, filled = root(origin)
    assert made == "/sbin/zfs create -o bsdvirt:op=abc tank/bsdvirt/guests/web/root"
    assert filled == command


def test_a_received_dataset_becomes_the_root() -> None:
    origin = Origin("received", "/w.xz", "tank/bsdvirt/incoming-web/root")
    assert root(origin, "-o", "quota=1G") == [
        "/sbin/zfs set bsdvirt:op=abc tank/bsdvirt/incoming-web/root",
        "/sbin/zfs rename tank/bsdvirt/incoming-web/root tank/bsdvirt/guests/web/root",
        "/sbin/zfs inherit setuid tank/bsdvirt/guests/web/root",
        "/sbin/zfs set quota=1G tank/bsdvirt/guests/web/root",
        "/sbin/zfs mount tank/bsdvirt/guests/web/root",
    ]


def test_streams_are_received_without_what_would_act_on_the_host() -> None:
    feeds = (Feed(("/usr/bin/xz", "-dc", "/w.xz"), read=("root",)),)
    plan = plan_receive("web", feeds, "/w.xz", POOL, "abc")
    left, words = " ".join(f"-x {prop}" for prop in NOT_TAKEN), [line(s) for s in plan.steps]
    assert words == [
        "/usr/bin/xz -dc /w.xz | /sbin/zfs receive -u -o bsdvirt:op=abc -o setuid=off"
        f" {left} tank/bsdvirt/incoming-web",
        "/sbin/zfs mount tank/bsdvirt/incoming-web",
        "/sbin/zfs mount tank/bsdvirt/incoming-web/root",
    ]
    assert {"mountpoint", "canmount", "jailed", "sharenfs", "sharesmb"} <= {*NOT_TAKEN}
    gone = plan_discard("web", POOL, "abc")
    assert [line(s) for s in gone.finish] == ["/sbin/zfs destroy -r tank/bsdvirt/incoming-web"]


def test_a_disk_in_an_appliance_is_converted_where_it_lies() -> None:
    source = Source("/a,b.ova", Form("vmdk"), 1 << 20, Within(1536, 4096))
    assert line(fill("tank/bsdvirt/guests/web/disk0", source)).endswith(
        "qemu-img convert -p -n --target-is-zero --image-opts -O raw driver=vmdk,file.driver=raw,"
        "file.offset=1536,file.size=4096,file.file.driver=file,file.file.filename=/a,,b.ova"
        " /dev/zvol/tank/bsdvirt/guests/web/disk0"
    )


NETWORKS = Networks()
NETWORKS["lan"] = Network(id=1, subnets=[Subnet("192.168.1.0/24")])
NETWORKS["private"] = Network(id=0, addresses=[Cidr("10.77.0.1/24"), Cidr("fd00:77::1/64")])


@pytest.mark.parametrize(
    ("nic", "changes", "network"),
    [
        ({}, {}, "usual"),
        ({"address": "dhcp"}, {}, "usual"),
        ({"address": "192.168.1.9/24"}, {}, "lan"),
        ({"address6": "fd00:77::9/64"}, {}, "private"),
        ({"address": "10.1.1.1/24"}, {"nics.0.network": "lan"}, "lan"),
        ({"address": "10.1.1.1/24"}, {"nics.0.address": "pool"}, "usual"),
    ],
)
def test_an_interface_gets_the_network_of_its_address(
    nic: dict[str, Any], changes: dict[str, str], network: str
) -> None:
    settings = networked({"nics": [nic]}, ["em0"], dict(changes), NETWORKS, "usual")
    assert settings["nics"][0]["network"] == network
    assert networked({"nics": [nic]}, [], {"nics": ""}, NETWORKS, "usual") == {}
