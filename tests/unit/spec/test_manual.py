"""The manual says what the declarations say."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from bsdvirt.cli.words import VERBS
from bsdvirt.spec import manual
from bsdvirt.spec.schema import Which

MAN = Path(__file__).resolve().parents[3] / "man"
NEEDED = "BSDVIRT_NEEDS_MANDOC"
"""Set by the gate, where its absence is a failure."""
OF_THE_HOST = ("referenced manual not found", "outdated mandoc.db")
"""What mandoc(1) says of the host's other pages."""


@pytest.mark.parametrize("page", manual.PAGES)
def test_the_property_sections_are_those_of_the_declarations(page: str) -> None:
    text = (MAN / page).read_text(encoding="utf-8")
    assert manual.rewritten(page, text) == text, "python3 -m bsdvirt.spec.manual man/bsdvirt*.5"


def test_every_kind_of_file_has_its_page() -> None:
    assert {which for page in manual.PAGES.values() for which in page} == set(get_args(Which))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_the_manual(verb: str) -> None:
    assert f".It Cm {verb}" in (MAN / "bsdvirt.8").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["bsdvirt.8", *manual.PAGES])
def test_mandoc_has_nothing_to_say(page: str) -> None:
    """Neither an error nor a matter of style; which other pages are there is the host's affair."""
    if shutil.which("mandoc") is None:
        assert not os.environ.get(NEEDED), "mandoc is not installed"
        pytest.skip("mandoc is not installed")
    argv = ["mandoc", "-Tlint", str(MAN / page)]
    found = subprocess.run(argv, capture_output=True, text=True, check=False)
    said = found.stdout.splitlines()
    assert not [line for line in said if not any(words in line for words in OF_THE_HOST)]
