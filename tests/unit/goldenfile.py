"""Golden files: a YAML document of what a planner is given, and one of what comes of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import yaml

import bsdvirt
from bsdvirt.errors import BsdvirtError
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


def outcome(make: Callable[[], Plan]) -> dict[str, Any]:
    """What comes of a planner, as the golden file says it."""
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


def write(file: Path, outcome: dict[str, Any]) -> None:
    """Write the second document anew."""
    given = file.read_text(encoding="utf-8").split("\n---\n")[0].rstrip("\n")
    text = yaml.dump(outcome, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    file.write_text(f"{given}\n---\n{text}", encoding="utf-8")
