"""The format of bhyve's configuration file: how a value is written, and how bhyve reads it."""

from __future__ import annotations

import re


def escape(value: str) -> str:
    r"""Return a value as bhyve reads it back.

    The manual has `%` doubled; the source (_expand_config_value in config.c, of 13.2 and
    of 15) takes `\%`, and knows backslashes only in a value that holds a `%`.
    """
    if "\n" in value or not value:
        raise ValueError(f"not a value of bhyve_config(5): {value!r}")
    return value.replace("\\", "\\\\").replace("%", "\\%") if "%" in value else value


def parse_keys(text: str) -> dict[str, str]:
    """Return the keys of a configuration, as bhyve reads it: the last of several counts."""
    pairs = {}
    for line in text.split("\n"):
        key, _, value = line.partition("=")
        pairs[key] = _unescape(value)
    return pairs


def _unescape(value: str) -> str:
    r"""In a value that holds a `%`, a backslash stands for what follows it."""
    return re.sub(r"\\(.)", r"\1", value) if "%" in value else value
