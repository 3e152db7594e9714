"""The drawing of the CPUs, on pictures: tests/data/cpumap/NAME.txt.

With BSDVIRT_GOLDEN=write in the environment the pictures are drawn again: look at the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cpuhosts import shown, with_claims

from bsdvirt.cpu.blocks import text_of, width_of
from bsdvirt.cpu.cells import ASCII, UTF8, Glyphs, letters
from bsdvirt.cpu.legend import heading, legend, notes
from bsdvirt.cpu.map import draw
from bsdvirt.cpu.shares import Placed, cpu_map
from bsdvirt.cpu.topology import topology
from bsdvirt.facts.cpus.topology import TopologyFacts
from bsdvirt.rows.cpu import CpuMap
from bsdvirt_sim.kernel.topology import MACHINES

PICTURES = Path(__file__).resolve().parents[2] / "data" / "cpumap"
WRITE = os.environ.get("BSDVIRT_GOLDEN") == "write"
CASES = [("", 80), ("", 160), *((name, 80) for name in MACHINES), ("xeon", 160), ("large", 250)]
CLAIMS = ["ryzen", "xeon", "large"]


def picture(of: CpuMap, width: int, glyphs: Glyphs) -> str:
    lines = [*draw(of, width, glyphs=glyphs), *legend(of, width)]
    assert max(map(width_of, lines)) <= width
    return "\n".join([heading(of.host), *notes(of.host), *map(text_of, lines), ""])


@pytest.mark.parametrize(("name", "width"), CASES)
@pytest.mark.parametrize("glyphs", [UTF8, ASCII], ids=["utf8", "ascii"])
def test_picture(name: str, width: int, glyphs: Glyphs) -> None:
    hold(f"{name or 'captured'}-{width}", picture(shown(name), width, glyphs), glyphs)


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("glyphs", [UTF8, ASCII], ids=["utf8", "ascii"])
def test_picture_of_claims(name: str, glyphs: Glyphs) -> None:
    hold(f"{name}-claims-80", picture(with_claims(name), 80, glyphs), glyphs)


def hold(name: str, found: str, glyphs: Glyphs) -> None:
    """Hold a picture against the one that is kept."""
    file = PICTURES / f"{name}{'' if glyphs is UTF8 else '.ascii'}.txt"
    if WRITE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")
    assert glyphs is UTF8 or found.isascii()


def test_no_picture_is_left_over() -> None:
    assert len(list(PICTURES.iterdir())) == 2 * (len(CASES) + len(CLAIMS))


@pytest.mark.parametrize("name", ["", *MACHINES])
@pytest.mark.parametrize("width", [40, 64, 80, 120, 250])
def test_each_cpu_is_drawn_once_within_the_width(name: str, width: int) -> None:
    of = shown(name)
    lines = draw(of, width)
    assert max(map(width_of, lines)) <= width
    loads = [
        segment.cpu for line in lines for segment in line
        if segment.cpu is not None and len(segment.text) == 1 and segment.text in UTF8.load
    ]  # fmt: skip
    assert sorted(loads) == of.host.cpus


@pytest.mark.parametrize("count", [1, 3, 7, 24, 100, 256])
def test_any_number_of_cpus_is_readable(count: int) -> None:
    of = shown("", count)
    lines = draw(of, 80)
    assert len(lines) <= 48
    assert {segment.cpu for line in lines for segment in line} - {None} == set(of.host.cpus)


def test_256_cpus_fit_a_screen_of_24_lines() -> None:
    assert len(draw(shown("large"), 250, height=24)) <= 24


def test_loads_that_are_not_known() -> None:
    text = "\n".join(map(text_of, draw(shown("", loads=False), 80)))
    assert "0 -   -" in text
    assert "%" not in text


def test_styles_say_load_and_guest() -> None:
    of = shown("", 4)
    styles = {
        (segment.cpu, segment.text): segment.style for line in draw(of, 80) for segment in line
    }
    assert styles[0, "db:0"] == "guest1 pinned"
    assert styles[3, "cache"] == "guest0"
    assert styles[0, "  0%"] == "idle"
    assert styles[2, " 74%"] == "mid"


def test_more_guests_than_letters() -> None:
    host = topology(TopologyFacts(4, 3, 1))
    guests = [Placed(f"g{n:03}", "jail", "running", True, (n % 2,)) for n in range(60)]
    of = cpu_map(host, guests, [])
    assert len(set(letters(of).values())) == 53
    lines = draw(of, 80)
    assert any("+2" in text_of(line) for line in lines)
    assert len(legend(of, 80)) == 60


def test_a_hostile_model_is_shown_harmless() -> None:
    facts = TopologyFacts(1, 0, 1, model="\x1b[31mevil\n", hypervisor="\x1b]0;x")
    of = cpu_map(topology(facts), [], [])
    assert "\x1b" not in heading(of.host) + "".join(notes(of.host))
    assert "\n" not in heading(of.host)
