"""The tabs, in their order."""

from __future__ import annotations

from bsdvirt.tui.detail.config import ConfigTab
from bsdvirt.tui.detail.devices import DevicesTab, MountsTab
from bsdvirt.tui.detail.events import EventsTab
from bsdvirt.tui.detail.graphs import GraphsTab
from bsdvirt.tui.detail.log import LogTab
from bsdvirt.tui.detail.network import NetworkTab
from bsdvirt.tui.detail.processes import ProcessesTab
from bsdvirt.tui.detail.snapshots import SnapshotsTab
from bsdvirt.tui.detail.summary import SummaryTab
from bsdvirt.tui.detail.tab import Tab

TABS: tuple[type[Tab], ...] = (
    SummaryTab, ConfigTab, DevicesTab, MountsTab, NetworkTab, SnapshotsTab, LogTab, EventsTab,
    GraphsTab, ProcessesTab,
)  # fmt: skip
