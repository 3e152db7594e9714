"""The documentation: its links lead somewhere, and it says what the packages say."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bsdvirt.ops.migrate.request import TOOLS
from bsdvirt.spec.base import Spec
from bsdvirt.spec.fields import field_at
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.schema import properties
from bsdvirt.spec.vm import Vm

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Markdown viewers make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_each_page_is_found_from_the_readme() -> None:
    links = LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "man").glob("*.[58]")]
    assert not {str(page.relative_to(ROOT)) for page in pages} - set(links)


def test_the_oldest_packages_that_are_tested_are_the_bounds() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = (ROOT / "tests" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    bounds = parser["options"]["install_requires"].split()
    assert [line for line in lines if "==" in line] == [one.replace(">=", "==") for one in bounds]


def test_each_dependency_is_explained_with_its_bound() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", text, re.MULTILINE))
    wanted = dict(line.split(">=") for line in parser["options"]["install_requires"].split())
    assert {name.lower(): bound for name, bound in rows.items()} == wanted


COMING = sorted((ROOT / "docs").glob("from-*.md"))
KINDS: tuple[type[Spec], ...] = (Jail, Vm, Identity)
NAMES = ("data", "disk0")
PROPERTY = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")


def properties_of(page: Path) -> Iterator[str]:
    """Yield the properties of ours in the right column of a page's tables of configuration."""
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            inside = line in ("## Configuration", "## Parameters")
        cells = re.split(r"(?<!\\)\|", line)
        if inside and len(cells) == 4:
            for code in re.findall(r"`([^`]+)`", cells[2]):
                word = code.split(":")[0]
                if PROPERTY.fullmatch(word) and not word.startswith(("pci.", "params.allow.")):
                    yield word


@pytest.mark.parametrize("page", COMING, ids=lambda page: page.name)
def test_pages_for_others_name_properties_that_exist(page: Path) -> None:
    named = [*properties_of(page)]
    assert len(named) > 10
    assert not [word for word in named if not any(exists(kind, word) for kind in KINDS)]


def exists(kind: type[Spec], path: str) -> bool:
    """Return whether a property exists; elements of lists have numbers, or names as these."""
    parts = [part for part in path.split(".") if not part.isdigit() and part not in NAMES]
    found = field_at(kind, parts)
    return found is not None and (found.name == parts[-1] or parts[0] == "params")


def test_each_tool_has_a_page_that_the_readme_names() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for tool in TOOLS:
        page = f"docs/from-{tool.replace('.', '-')}.md"
        assert (ROOT / page).is_file()
        assert page in readme


COMPARISON = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
MANAGERS = ("CBSD", "vm-bhyve", "Bastille", "AppJail", "iocage", "Sylve")
TEST = re.compile(r"`(\w+\.py)::(\w+)`")


def rows_of(text: str, first: str) -> list[list[str]]:
    """Return the cells of the table that begins with a line, without its heading."""
    lines = text.partition(first)[2].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


TABLE = "| | bsdvirt | CBSD | vm-bhyve | Bastille | AppJail | iocage | Sylve |"


def test_the_readme_compares_as_the_page_of_sources_does() -> None:
    rows = rows_of(COMPARISON, TABLE)
    assert len(rows) > 10
    assert rows_of((ROOT / "README.md").read_text(encoding="utf-8"), TABLE) == rows
    assert [row[0] for row in rows_of(COMPARISON, "| | version | source that was read |")] == [
        *MANAGERS
    ]


def test_each_row_of_the_comparison_is_shown_by_a_test_and_a_source() -> None:
    """Where a test is renamed or removed, its row goes with it."""
    places = rows_of(COMPARISON, "| Row | Tests | Theirs |")
    rows = rows_of(COMPARISON, TABLE)
    assert [place[0] for place in places] == [row[0] for row in rows]
    for row, (_, tests, theirs) in zip(rows, places, strict=True):
        assert TEST.findall(tests), row[0]
        for file, name in TEST.findall(tests):
            (path,) = (ROOT / "tests").rglob(file)
            assert f"def {name}(" in path.read_text(encoding="utf-8"), f"{file}: {name}"
        for manager, cell in zip(MANAGERS, row[2:], strict=True):
            assert cell in ("no", "–") or manager in theirs, f"{row[0]}: {manager}"


def test_what_the_readme_says_of_a_first_start_is_in_order() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [text.index(words) for words in (
        ".svg)", "pkg install bsdvirt", "bsdvirt init --pool zroot", "create jail", "create vm",
        "bsdvirt uninit", "bsdvirt report", TABLE,
    )]  # fmt: skip
    assert found == sorted(found)


def test_the_sample_of_the_host_file_has_every_property_and_its_default() -> None:
    text = (ROOT / "examples" / "bsdvirt.yaml.sample").read_text(encoding="utf-8")
    whole = yaml.safe_load(re.sub(r"^#(?=\w|  \w)", "", text, flags=re.MULTILINE))
    infos = {info.name: info for info in properties("host")}
    said = dict(leaves(whole))
    assert said.keys() == infos.keys(), "examples/bsdvirt.yaml.sample"
    own = {"dataset": "zroot/bsdvirt", "parallel": 4, "reserved_cpus": "0"}
    assert said == {name: own.get(name, info.default) for name, info in infos.items()}
    # As it stands, it is a host file.
    assert yaml.safe_load(text) == {"dataset": "zroot/bsdvirt"}


def leaves(tree: dict[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
