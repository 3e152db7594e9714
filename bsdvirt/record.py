"""Records: immutable classes of named values, without a library.

msgspec has structs that are also read from JSON and YAML and described by a schema; importing it
takes longer than all of `bsdvirt ls`. What listings are made of are records.
"""

from __future__ import annotations

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from typing import Any, ClassVar, TypeVar, dataclass_transform

    RecordT = TypeVar("RecordT", bound="Record")
else:

    def dataclass_transform(**_):
        """Of use to type checkers only."""
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Record:
    """Base of records. Fields are the annotations of the class; its attributes are their
    defaults."""

    _fields: ClassVar[tuple[str, ...]] = ()
    """The fields, those of the base first."""
    _required: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        own = [name for name, kind in cls.__annotations__.items() if "ClassVar" not in str(kind)]
        cls._fields = tuple(dict.fromkeys((*cls._fields, *own)))
        cls._required = tuple(name for name in cls._fields if not hasattr(cls, name))

    def __init__(self, *values: Any, **named: Any) -> None:
        own, fields = self.__dict__, self._fields
        own.update(zip(fields, values, strict=False))
        wrong = len(values) > len(fields) or not own.keys().isdisjoint(named)
        own.update(named)
        wrong = wrong or not own.keys() <= set(fields)
        if wrong or any(name not in own for name in self._required):
            raise TypeError(f"{type(self).__name__} has the fields {', '.join(fields)}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def _values(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self._fields])

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({', '.join(shown)})"


def replace(record: RecordT, **changes: Any) -> RecordT:
    """Return the record with other values of some fields."""
    known = {name: getattr(record, name) for name in record._fields}
    return type(record)(**{**known, **changes})
