"""The files of history: what is written is read, what was torn or is old is not, and a gap stays
one."""

from __future__ import annotations

import math
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsdvirt.host.fs import Fs
from bsdvirt.ops.history.past import Span, chosen
from bsdvirt.ops.history.ring import (
    FIGURES,
    HOURS,
    MINUTES,
    SIZE,
    Record,
    Ring,
    folded,
    header,
    rings,
)
from bsdvirt.ops.history.store import History, Store

STEP = 10
FINE = rings(STEP)[0]
NOW = 1_800_000_000 // 3600 * 3600
"""The beginning of an hour."""
NAN = math.nan


def figures(value: float) -> tuple[float, ...]:
    return (value,) * FIGURES


def sample(number: int, value: float) -> Record:
    return Record(number, 1, figures(value), figures(value))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Fs(tmp_path), "/")


def add(store: Store, *records: Record, step: int = STEP) -> None:
    with store.opened("a", step) as file:
        for record in records:
            file.write(file.rings[0], record)


def read(store: Store) -> History:
    found = store.read("a")
    assert found is not None
    return found


def fine(store: Store, now: int, step: int = STEP) -> dict[int, float]:
    ring = rings(step)[0]
    return {one.number: one.mean[0] for one in read(store).records(ring, 0, now)}


def test_a_file_has_its_size_from_the_beginning_and_is_roots_own(store: Store) -> None:
    add(store, sample(NOW // STEP - 1, 1.0))
    status = store.fs.path(store.path("a")).stat()
    assert (status.st_size, status.st_mode & 0o777) == (SIZE, 0o600)
    for number in range(2000):
        add(store, sample(NOW // STEP + number, 2.0))
    assert store.fs.path(store.path("a")).stat().st_size == SIZE
    assert store.names() == ["a"]
    assert store.read("b") is None


def test_the_rings_cover_what_they_are_to_cover() -> None:
    assert [ring.span for ring in rings(10)] == [7200, 2 * 86400, 60 * 86400]
    ends = [(ring.offset, ring.end) for ring in rings(10)]
    assert [begin for begin, _ in ends[1:]] == [end for _, end in ends[:-1]]
    assert SIZE < 200_000


def test_any_samples_at_any_times_are_read_as_a_table_would_have_them(store: Store) -> None:
    """Wraps, gaps, and a clock that is set forward and back, at random: the ring holds what the
    last sample of each period was, of the periods that it covers."""
    chance = random.Random(15)
    for _ in range(20):
        table: dict[int, float] = {}
        number = NOW // STEP
        store.remove("a")
        for _ in range(60):
            number += chance.choice((1, 1, 1, 1, 2, 40, 719, 720, 721, 5000, -1, -30, -720))
            table = {at: v for at, v in table.items() if at % 720 != number % 720}
            table[number] = float(chance.randrange(1000))
            add(store, sample(number, table[number]))
        end = number + 1
        assert fine(store, end * STEP) == {
            at: value for at, value in table.items() if end - 720 <= at < end
        }


def test_what_is_in_the_future_is_not_shown_until_then(store: Store) -> None:
    at = NOW // STEP
    add(store, sample(at + 100, 5.0), sample(at - 1, 1.0))
    assert fine(store, NOW) == {at - 1: 1.0}


@pytest.mark.parametrize("ring", [FINE, MINUTES], ids=["sample", "mean"])
def test_a_record_torn_at_any_byte_is_none(ring: Ring) -> None:
    old, new = (ring.pack(sample(100 + turn * ring.count, 1.5 + turn)) for turn in (0, 1))
    for at in range(1, ring.size):
        torn = new[:at] + old[at:]
        assert torn in (old, new) or ring.unpack(torn) is None, at
        if torn not in (old, new):
            assert ring.unpack(old[:at] + new[at:]) is None or old[:at] + new[at:] in (old, new)
    assert ring.unpack(bytes(ring.size)) is None
    assert ring.unpack(new) == sample(100 + ring.count, 2.5)


def test_a_power_cut_at_any_byte_loses_the_newest_record_only(store: Store) -> None:
    at = NOW // STEP
    add(store, *(sample(number, float(number - at)) for number in range(at - 30, at)))
    path = store.fs.path(store.path("a"))
    before = path.read_bytes()
    record = FINE.pack(sample(at, 7.0))
    place = FINE.place(at)
    for cut in range(FINE.size + 1):
        path.write_bytes(before[:place] + record[:cut] + before[place + cut :])
        found = fine(store, NOW + STEP)
        assert found.pop(at, 7.0) == 7.0
        assert len(found) == 30


def test_a_file_that_was_cut_off_or_is_none_is_made_one_again(store: Store) -> None:
    path = store.fs.path(store.path("a"))
    for content in (b"", b"x" * 10, bytes(SIZE + 5), os.urandom(SIZE)):
        path.write_bytes(content)
        assert fine(store, NOW) == {}
        add(store, sample(NOW // STEP - 1, 3.0))
        assert fine(store, NOW) == {NOW // STEP - 1: 3.0}
        assert path.stat().st_size == SIZE


def test_another_interval_begins_again_and_keeps_the_longer_periods(store: Store) -> None:
    at = NOW // STEP
    with store.opened("a", STEP) as file:
        for number in range(at - 30, at):
            file.write(file.rings[0], sample(number, 4.0))
        file.fold(NOW, 0)
    add(store, sample(NOW // 5 - 1, 9.0), step=5)
    assert fine(store, NOW, step=5) == {NOW // 5 - 1: 9.0}
    (kept,) = read(store).records(MINUTES, 0, NOW)
    assert (kept.number, kept.samples, kept.mean[0]) == (NOW // 300 - 1, 30, 4.0)


def test_longer_periods_have_means_and_highest_values() -> None:
    rest = figures(1.0)[2:]
    mixed = folded(
        [
            Record(0, 3, (10.0, NAN, *rest), (20.0, NAN, *rest)),
            Record(1, 1, (50.0, 5.0, *rest), (60.0, 5.0, *rest)),
        ],
        7,
    )
    assert mixed is not None
    assert (mixed.number, mixed.samples) == (7, 4)
    assert mixed.mean[:3] == (20.0, 5.0, 1.0)
    assert mixed.most[:3] == (60.0, 5.0, 1.0)
    assert folded([], 7) is None


def test_folding_is_the_same_whenever_it_is_done(store: Store) -> None:
    """After each sample, after a restart of the daemon, or once at the end."""
    at = NOW // STEP
    chance = random.Random(7)
    samples = [sample(number, float(chance.randrange(100))) for number in range(at, at + 700)]
    samples = [one for one in samples if chance.random() < 0.8]
    with store.opened("a", STEP) as file:
        folded_at = 0
        for one in samples:
            file.write(file.rings[0], one)
            now = (one.number + 1) * STEP
            file.fold(now, 0 if chance.random() < 0.01 else folded_at)
            folded_at = now
        file.fold(NOW + 7200, folded_at)
    step_by_step = read(store)
    store.remove("a")
    with store.opened("a", STEP) as file:
        for one in samples:
            file.write(file.rings[0], one)
        file.fold(NOW + 7200, 0)
    at_once = read(store)
    for ring in (MINUTES, HOURS):
        wanted = step_by_step.records(ring, 0, NOW + 7200)
        assert wanted == at_once.records(ring, 0, NOW + 7200)
        assert len(wanted) >= 7200 // ring.step - 1
    hour = [one for one in samples if one.number < at + 360]
    (first, _) = at_once.records(HOURS, 0, NOW + 7200)
    assert first.samples == len(hour)
    assert first.mean[0] == pytest.approx(sum(one.mean[0] for one in hour) / len(hour))
    assert first.most[0] == max(one.mean[0] for one in hour)


def test_what_remains_of_a_period_does_not_replace_it(store: Store) -> None:
    at = NOW // STEP
    with store.opened("a", STEP) as file:
        for number in range(at - 30, at):
            file.write(file.rings[0], sample(number, 1.0))
        file.fold(NOW, 0)
        # The clock was set: other samples stand where these were.
        for number in range(at - 20 + 720, at + 720):
            file.write(file.rings[0], sample(number, 8.0))
        file.fold(NOW, 0)
    (kept,) = read(store).records(MINUTES, 0, NOW)
    assert (kept.samples, kept.mean[0]) == (30, 1.0)


def test_the_finest_ring_that_reaches_back_is_shown(store: Store) -> None:
    now = NOW + 140
    with store.opened("a", STEP) as file:
        for number in range(NOW // STEP - 500, now // STEP):
            file.write(file.rings[0], sample(number, 2.0))
        file.fold(now, 0)
    history = read(store)
    shown = {ago: chosen(history, Span(now - ago, now), now) for ago in (600, 7200, 7201, 200000)}
    assert [step for step, _ in shown.values()] == [10, 10, 300, 3600]
    assert len(shown[600][1]) == 60
    # The last one is of the period that has not ended.
    assert shown[7201][1][-1].number == NOW // 300
    assert shown[7201][1][-1].samples == 14
    past = chosen(history, Span(now - 5000, now - 4000), now)
    assert [record.number for record in past[1]][0] >= (now - 5000) // STEP
    assert past[1][-1].number < (now - 4000) // STEP


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(width=32), min_size=FIGURES, max_size=FIGURES),
    st.integers(1, 2**32 - 1),
    st.sampled_from(rings(STEP)),
)
def test_figures_that_no_host_has_are_unknown(given: list[float], samples: int, ring: Ring) -> None:
    """A checksum says that a record is whole, not that it is true."""
    read = ring.unpack(ring.pack(Record(5, samples, tuple(given), tuple(given))))
    assert read is not None
    assert all(math.isnan(one) or 0 <= one <= 1e20 for one in (*read.mean, *read.most))
    longer = folded([read, read], 2)
    assert longer is not None
    assert HOURS.unpack(HOURS.pack(longer)) is not None


@settings(max_examples=8, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_a_file_of_any_bytes_has_no_records(data: bytes, interval: int) -> None:
    for begun in (data, header(interval) + data):
        history = History(begun)
        assert all(history.records(ring, 0, NOW) == [] for ring in history.rings)
