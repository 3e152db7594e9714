"""Compare two specs: which properties differ, and when each change takes effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bsdvirt.spec.base import Live, Spec
from bsdvirt.spec.fields import fields_of, only
from bsdvirt.spec.paths import NAME


def differing(before: Spec, after: Spec, prefix: str = "") -> Iterator[tuple[str, Live | None]]:
    """Yield the path of each property that differs, and when its change takes effect."""
    for name, field in fields_of(type(before)).items():
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield from _within(f"{prefix}{name}", old, new, field.live)


def _within(
    path: str, before: object, after: object, live: Live | None
) -> Iterator[tuple[str, Live | None]]:
    """Yield the same for one property: a group, a list of elements with names, or a value."""
    if isinstance(before, Spec) and isinstance(after, Spec) and type(before) is type(after):
        yield from differing(before, after, f"{path}.")
        return
    old, new = _by_name(before), _by_name(after)
    if old is None or new is None:
        yield from ((path, when) for when in _inside(before, after, live))
        return
    for key in {**old, **new}:
        one, other = old.get(key), new.get(key)
        if one is None or other is None:
            there = one if other is None else other
            own = fields_of(type(there)).get(NAME) if isinstance(there, Spec) else None
            yield f"{path}.{key}", own.live if own else live
        elif one != other:
            yield from _within(f"{path}.{key}", one, other, live)


def _inside(before: object, after: object, live: Live | None) -> Iterable[Live | None]:
    """Return when a change takes effect: of a value, or of each element of a list without names."""
    if not (isinstance(before, list) and isinstance(after, list) and len(before) == len(after)):
        return (live,)
    pairs = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    if not all(isinstance(one, Spec) and type(one) is type(other) for one, other in pairs):
        return (live,)
    return dict.fromkeys(when for one, other in pairs for _, when in differing(one, other))


def _by_name(value: object) -> dict[str, object] | None:
    """Return the elements of a list by name; None for other values, and elements without one."""
    if not isinstance(value, list) or not all(hasattr(one, NAME) for one in value):
        return None
    return {str(getattr(one, NAME)): one for one in value}


def changed(before: Spec, after: Spec, live: Live) -> list[str]:
    """Return the top-level properties that differ and whose changes take effect at `live`."""
    old, new = only(before, live), only(after, live)
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]
