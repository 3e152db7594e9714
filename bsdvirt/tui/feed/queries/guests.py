"""What is asked about guests: the words of the command line, and the same in this process."""

from __future__ import annotations

from bsdvirt.ops.show.guests import entries
from bsdvirt.ops.show.sample import read_sample
from bsdvirt.rows.guest import GuestRow
from bsdvirt.rows.usage import Sample
from bsdvirt.session.session import Session
from bsdvirt.tui.feed.source import Query


def _guests(session: Session) -> list[GuestRow]:
    return entries(session)[0]


GUESTS = Query(("ls",), list[GuestRow], _guests)
SAMPLE = Query(("stats", "--counters"), Sample, read_sample)
