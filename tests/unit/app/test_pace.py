"""How fast something goes, as the terminal shows it."""

from __future__ import annotations

from bsdvirt.cli.progress import Pace
from bsdvirt.plan.events import Progress

MEGA = 1 << 20


def bytes_of(done: int, total: int) -> Progress:
    return Progress("", "fetch release", "x", "fetch base.txz", done, total, "bytes")


def test_rate_and_time_left() -> None:
    pace = Pace()
    pace.note(100.0, 50 * MEGA)
    assert pace.words(bytes_of(50 * MEGA, 200 * MEGA)) == "50M of 200M"
    pace.note(105.0, 100 * MEGA)
    # What was there before it went on does not count.
    assert pace.words(bytes_of(100 * MEGA, 200 * MEGA)) == "100M of 200M, 10M/s, 10 s left"


def test_the_rate_is_that_of_the_last_seconds() -> None:
    pace = Pace()
    for second in range(60):
        pace.note(float(second), min(second, 30) * MEGA)
    assert pace.rate == 0


def test_begun_again() -> None:
    pace = Pace()
    pace.note(0.0, 90 * MEGA)
    pace.note(1.0, 0)
    pace.note(2.0, MEGA)
    assert pace.rate == MEGA


def test_files_and_long_times() -> None:
    pace = Pace()
    pace.note(0.0, 0)
    pace.note(1.0, 10)
    event = Progress("", "add release", "x", "extract", 10, 50_010, "files")
    assert pace.words(event) == "10 files, 10/s, 1 h 23 min left"
