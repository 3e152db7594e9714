"""The user's own user-data for FreeBSD's nuageinit(7): what is missing is appended. Pure.

nuageinit reads YAML only if the first line is exactly `#cloud-config`, adds a user `freebsd` with
the password `freebsd` in wheel if there are no `users`, and before FreeBSD 15 reads the network
from user-data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bsdvirt.bhyve.cloud.quoted import dump_quoted
from bsdvirt.errors import UsageError

HEAD = "#cloud-config\n"
_WHERE = "cloud.user_data"


def names_users(text: str) -> bool:
    """Return whether the user-data has users."""
    return text.startswith("#!") or "users" in _keys(text)


def blank_users(text: str) -> list[str]:
    """Return the users that nuageinit gives a blank password: those without one (pw useradd
    -w none in nuage.lua)."""
    import yaml

    if text.startswith("#!") or "users" not in _keys(text):
        return []
    try:
        users = yaml.safe_load(text)["users"]
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        # A value that YAML cannot convert, such as a wrong date: cloud-init reports it.
        return []
    known = [user for user in users or [] if isinstance(user, dict) and "name" in user]
    given = ("passwd", "plain_text_passwd")
    return [str(user["name"]) for user in known if not any(user.get(key) for key in given)]


def amended(text: str, needed: dict[str, Any]) -> str:
    """Return the text with the first line that nuageinit requires, and with the `needed` keys
    that it lacks appended.

    Raise UsageError for anything but a block of YAML, and for `write_files` of its own if others
    are needed: nuageinit supports one list only.
    """
    first, _, rest = text.partition("\n")
    if first.strip() != HEAD.strip():
        raise UsageError(
            f"{_WHERE}: nuageinit of FreeBSD reads #cloud-config and #! only",
            "begin it with one of these; cloud.system=other is for images with cloud-init itself",
        )
    keys = _keys(text)
    if "write_files" in needed and "write_files" in keys:
        raise UsageError(
            f"{_WHERE}: it has write_files, which nuageinit needs for aliases, routes, and MTU"
            " with DHCP",
            "write what it needs there, and set cloud.network=no",
        )
    body = rest.replace("\r\n", "\n")
    if body and not body.endswith("\n"):
        body += "\n"
    missing = {key: value for key, value in needed.items() if key not in keys}
    whole = HEAD + body + (dump_quoted(missing) if missing else "")
    if missing and not _holds(whole, missing):
        raise UsageError(f"{_WHERE}: nothing can be added at its end", "omit `...` and indentation")
    return whole


def _holds(text: str, names: Iterable[str]) -> bool:
    try:
        return set(names) <= set(_keys(text))
    except UsageError:
        return False


def _keys(text: str) -> list[str]:
    """Return the names at the top level. Raise UsageError for what is not a mapping."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        what = getattr(error, "problem", None) or "nested too deeply"
        raise UsageError(f"{_WHERE}:{where} not YAML: {what}", "correct it") from None
    if node is None:
        return []
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        raise UsageError(f"{_WHERE}: expected lines of name: value", "write it as a block of YAML")
    return [str(key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
