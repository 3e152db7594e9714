"""Edit a YAML file, keeping comments, order and style.

Each change is made in the text, at the positions given by the YAML parser. The result is parsed
again; if it differs from the intended value, the file is rewritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import Spec
from bsdvirt.spec.fields import plain
from bsdvirt.spec.load import compose_yaml, decode, dump, dump_value, parse_yaml

if TYPE_CHECKING:
    import yaml

Path = tuple[str | int, ...]
_GONE = object()


class _TooComplexError(Exception):
    """The change cannot be made in the existing text."""


def edit_yaml(text: str, before: Spec, after: Spec) -> str:
    """Return the text, which is that of `before`, changed to that of `after`."""
    if before == after:
        return text
    wanted = plain(after)
    try:
        edited = text if text.endswith("\n") else text + "\n"
        for path in _changes(plain(before, defaults=True), plain(after, defaults=True), ()):
            edited = _apply_or_rewrite(edited, path, wanted)
        if decode(type(after), parse_yaml(edited)) == after:
            return edited
    except (_TooComplexError, UsageError):
        pass
    return _heading(text) + dump(after)


def _heading(text: str) -> str:
    """Return the comment at the top of a file."""
    heading: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.strip() and not line.startswith("#"):
            return "".join(heading)
        heading.append(line)
    return ""


def _changes(old: Any, new: Any, path: Path) -> list[Path]:
    """Return the paths of the differences, as deep as both sides have the same structure."""
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            change
            for key in (*old, *(key for key in new if key not in old))
            for change in _changes(old.get(key, _GONE), new.get(key, _GONE), (*path, key))
        ]
    if _structs(old) and _structs(new) and len(old) == len(new):
        return [
            change
            for number, (one, other) in enumerate(zip(old, new, strict=True))
            for change in _changes(one, other, (*path, number))
        ]
    return [path]


def _structs(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _apply_or_rewrite(text: str, path: Path, wanted: Any) -> str:
    """Apply a change; if it cannot be made in place, rewrite its top-level property."""
    try:
        return _apply(text, path, wanted)
    except _TooComplexError:
        return _apply(text, path[:1], wanted)


def _apply(text: str, path: Path, wanted: Any) -> str:
    """Return the text with the value at the path replaced by that in `wanted`, or removed."""
    import yaml

    node = compose_yaml(text)
    for depth, part in enumerate(path):
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            continue
        if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
            raise _TooComplexError
        value = _look(wanted, path[: depth + 1])
        pair = next((pair for pair in node.value if pair[0].value == part), None)
        if pair is None:
            return text if value is _GONE else _append(text, node, str(part), value)
        if value is _GONE:
            return _replace_lines(text, pair, "")
        if depth == len(path) - 1 or isinstance(pair[1], yaml.ScalarNode):
            return _replace(text, pair, value)
        node = pair[1]
    raise _TooComplexError


def _look(data: Any, path: Path) -> Any:
    for part in path:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return _GONE
    return data


def _replace(text: str, pair: Any, value: Any) -> str:
    """Replace a scalar in place, and the lines of any other value."""
    import yaml

    key, old = pair
    simple = isinstance(old, yaml.ScalarNode) and old.style not in ("|", ">")
    if simple and old.start_mark.line == old.end_mark.line and not isinstance(value, list | dict):
        new = dump_value({"x": value}).removeprefix("x:").strip()
        begin, end = old.start_mark.index, old.end_mark.index
        space = "" if text[begin - 1 : begin] in (" ", "\t") else " "
        return text[:begin] + space + new + text[end:]
    return _replace_lines(text, pair, dump_value({key.value: value}))


def _replace_lines(text: str, pair: Any, fragment: str) -> str:
    """Replace the lines of a key by a fragment."""
    lines = text.splitlines(keepends=True)
    first, last = pair[0].start_mark.line, _last_line(pair[1])
    column = pair[0].start_mark.column
    if lines[first][:column].strip():
        raise _TooComplexError
    return "".join([*lines[:first], *_indented(fragment, column), *lines[last + 1 :]])


def _append(text: str, node: yaml.MappingNode, key: str, value: Any) -> str:
    lines = text.splitlines(keepends=True)
    after = _last_line(node.value[-1][1]) + 1
    column = node.value[0][0].start_mark.column
    fragment = _indented(dump_value({key: value}), column)
    return "".join([*lines[:after], *fragment, *lines[after:]])


def _indented(fragment: str, column: int) -> list[str]:
    return [" " * column + line for line in fragment.splitlines(keepends=True)]


def _last_line(node: yaml.Node) -> int:
    """Return the last line of a value. The end mark of a block is beyond it, at what follows."""
    import yaml

    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        raise _TooComplexError
    line: int = node.end_mark.line
    return line
