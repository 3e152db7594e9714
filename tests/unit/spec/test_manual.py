"""The manual says what the declarations say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bsdvirt.cli.words import VERBS
from bsdvirt.spec import manual

MAN = Path(__file__).resolve().parents[3] / "man"


def test_the_property_sections_are_those_of_the_declarations() -> None:
    page = (MAN / "bsdvirt.yaml.5").read_text(encoding="utf-8")
    assert manual.rewritten(page) == page, "python3 -m bsdvirt.spec.manual man/bsdvirt.yaml.5"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_the_manual(verb: str) -> None:
    assert f".It Cm {verb}" in (MAN / "bsdvirt.8").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="no mandoc(1) here")
@pytest.mark.parametrize("page", ["bsdvirt.8", "bsdvirt.yaml.5"])
def test_mandoc_finds_no_error(page: str) -> None:
    argv = ["mandoc", "-Tlint", "-Wwarning", str(MAN / page)]
    found = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
