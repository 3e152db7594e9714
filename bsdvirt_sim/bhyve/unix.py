"""Sockets of a simulated host: its directory may make their paths longer than sun_path."""

from __future__ import annotations

import os
import socket
from pathlib import Path

MOST = 103
"""Bytes of a path in sun_path of FreeBSD, as the host itself sees it."""


def connect(path: Path) -> socket.socket:
    """Return a connection."""
    link = socket.socket(socket.AF_UNIX)
    place = os.open(path.parent, os.O_PATH)
    try:
        link.connect(f"/proc/self/fd/{place}/{path.name}")
    finally:
        os.close(place)
    return link


def listen(path: Path) -> socket.socket:
    """Return a socket that listens there."""
    link = socket.socket(socket.AF_UNIX)
    place = os.open(path.parent, os.O_PATH)
    try:
        link.bind(f"/proc/self/fd/{place}/{path.name}")
    finally:
        os.close(place)
    link.listen()
    return link
