"""A report tells enough, and not too much."""

from __future__ import annotations

import stat
from pathlib import Path

from scenario_hosts import sim_world


def test_a_report_tells_of_a_failed_start_and_not_of_a_password(tmp_path: Path) -> None:
    with sim_world() as (driver, _):
        driver.ok(
            "create", "vm", "v", "--disk", "8M", "vnc.enabled=yes", "vnc.auth=own",
            "vnc.password=hunter22",
        )  # fmt: skip
        driver("start", "v")
        told = driver.ok("report", "v").stdout
        assert "there is no UEFI firmware on this host" in told
        assert "FreeBSD" in told or "kernel 15.1" in told
        assert "hunter22" not in told and "password: SECRET" in told
        assert "10.77." not in told
        assert {one["title"] for one in driver.json("report")} >= {"versions", "problems"}
        driver.fails(3, "report", "nosuch", says="no guest nosuch")
        place = tmp_path / "report.txt"
        assert driver("report", "-o", str(place)).status == 2
        assert not place.exists()
        driver.ok("report", "v", "-o", str(place), "--yes")
        assert place.read_text().startswith("== versions")
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        driver.fails(5, "report", "-o", str(place), "--yes", says="File exists")
