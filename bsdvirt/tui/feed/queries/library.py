"""What is asked about releases, images and media."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bsdvirt.rows.library import AvailableRow, ImageRow, MediumRow, ProfileRow, ReleaseRow
from bsdvirt.tui.feed.source import Query

if TYPE_CHECKING:
    from bsdvirt.session.session import Session


def _releases(session: Session) -> list[ReleaseRow]:
    from bsdvirt.library import releases

    return releases.entries(session)


def _images(session: Session) -> list[ImageRow]:
    from bsdvirt.library import images

    return images.entries(session)


def _media(session: Session) -> list[MediumRow]:
    from bsdvirt.library import media

    return media.entries(session)


def _available(session: Session) -> list[AvailableRow]:
    from bsdvirt.library import available

    return available.entries(session)


def _profiles(session: Session) -> list[ProfileRow]:
    from bsdvirt.library import image_fetch

    return image_fetch.entries(session)


RELEASES = Query(("release", "ls"), list[ReleaseRow], _releases)
IMAGES = Query(("image", "ls"), list[ImageRow], _images)
MEDIA = Query(("media", "ls"), list[MediumRow], _media)
PROFILES = Query(("image", "profiles"), list[ProfileRow], _profiles)
AVAILABLE = Query(("release", "available"), list[AvailableRow], _available)
