"""The user's settings of the UI: read at its start, kept when they change."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from bsdvirt.host.beneath import read_regular

LIMIT = 64 * 1024
"""Bytes; a longer file is not read."""
Theme = Literal["", "dark", "light", "16", "none"]


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Kept in ~/.config/bsdvirt/tui.yaml."""

    theme: Theme = ""
    """"" chooses by the terminal."""
    interval: Annotated[float, msgspec.Meta(ge=0.05, le=3600)] = 1.0
    """Seconds between readings."""
    plans: Literal["asked", "always"] = "asked"
    """When plans are shown before they run: `asked` (by p) or `always`."""
    view: str = ""
    """The view that was shown last."""
    sort: dict[str, str] = {}
    """By view: the column that rows are sorted by, after a - if the greatest is first."""
    columns: dict[str, list[str]] = {}
    """By view: the columns to show; all where it is not named."""


def config_directory(environ: Mapping[str, str]) -> Path:
    """Return where the user's files are."""
    given = Path(environ.get("XDG_CONFIG_HOME", ""))
    home = given if given.is_absolute() else Path(os.path.expanduser("~")) / ".config"
    return home / "bsdvirt"


class SettingsFile:
    """The file of the settings. A file that is not understood is never written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        """Why the settings are the defaults."""

    def load(self) -> Settings:
        """Return the settings; the defaults where there is no file, or `problem` with it."""
        import yaml

        try:
            text = read_regular(self.path, LIMIT).decode()
            found = yaml.safe_load(text)
            return msgspec.convert({} if found is None else found, Settings)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, yaml.YAMLError, msgspec.ValidationError) as error:
            what = " ".join(str(error).split())
            self.problem = f"{self.path}: {what}; the defaults are used, and it is not written"
        return Settings()

    def save(self, settings: Settings) -> str:
        """Write the settings; return why they could not be written."""
        import yaml

        if self.problem:
            return self.problem
        place = Path(os.path.realpath(self.path))
        plain = msgspec.to_builtins(settings)
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made with mode 0600.
            descriptor, name = tempfile.mkstemp(prefix=".tui-", dir=place.parent)
        except OSError as error:
            return f"{place}: {error.strerror}: the settings are not kept"
        try:
            with open(descriptor, "w", encoding="utf-8") as stream:
                stream.write("# Settings of bsdvirt tui.\n")
                if plain:
                    yaml.safe_dump(plain, stream, sort_keys=False, allow_unicode=True)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, place)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(name)
            return f"{place}: {error.strerror}: the settings are not kept"
        return ""
