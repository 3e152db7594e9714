"""The main screens look as they did: pictures that people look at before they replace them."""

from __future__ import annotations

import difflib
from importlib.metadata import version

import pytest
from pictures import PICTURES, PLACE, readings, take, world

DRAWN_BY = "8"
"""The major version of textual by which the pictures are drawn; others draw borders and scroll bars
a little differently."""

TRIES = 5
"""On a busy machine, a picture may be taken a moment before the last change is drawn."""


@pytest.mark.skipif(version("textual").split(".")[0] != DRAWN_BY, reason="another textual")
def test_screens_look_as_they_did() -> None:
    different = []
    with world() as sim:
        ticks = readings(sim)
        for name, (flow, size) in PICTURES.items():
            before = (PLACE / f"{name}.svg").read_text(encoding="utf-8").splitlines()
            for _ in range(TRIES):
                now = take(sim, ticks, flow, size).splitlines()
                if now == before:
                    break
            different += list(difflib.unified_diff(before, now, name, f"{name}, now", n=0))[:20]
    assert not different, "look at the new ones: make pictures"
