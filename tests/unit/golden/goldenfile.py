"""Golden files: a YAML document with what a planner is given, and one with its plan.

The plan is what --dry-run prints, and the undos in the order in which a failure at the end would
run them; or the error as a user reads it. A file with `base` shows only its difference to another
case of that planner: in the given, keys that are other (and `without`, keys that do not exist);
in the plan, lines behind `@` (a line before the change, to find it by), `-` and `+`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import msgspec
import yaml

import bsdvirt
from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.vms import VmEnd, VmState
from bsdvirt.host import tools
from bsdvirt.plan.render import plan_as_shell, shell
from bsdvirt.plan.step import Look, Not, Plan, Undo

WRITE = os.environ.get("BSDVIRT_GOLDEN") == "write"


def _undo(undo: Undo) -> str:
    words = shell(undo.do)
    return words if undo.when is None else f"{words}  # if {_look(undo.when)}"


def _look(look: Look) -> str:
    if isinstance(look, Not):
        return f"not {_look(look.look)}"
    parts = msgspec.to_builtins(look)
    words = [parts.pop("type")]
    for value in parts.values():
        words += [value] if isinstance(value, str) else value
    return " ".join(words)


def _remedies(plan: Plan) -> dict[str, list[str]]:
    return {
        shell(step.do): [_undo(remedy) for remedy in step.remedy]
        for step in (*plan.steps, *plan.finish)
        if step.remedy
    }


def _volatile(plan: Plan) -> list[str]:
    return [step.why for step in (*plan.steps, *plan.finish) if not step.durable]


def outcome(make: Callable[[], Plan], *, shows_volatile: bool = False) -> dict[str, Any]:
    """Return the plan or error of a planner, as a golden file has it."""
    try:
        plan = make()
    except BsdvirtError as error:
        return {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    undos = [_undo(undo) for step in reversed(plan.steps) for undo in step.undo]
    remedies = _remedies(plan)
    found = {
        "shell": plan_as_shell(plan),
        **({"undo": undos} if undos else {}),
        **({"remedies": remedies} if remedies else {}),
        **({"volatile": _volatile(plan)} if shows_volatile else {}),
    }
    return {key: _elsewhere(value) for key, value in found.items()}


def _elsewhere(found: Any) -> Any:
    """As on a host where we are installed: the interpreter and our own files lie elsewhere
    on each machine."""
    if isinstance(found, str):
        package = str(Path(bsdvirt.__file__).parent)
        return found.replace(tools.PYTHON, "python3").replace(package, "/usr/local/bsdvirt")
    if isinstance(found, list):
        return [_elsewhere(item) for item in found]
    return {_elsewhere(key): _elsewhere(value) for key, value in found.items()}


class _Dumper(yaml.SafeDumper):
    """Text of several lines as it stands."""


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def load(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a case gives and expects, in full."""
    given, expected = documents(file)
    base = given.pop("base", None)
    if base is None:
        return given, expected
    under, plan = load(file.with_name(f"{base}.yaml"))
    return merged(under, given), changed(plan, expected)


def documents(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    return found


def merged(under: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the given of a base with the difference of a case."""
    found = dict(under)
    for path in given.get("without", ()):
        place = found
        *above, last = path.split(".")
        for key in above:
            place[key] = dict(place[key])
            place = place[key]
        del place[last]
    for key, value in given.items():
        if key != "without":
            both = isinstance(value, dict) and isinstance(found.get(key), dict)
            found[key] = merged(found[key], value) if both else value
    return found


def changed(plan: dict[str, Any], difference: dict[str, Any]) -> dict[str, Any]:
    """Return the plan of a base with the difference of a case; an error stands as it is."""
    if "error" in difference or "error" in plan:
        return difference
    found = dict(plan)
    for key, value in difference.items():
        if key == "shell":
            found[key] = "\n".join(patched(plan[key].split("\n"), value.splitlines()))
        elif key == "undo":
            found[key] = patched(plan.get(key, []), value)
        else:
            found[key] = value
        if not found[key]:
            del found[key]
    return found


def patched(lines: list[str], difference: Sequence[str]) -> list[str]:
    """Return lines with a difference applied."""
    found: list[str] = []
    at = 0
    for hunk in _hunks(difference):
        before = [text for sign, text in hunk if sign == "@"]
        old = before + [text for sign, text in hunk if sign == "-"]
        while old and lines[at : at + len(old)] != old:
            assert at < len(lines), f"no such lines: {old}"
            found.append(lines[at])
            at += 1
        found += before + [text for sign, text in hunk if sign == "+"]
        at += len(old)
    return found + lines[at:]


def _hunks(difference: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Split a difference before each `@` that follows another sign."""
    hunks: list[list[tuple[str, str]]] = []
    for line in difference:
        sign, text = line[0], line[2:]
        if not hunks or (sign == "@" and hunks[-1][-1][0] != "@"):
            hunks.append([])
        hunks[-1].append((sign, text))
    return hunks


def difference(plan: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return what of a case's plan is other than in its base's."""
    if "error" in found or "error" in plan:
        return found
    given: dict[str, Any] = {}
    for key in dict.fromkeys((*found, *plan)):
        if found.get(key) == plan.get(key):
            continue
        if key == "shell":
            given[key] = "\n".join(_compare(plan[key].split("\n"), found[key].split("\n"))) + "\n"
        elif key == "undo":
            given[key] = _compare(plan.get(key, []), found.get(key, []))
        else:
            given[key] = found.get(key, {})
    assert changed(plan, given) == found
    return given


def _compare(old: list[str], new: list[str]) -> list[str]:
    """Return the difference, with as many lines before each change as find its place."""
    opcodes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for context in range(1, len(old) + 2):
        lines: list[str] = []
        for kind, start, end, at, to in opcodes:
            if kind != "equal":
                lines += [f"@ {line}" for line in old[max(0, start - context) : start]]
                lines += [f"- {line}" for line in old[start:end]]
                lines += [f"+ {line}" for line in new[at:to]]
        try:
            if patched(old, lines) == new:
                return lines
        except AssertionError:
            continue
    raise AssertionError("no difference finds its place")


def write(file: Path, plan: dict[str, Any]) -> None:
    """Replace the second document."""
    given = file.read_text(encoding="utf-8").split("\n---\n")[0].rstrip("\n")
    text = yaml.dump(plan, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    file.write_text(f"{given}\n---\n{text}", encoding="utf-8")


INNER: tuple[type[Any], ...] = (VmState, VmEnd)
"""Records in records."""


def record(cls: type[Any], fields: Any) -> Any:
    """Return a record of facts, which msgspec does not know."""
    values = dict(fields)
    for name, value in fields.items():
        for inner in INNER:
            if inner.__name__ in str(cls.__annotations__[name]) and isinstance(value, dict):
                values[name] = record(inner, value)
    return cls(**values)
