"""YAML for other programs: every string is in double quotes.

Parsers differ in what an unquoted word means. FreeBSD's nuageinit (lyaml) reads
02:16:13:45:22:11 and 2001:4860:4860::8888 as numbers of base 60, PyYAML reads `on` as true. A
quoted string is a string for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import yaml

UNFOLDED = 1 << 20
"""Wider than any line, so that nothing is folded."""


def dump_quoted(value: object) -> str:
    """Return plain mappings, lists and scalars as YAML with every string quoted, keys too."""
    import yaml

    class Quoting(yaml.SafeDumper):
        """As safe_dump, with strings quoted."""

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style='"')

    Quoting.add_representer(str, text)
    return str(
        yaml.dump(
            value,
            Dumper=Quoting,
            sort_keys=False,
            default_flow_style=False,
            allow_unicode=True,
            width=UNFOLDED,
        )
    )
