"""Logs that an older boot environment brought back, and events that a power cut tore."""

from __future__ import annotations

import pytest
from scenario_hosts import sim_world
from scenario_view import HostView

OTHER = "6446cec4-e416-4bd7-b938-ef5f4784b967"


def old_logs(view: HostView, name: str, uuid: str = OTHER) -> None:
    view.fs.mkdir(f"/var/log/bsdvirt/{name}", 0o700)
    view.fs.write(f"/var/log/bsdvirt/{name}/console.log", "secret of the old one\n")
    if uuid:
        view.fs.write(f"/var/log/bsdvirt/{name}/.guest", f"{uuid}\n")


@pytest.mark.parametrize("uuid", [OTHER, ""])
def test_a_new_guest_does_not_begin_with_anothers_logs(uuid: str) -> None:
    with sim_world() as (driver, view):
        old_logs(view, "web", uuid)
        driver.ok("create", "jail", "web", "--start")
        assert "secret" not in driver.ok("logs", "web").stdout
        kept = "/var/log/bsdvirt/web.old1/console.log"
        assert view.fs.read_text(kept) == "secret of the old one\n"
        driver.ok("destroy", "web", "--yes", "--force")
        assert view.fs.exists(kept)
        assert not view.fs.exists("/var/log/bsdvirt/web")


def test_a_rename_does_not_trip_over_them() -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "--start")
        driver.ok("stop", "web")
        old_logs(view, "www")
        driver.ok("rename", "web", "www")
        assert not view.fs.exists("/var/log/bsdvirt/web")
        assert "secret" not in driver.ok("logs", "www").stdout
        driver.ok("start", "www")
        assert "all is well" in driver.ok("doctor").stdout


def test_a_start_writes_to_no_logs_of_another() -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "--start")
        driver.ok("stop", "web")
        view.fs.rmtree("/var/log/bsdvirt/web")
        old_logs(view, "web")
        assert "another guest" in driver.ok("doctor").stdout
        driver.ok("start", "web")
        assert "secret" not in driver.ok("logs", "web").stdout
        view.fs.rmtree("/var/log/bsdvirt/web")
        old_logs(view, "web", "")
        driver.ok("restart", "web")
        assert "secret" in driver.ok("logs", "web").stdout


def test_doctor_names_what_is_nobodys_and_moves_it_aside() -> None:
    with sim_world() as (driver, view):
        old_logs(view, "gone")
        told = driver.ok("doctor").stdout
        assert "/var/log/bsdvirt/gone" in told
        driver.ok("doctor", "--repair")
        assert not view.fs.exists("/var/log/bsdvirt/gone")
        assert view.fs.exists("/var/log/bsdvirt/gone.old1/console.log")
        assert "all is well" in driver.ok("doctor").stdout


@pytest.mark.parametrize("torn", [b"", b"2026-01-01T00:00:00Z start we", b"\0" * 399])
def test_an_event_is_a_line_of_its_own_behind_what_was_torn(torn: bytes) -> None:
    with sim_world() as (driver, view):
        log = view.fs.path("/var/log/bsdvirt/events.log")
        log.write_bytes(log.read_bytes() + torn)
        driver.ok("create", "jail", "web")
        last = log.read_bytes().splitlines()[-1].decode()
        assert last.endswith("ok")
        assert " create web " in last
        assert "\0" not in last
