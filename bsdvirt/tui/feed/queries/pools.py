"""What is asked about pools, and who takes their space."""

from __future__ import annotations

from bsdvirt.ops import pools
from bsdvirt.ops.show.storage import storage
from bsdvirt.rows.host import PoolRow
from bsdvirt.rows.storage import StorageRow
from bsdvirt.tui.feed.source import Query

POOLS = Query(("pool", "ls"), list[PoolRow], pools.entries)
STORAGE = Query(("pool", "usage"), StorageRow, storage)
