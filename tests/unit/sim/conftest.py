"""A simulated host for each test, and short ways to run its commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt_sim import SimHost
from bsdvirt_sim.releases import RELEASES, Release

Do = Callable[..., Result]


@pytest.fixture(params=RELEASES)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> SimHost:
    return SimHost(tmp_path / "host", release=request.param)


@pytest.fixture
def of(host: SimHost) -> Release:
    """The release that the host is."""
    return host.settings.release


@pytest.fixture
def do(host: SimHost) -> Do:
    """Run a command that changes something and must succeed."""

    def run(*argv: str, ok: int = 0) -> Result:
        result = host.run(argv, changes=True)
        assert result.status == ok, result
        return result

    return run


@pytest.fixture
def see(host: SimHost) -> Do:
    """Run a command that only reads."""

    def run(*argv: str) -> Result:
        return host.run(argv, changes=False)

    return run


@pytest.fixture
def release(do: Do) -> str:
    """A release with its snapshot; its name."""
    do(tools.ZFS, "create", "-p", "zroot/b/rel")
    do(tools.TAR, "-xpvf", "/usr/freebsd-dist/base.txz", "-C", "/zroot/b/rel")
    do(tools.ZFS, "snapshot", "zroot/b/rel@base")
    return "zroot/b/rel@base"


@pytest.fixture
def web(host: SimHost, do: Do, release: str) -> str:
    """All that a vnet jail called web needs, but the jail; the path of its file."""
    do(tools.ZFS, "clone", release, "zroot/b/web")
    do(tools.IFCONFIG, "bridge1", "create", "name", "br0", "inet", "10.77.0.1/24")
    do(tools.IFCONFIG, "epair1", "create", "name", "ep0a", "up")
    do(tools.IFCONFIG, "epair1b", "name", "ep0b", "descr", "web", "group", "bsdvirt")
    do(tools.IFCONFIG, "br0", "addm", "ep0a")
    host.fs.write(
        "/var/run/web.conf",
        """web {
  path = '/zroot/b/web'; host.hostname = 'web.example.org';
  vnet; vnet.interface = 'ep0b'; persist; mount.devfs; devfs_ruleset = 5; exec.clean;
  exec.start = '/sbin/ifconfig ep0b inet 10.77.0.10/24 up';
  exec.start += '/sbin/route -q add default 10.77.0.1';
  exec.start += '/bin/sh /etc/rc';
  exec.stop = '/bin/sh /etc/rc.shutdown jail';
  exec.consolelog = '/var/log/web.log';
}
""",
    )
    return "/var/run/web.conf"
