"""What is asked about guests: the words of the command line, and the same in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bsdvirt.rows.guest import GuestRow
from bsdvirt.rows.usage import Sample
from bsdvirt.tui.feed.source import Query

if TYPE_CHECKING:
    from bsdvirt.session.session import Session


def _guests(session: Session) -> list[GuestRow]:
    from bsdvirt.ops.show.guests import entries

    return entries(session)[0]


def _sample(session: Session) -> Sample:
    from bsdvirt.ops.show.sample import read_sample

    return read_sample(session)


GUESTS = Query(("ls",), list[GuestRow], _guests)
SAMPLE = Query(("stats", "--counters"), Sample, _sample)
