"""What is asked about pools, and who takes their space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bsdvirt.rows.host import PoolRow
from bsdvirt.rows.storage import StorageRow
from bsdvirt.tui.feed.source import Query

if TYPE_CHECKING:
    from bsdvirt.session.session import Session


def _pools(session: Session) -> list[PoolRow]:
    from bsdvirt.ops import pools

    return pools.entries(session)


def _storage(session: Session) -> StorageRow:
    from bsdvirt.ops.show.storage import storage

    return storage(session)


POOLS = Query(("pool", "ls"), list[PoolRow], _pools)
STORAGE = Query(("pool", "usage"), StorageRow, _storage)
