"""bhyve(8), bhyvectl(8) and taps on the simulated host, against the captures."""

from __future__ import annotations

import pytest
from captures import read

from bsdvirt.host import tools
from bsdvirt_sim import SimHost, UnknownCommand
from bsdvirt_sim.releases import RELEASES

from .conftest import Do

CAPTURED = {
    release: {entry.command: entry for entry in read(release, "05-bhyve.txt")}
    for release in RELEASES
}
PATH = {name: f"/usr/sbin/{name}" for name in ("bhyve", "bhyvectl")}


@pytest.mark.parametrize(
    "command",
    [
        "bhyve -h",
        "bhyve -s help",
        "bhyve -l help",
        "bhyve -k /tmp/nosuch vm1",
        "bhyve -k /tmp/vm1.conf -o config.dump=1 vm1",
        "bhyvectl",
        "bhyvectl --vm=nosuch --destroy",
    ],
)
def test_as_captured(host: SimHost, command: str) -> None:
    captured = CAPTURED[host.settings.release.version]
    host.fs.write("/tmp/vm1.conf", captured["cat /tmp/vm1.conf"].stdout)
    words = command.split()
    changes = "--destroy" in command
    result = host.run((PATH[words[0]], *words[1:]), changes=changes)
    wanted = captured[command]
    assert (result.status, result.stdout, result.stderr) == (
        wanted.status,
        wanted.stdout,
        wanted.stderr,
    )


def test_a_device_is_created_and_destroyed(host: SimHost, do: Do, see: Do) -> None:
    do(tools.BHYVECTL, "--vm=vm1", "--create")
    assert host.fs.listdir("/dev/vmm") == ["vm1"]
    stats = see(tools.BHYVECTL, "--vm=vm1", "--get-stats").stdout
    captured = CAPTURED["13.2"]["bhyvectl --vm=vm1 --get-stats"].stdout
    names = [line.split("\t")[0] for line in stats.splitlines()]
    assert names == [line.split("\t")[0] for line in captured.splitlines()]
    do(tools.BHYVECTL, "--vm=vm1", "--destroy")
    assert not host.fs.exists("/dev/vmm")


def test_a_key_that_bhyve_would_ignore_is_an_error_of_ours(host: SimHost) -> None:
    host.fs.write("/tmp/c", "name=vm1\nmemory.sise=512M\n")
    with pytest.raises(UnknownCommand, match=r"memory\.sise"):
        host.run((tools.BHYVE, "-k", "/tmp/c", "-o", "config.dump=1", "vm1"), changes=False)


def test_a_percent_sign_escapes(host: SimHost) -> None:
    host.fs.write("/tmp/c", "pci.0.3.0.path=/a\\%b\\\\c\n")
    from bsdvirt_sim.bhyve.config import Config
    from bsdvirt_sim.context import Run

    with host.change() as state:
        run = Run(("t",), state, host.directory, changes=None, limit=0)
        config = Config.of_words(run, ["-k", "/tmp/c", "vm1"])
    assert config.get("pci.0.3.0.path") == "/a%b\\c"
