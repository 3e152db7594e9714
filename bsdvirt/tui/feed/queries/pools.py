"""What is asked about pools."""

from __future__ import annotations

from bsdvirt.ops import pools
from bsdvirt.rows.host import PoolRow
from bsdvirt.tui.feed.source import Query

POOLS = Query(("pool", "ls"), list[PoolRow], pools.entries)
