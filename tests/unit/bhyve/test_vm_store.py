"""Virtual machines as their run directories tell them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bsdvirt.bhyve import holds
from bsdvirt.bhyve.devices.base import Taken
from bsdvirt.bhyve.devices.framebuffer import screen_of
from bsdvirt.facts import vms
from bsdvirt.host.fs import Fs
from bsdvirt.layout import bhyve_conf, run_lock, state_file, supervisor_lock, vm_directory
from bsdvirt.rows.vm import Vnc


@pytest.fixture
def fs(tmp_path: Path) -> Fs:
    found = Fs(tmp_path)
    found.mkdir(vm_directory("web1"), 0o700)
    return found


@pytest.fixture
def held(fs: Fs) -> Iterator[None]:
    """Both locks are somebody's."""
    descriptors = []
    for path in (run_lock("web1"), supervisor_lock("web1")):
        descriptor = os.open(fs.path(path), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        descriptors.append(descriptor)
    yield
    for descriptor in descriptors:
        os.close(descriptor)


def test_one_that_never_ran(fs: Fs) -> None:
    assert vms.read_vm(fs, "db") is None
    assert not fs.exists(vm_directory("db"))


@pytest.mark.usefixtures("held")
def test_one_that_runs(fs: Fs) -> None:
    text = (
        '{"v": 1, "state": "paused", "pid": 4711, "start": "17.5", "supervisor": 4710,'
        ' "runs": 3, "since": 1763740000.5, "vnc": null, "more": [1],'
        ' "last": {"code": 0, "signal": null, "what": "reset", "at": 1763740000}}'
    )
    fs.write(state_file("web1"), text, 0o600)
    found = vms.read_vm(fs, "web1")
    assert found is not None
    assert found.said is not None
    assert (found.runs, found.supervised, found.state) == (True, True, "paused")
    assert found.said.pid == 4711
    assert found.said.last == vms.VmEnd(code=0, what="reset", at=1763740000)


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"state": 5}', "\udcff"])
def test_a_state_that_cannot_be_read(fs: Fs, text: str) -> None:
    fs.path(state_file("web1")).write_bytes(text.encode("utf-8", "surrogateescape"))
    found = vms.read_vm(fs, "web1")
    assert found == vms.VmFact("web1", True, True, None)


def test_a_state_that_outlived_its_guest(fs: Fs) -> None:
    fs.write(state_file("web1"), '{"state": "running", "pid": 4711}')
    for path in (run_lock("web1"), supervisor_lock("web1")):
        fs.write(path, "")
    found = vms.read_vm(fs, "web1")
    assert found is not None
    assert (found.runs, found.state, found.left) == (False, "", True)


@pytest.mark.usefixtures("held")
def test_what_a_running_guest_holds_of_the_host(fs: Fs) -> None:
    lines = [
        "pci.0.2.0.device=ahci",
        "pci.0.2.0.port.0.path=/dev/da1",
        "pci.0.2.0.port.24.path=/a.iso",
        "pci.0.2.0.port.24.ro=true",
        r"pci.0.4.0.path=/data/50\%.img",
        "pci.0.29.0.rfb=[::1]:5907",
        r"pci.0.29.0.password=a\%b\\c=",
        "lpc.com1.path=/dev/nmdm-bv7A",
    ]
    fs.write(bhyve_conf("web1"), "\n".join(lines) + "\n", 0o600)
    taken = holds.read_taken(fs, ["web1", "db"])
    assert taken.of("vnc_ports") == {"5907": "web1"}
    assert taken.of("disks") == {"/dev/da1": "web1", "/data/50%.img": "web1"}
    screen = screen_of(holds.read_keys(fs, "web1"))
    assert screen == Vnc(address="::1", port=5907, password="a%b\\c=")
    screen = screen_of({"pci.0.29.0.rfb": "unix:/run/vnc.sock"})
    assert screen == Vnc(address=None, port=None, socket="/run/vnc.sock", password=None)


def test_a_guest_that_does_not_run_holds_nothing(fs: Fs) -> None:
    fs.write(bhyve_conf("web1"), "pci.0.4.0.path=/dev/da1\npci.0.29.0.rfb=127.0.0.1:5907\n")
    assert holds.read_taken(fs, ["web1"]) == Taken()
    assert screen_of(holds.read_keys(fs, "db")) is None
