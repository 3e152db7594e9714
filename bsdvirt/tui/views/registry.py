"""The views, in the order of their digits."""

from __future__ import annotations

from typing import Any

from bsdvirt.tui.views.base import View
from bsdvirt.tui.views.cpus import CpusView
from bsdvirt.tui.views.guests import GuestsView
from bsdvirt.tui.views.library import LibraryView
from bsdvirt.tui.views.networks import NetworksView
from bsdvirt.tui.views.storage import StorageView
from bsdvirt.tui.views.tasks import TasksView


def make_views() -> list[View[Any]]:
    """Return all views."""
    return [
        GuestsView(), CpusView(), NetworksView(), StorageView(), LibraryView(), TasksView(),
    ]  # fmt: skip
