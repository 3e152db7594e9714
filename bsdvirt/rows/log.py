"""A part of a guest's console log."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.rows.base import Row, col


class LogPart(Row, frozen=True, kw_only=True):
    """A part of a console log, as `logs --json` prints it."""

    name: Annotated[str, col("Name of the guest.")]
    text: Annotated[
        str, col("What was printed, without terminal sequences; control characters are escapes.")
    ]
    begin: Annotated[str, col("Where the text begins; --before it is what was printed earlier.")]
    end: Annotated[str, col("Where the text ends; --after it is what is printed later.")]
    more: Annotated[bool, col("Whether there is more after it already.")]
    missed: Annotated[bool, col("Whether output between --after and the text is lost to rotation.")]
