"""The views, in the order of their digits. Each is imported when it is shown first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bsdvirt.tui.views.base import View
from bsdvirt.tui.views.guests import GuestsView


def _cpus() -> View[Any]:
    from bsdvirt.tui.views.cpus import CpusView

    return CpusView()


def _networks() -> View[Any]:
    from bsdvirt.tui.views.networks import NetworksView

    return NetworksView()


def _storage() -> View[Any]:
    from bsdvirt.tui.views.storage import StorageView

    return StorageView()


def _library() -> View[Any]:
    from bsdvirt.tui.views.library import LibraryView

    return LibraryView()


def _tasks() -> View[Any]:
    from bsdvirt.tui.views.tasks import TasksView

    return TasksView()


VIEWS: Mapping[str, Callable[[], View[Any]]] = {
    "guests": GuestsView,
    "cpus": _cpus,
    "networks": _networks,
    "storage": _storage,
    "library": _library,
    "tasks": _tasks,
}
"""By the id of the view: what makes it."""
