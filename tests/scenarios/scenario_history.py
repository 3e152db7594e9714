"""What guests use is recorded by a daemon, shown, and given to Prometheus."""

from __future__ import annotations

import json
import signal
import socket
import time

from scenario_driver import Bsdvirt, wait_for
from scenario_hosts import scenario
from scenario_view import ETC, LOG, RUN, HostView

PATIENCE = 60.0


@scenario()
def what_guests_use_is_recorded(driver: Bsdvirt, view: HostView) -> None:
    """One daemon at a time; it takes a sample each second, and ends at once on a signal."""
    driver.ok("create", "jail", "t1", "--start")
    driver.fails(3, "stats", "t1", "--since", "1h", says="bsdvirt_stats_enable=YES")
    hostfile = view.fs.path(f"{ETC}/bsdvirt.yaml")
    text = hostfile.read_text()
    hostfile.write_text(f"{text}\nstats: {{interval: 1}}\n")
    prom, asked = f"{RUN}/t.prom", f"{RUN}/t.sock"
    process = driver.begin(
        "stats", "record", "--prometheus-file", prom, "--prometheus-socket", asked
    )
    try:
        wait_for(lambda: view.fs.exists(prom), PATIENCE, "the first sample")
        second = driver.fails(4, "stats", "record")
        assert f"runs already: process {process.pid}" in second.stderr
        assert "not started: stats record runs already" in view.fs.read_text(f"{LOG}/events.log")
        wait_for(lambda: periods(driver) >= 2, PATIENCE, "two samples")
        metrics = view.fs.read_text(prom)
        assert 'bsdvirt_guest_memory_bytes{name="t1",kind="jail"}' in metrics
        head, _, body = answer(view, asked).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200 ")
        assert metrics.splitlines()[0] == body.decode().splitlines()[0]
        for path in (prom, asked):
            assert view.fs.path(path).stat().st_mode & 0o777 == 0o600
        # It holds nothing open that keeps a dataset from being unmounted.
        view.do("/sbin/zfs", "umount", f"{view.root}/state/stats")
        view.do("/sbin/zfs", "mount", f"{view.root}/state/stats")
    finally:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        ended = driver.end(process)
        hostfile.write_text(text)
    assert (ended.status, ended.stdout, ended.stderr) == (0, "", "")
    assert time.monotonic() - began < PATIENCE
    assert not view.fs.is_locked(f"{RUN}/locks/stats")
    assert not view.fs.exists(asked)
    assert "CPU, of one" in driver.ok("stats", "t1", "--since", "10m").stdout
    files = view.fs.listdir(f"{view.mountpoint}/state/stats")
    assert len(files) == 2
    assert str(driver.json("info", "t1")["uuid"]) in "".join(files)
    driver.ok("destroy", "t1", "--yes", "--force")
    assert view.fs.listdir(f"{view.mountpoint}/state/stats") == ["host.ring"]
    # What was recorded of the host stays.
    view.do("/sbin/zfs", "destroy", f"{view.root}/state/stats")
    view.fs.unlink(prom)


def periods(driver: Bsdvirt) -> int:
    """Return how many samples of the guest with a rate there are."""
    shown = driver("stats", "t1", "--since", "1m", "--json")
    if shown.status != 0:
        return 0
    found = json.loads(shown.stdout)[0]["periods"]
    return sum(1 for one in found if one["mean"]["cpu"] is not None)


def answer(view: HostView, path: str) -> bytes:
    """Return what a scraper gets from the socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(view.fs.path(path)))
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: client.recv(1 << 16), b""))
