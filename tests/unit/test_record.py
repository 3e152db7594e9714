"""Records, and JSON without the module json."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsdvirt import plainjson
from bsdvirt.record import Record, replace


class Base(Record):
    name: str
    size: int = 0


class Disk(Base):
    tags: tuple[str, ...] = ()


def test_a_record_has_the_fields_of_its_class_and_their_defaults() -> None:
    disk = Disk("root", tags=("a",))
    assert (disk.name, disk.size, disk.tags) == ("root", 0, ("a",))
    assert repr(disk) == "Disk(name='root', size=0, tags=('a',))"
    assert disk == Disk(name="root", size=0, tags=("a",))
    assert disk != Disk("root") and disk != Base("root")
    assert len({disk, Disk("root", 0, ("a",)), Disk("root", 1)}) == 2
    assert replace(disk, size=3) == Disk("root", 3, ("a",))
    assert copy.deepcopy(disk) == disk == pickle.loads(pickle.dumps(disk))


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), (("a", 1, (), 2), {}), (("a",), {"name": "b"}), (("a",), {"colour": 1})],
)
def test_other_fields_are_refused(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="Disk has the fields name, size, tags"):
        Disk(*values, **named)
    with pytest.raises(TypeError):
        replace(Disk("a"), colour=1)


def test_a_record_is_immutable() -> None:
    with pytest.raises(AttributeError, match="Disk is immutable"):
        Disk("root").size = 1  # type: ignore[misc]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=50, deadline=None)
@given(VALUES, st.booleans())
def test_json_is_written_as_json_writes_it(value: Any, ascii: bool) -> None:
    text = plainjson.dumps(value, ascii=ascii)
    assert text == json.dumps(value, indent=2, ensure_ascii=ascii)
    assert plainjson.loads(text) == value


@settings(max_examples=50, deadline=None)
@given(st.text() | VALUES.map(json.dumps).map(lambda text: text[:-1] + "\t"))
def test_json_is_read_as_json_reads_it(text: str) -> None:
    try:
        expected = json.loads(text, strict=False)
    except ValueError:
        with pytest.raises(ValueError):
            plainjson.loads(text)
    else:
        assert plainjson.loads(text) == expected


@pytest.mark.parametrize("text", ["", "[", "[1] 2", "NaN", "[-Infinity]", "[" * 100_000])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        plainjson.loads(text)
