"""Every captured command that bsdvirt emits: the simulated host says the same, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from .replay import HERE, Rules, Shell, read
from .scenes import meta, scene

FILES = sorted(path.name for path in (HERE / "captures").glob("*.txt"))


@pytest.mark.parametrize("file", FILES)
def test_capture(file: str, tmp_path: Path) -> None:
    rules = Rules()
    host = scene(file, tmp_path)
    shell = Shell(host)
    wrong: list[str] = []
    for entry in read(HERE / "captures" / file):
        skip = rules.skip(file, entry)
        if skip is not None:
            for line in skip.get("instead", []):
                if line.startswith("!"):
                    meta(host, line)
                else:
                    shell.line(line)
            continue
        result = shell.line(entry.command)
        got = (
            result.status,
            rules.normal(entry, result.stdout),
            rules.normal(entry, result.stderr),
        )
        wanted = (
            entry.status,
            rules.normal(entry, entry.stdout),
            rules.normal(entry, entry.stderr),
        )
        if got != wanted:
            wrong.append(
                f"$ {entry.command}\nwanted {wanted[0]}\n{wanted[1]}{wanted[2]}"
                f"got {got[0]}\n{got[1]}{got[2]}"
            )
    assert not wrong, "\n\n".join(wrong)


def test_every_skip_is_needed() -> None:
    """A rule of replay.yaml that no captured command meets is left over."""
    rules = Rules()
    for file, wanted in rules.data["skip"].items():
        entries = read(HERE / "captures" / file)
        used = [rules.skip(file, entry) for entry in entries]
        for rule in wanted:
            assert rule in used, f"{file}: {rule}"
