"""Rows of a report."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.rows.base import Row, col


class Section(Row, frozen=True, kw_only=True):
    """A part of what `report` gathers, masked."""

    title: Annotated[str, col("What it is.")]
    text: Annotated[str, col("Its lines.")]
