"""Rows of `stats --since`: what guests and the host used in the past, as `stats record` recorded
it. A period that is missing was not recorded; a figure that is null was not known."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.rows.base import BYTES, PERCENT, RATE, SECONDS, Row, col


class GuestUse(Row, frozen=True, kw_only=True):
    """What a guest used in a period."""

    cpu: Annotated[float | None, col("CPU time, in percent of one CPU.", unit=PERCENT)]
    memory: Annotated[float | None, col("Resident memory.", unit=BYTES)]
    processes: Annotated[float | None, col("Number of processes.")]
    net_in: Annotated[float | None, col("Bytes received.", unit=RATE)]
    net_out: Annotated[float | None, col("Bytes sent.", unit=RATE)]
    read: Annotated[float | None, col("Bytes read from its datasets.", unit=RATE)]
    written: Annotated[float | None, col("Bytes written to its datasets.", unit=RATE)]
    used: Annotated[float | None, col("Disk space that its datasets use.", unit=BYTES)]


class HostUse(Row, frozen=True, kw_only=True):
    """What the host used in a period."""

    cpu: Annotated[float | None, col("How busy the CPUs were, together.", unit=PERCENT)]
    memory: Annotated[
        float | None, col("Memory in use: neither free, inactive, nor ZFS's cache.", unit=BYTES)
    ]
    arc: Annotated[float | None, col("Memory in use as ZFS's cache (ARC).", unit=BYTES)]
    swap: Annotated[float | None, col("Swap space in use.", unit=BYTES)]
    load: Annotated[float | None, col("Load average over 1 minute.")]
    guests: Annotated[float | None, col("Number of guests that ran.")]
    used: Annotated[float | None, col("Space allocated of all pools.", unit=BYTES)]


class Period(Row, frozen=True, kw_only=True):
    """A period of the past."""

    time: Annotated[int, col("When it began, since 1970-01-01T00:00:00Z.", unit=SECONDS)]
    samples: Annotated[int, col("Number of samples that the figures are made from.")]


class GuestPeriod(Period, frozen=True, kw_only=True):
    """A period of a guest's past."""

    mean: Annotated[GuestUse, col("The mean of each figure.")]
    most: Annotated[GuestUse, col("The highest value of each figure.")]


class HostPeriod(Period, frozen=True, kw_only=True):
    """A period of the host's past."""

    mean: Annotated[HostUse, col("The mean of each figure.")]
    most: Annotated[HostUse, col("The highest value of each figure.")]


class Past(Row, frozen=True, kw_only=True):
    """What was used in the past."""

    name: Annotated[str, col("Name of the guest; `host` for the host.")]
    kind: Annotated[str, col("Kind: jail, vm or host.")]
    begin: Annotated[int, col("Begin of what is shown, since 1970-01-01T00:00:00Z.", unit=SECONDS)]
    end: Annotated[int, col("End of what is shown, since 1970-01-01T00:00:00Z.", unit=SECONDS)]
    step: Annotated[int, col("Length of each period.", unit=SECONDS)]


class GuestPast(Past, frozen=True, kw_only=True):
    """What a guest used in the past."""

    periods: Annotated[list[GuestPeriod], col("The periods that were recorded, the oldest first.")]


class HostPast(Past, frozen=True, kw_only=True):
    """What the host used in the past."""

    periods: Annotated[list[HostPeriod], col("The periods that were recorded, the oldest first.")]
