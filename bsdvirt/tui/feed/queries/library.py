"""What is asked about releases, images and media."""

from __future__ import annotations

from bsdvirt.library import available, images, media, releases
from bsdvirt.rows.library import AvailableRow, ImageRow, MediumRow, ProfileRow, ReleaseRow
from bsdvirt.session.session import Session
from bsdvirt.tui.feed.source import Query


def _profiles(session: Session) -> list[ProfileRow]:
    from bsdvirt.library import image_fetch

    return image_fetch.entries(session)


RELEASES = Query(("release", "ls"), list[ReleaseRow], releases.entries)
IMAGES = Query(("image", "ls"), list[ImageRow], images.entries)
MEDIA = Query(("media", "ls"), list[MediumRow], media.entries)
PROFILES = Query(("image", "profiles"), list[ProfileRow], _profiles)
AVAILABLE = Query(("release", "available"), list[AvailableRow], available.entries)
