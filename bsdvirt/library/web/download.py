"""Downloads from the first working of several URLs, retried in rounds and resumed."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from bsdvirt.errors import FetchError, HostError, Interrupted, NotFoundError
from bsdvirt.host import tools
from bsdvirt.library.entries import Kind, refuse_existing
from bsdvirt.library.progress import Meter, amount
from bsdvirt.library.web.https import Client, Head, MissingError, RangeError, RetryError
from bsdvirt.library.web.partial import Partial, algorithm, open_partial
from bsdvirt.plan import events
from bsdvirt.plan.step import Command, MakeDirectory, Plan, Step
from bsdvirt.session.session import Session
from bsdvirt.spec.hostfile import Fetch

T = TypeVar("T")
POLL_SECONDS = 0.1
MAX_WAIT_SECONDS = 30.0
MAX_TEXT = 4 << 20
MAX_MIXED = 2
"""Restarts allowed for a file whose parts came from different runs or servers."""


class Remote(Struct, frozen=True):
    """A file at one or more URLs, and its checksum (empty: unknown), which is read from
    `listed`."""

    title: str
    urls: Sequence[str]
    checksum: str
    listed: str = "MANIFEST"

    @property
    def local_name(self) -> str:
        """Its name on disk, by its checksum: a newer version on the mirror is a different file and
        is never resumed from a part of the old one."""
        url = self.urls[0]
        key = self.checksum or hashlib.sha256(url.encode()).hexdigest()
        return f"{key[:16]}-{url.rpartition('/')[2]}"


def reachable(session: Session) -> bool:
    """Return whether this host can download: an offline one only from mirrors in its host
    file."""
    return not session.host.offline or session.hostfile.fetch.mirrors != Fetch().mirrors


def refuse_offline(session: Session, hint: str) -> None:
    """Raise HostError if this host does not download."""
    if not reachable(session):
        raise HostError(session.host.offline, hint)


class Downloader:
    """Downloads the files of a new release, image or medium."""

    def __init__(self, session: Session, kind: Kind, name: str, verb: str) -> None:
        settings = session.hostfile.fetch
        self._session = session
        self._kind = kind
        self._verb = verb
        self._subject = name
        self._retries = settings.retries
        self._client = Client(session.interrupt, settings.timeout)

    def note(self, message: str) -> None:
        """Send a note to the user."""
        self._session.sink(events.Told("", self._verb, self._subject, message))

    def text(self, urls: Sequence[str]) -> tuple[str, str]:
        """Return the first URL that exists, and its text.

        Raises NotFoundError if none exists, FetchError for any other failure.
        """
        return self._first(urls, lambda url: (url, self._text(url)))

    def text_or_empty(self, url: str) -> str:
        """Return a page's text after one try; empty if that fails."""
        try:
            return self._text(url)
        except (MissingError, RetryError, FetchError):
            return ""

    def path(self, remote: Remote) -> str:
        """Return the path that a file is downloaded to."""
        return f"{self._session.layout.fetched}/{remote.local_name}"

    def plan(self, remotes: Sequence[Remote], notes: tuple[str, ...] = ()) -> Plan:
        """Return the downloads as fetch(1) would do them, for a dry run."""
        steps = [Step(MakeDirectory(self._session.layout.fetched, 0o700), "for downloads")]
        for remote in remotes:
            url, checksum = remote.urls[0], remote.checksum
            argv = (tools.FETCH, "-r", "-o", self.path(remote), url)
            why = f"{algorithm(checksum)} expected: {checksum}" if checksum else f"fetch {url}"
            steps.append(Step(Command(argv), why))
        return Plan(self._verb, self._subject, self._kind, tuple(steps), notes=notes)

    def fetch(self, remotes: Sequence[Remote]) -> list[str]:
        """Download files, or the rest of them; return their checksums.

        Raises as `text` does, with a hint at what can be resumed; ConflictError if an
        entry of this name exists by now, HostError without space.
        """
        try:
            return [self._fetch(remote) for remote in remotes]
        finally:
            self.remove(())

    def remove(self, remotes: Sequence[Remote]) -> None:
        """Remove downloaded files, and the directory of downloads when it is empty."""
        fs = self._session.host.fs
        for remote in remotes:
            fs.unlink(self.path(remote))
        with contextlib.suppress(OSError):
            fs.path(self._session.layout.fetched).rmdir()

    def _fetch(self, remote: Remote) -> str:
        session, path = self._session, self.path(remote)
        room = session.inventory().datasets[0].available
        real = session.host.fs.path(path)
        with open_partial(real, path, remote.checksum, room, session.interrupt) as partial:
            if partial is None:
                self.note(f"{remote.urls[0].rpartition('/')[2]} has already been downloaded")
                return remote.checksum
            refuse_existing(session, session.inventory(), self._kind, self._subject)
            there = f"{amount(partial.size)} downloaded" if partial.size else ""
            url = remote.urls[0]
            self.note(f"resuming {url}: {there}" if there else f"downloading {url}")
            try:
                with Meter(session, self._verb, self._subject, f"fetch {remote.title}") as meter:
                    self._complete(remote, partial, meter)
            except (FetchError, Interrupted) as error:
                error.hint = partial.summary() or error.hint
                raise
            return partial.checksum

    def _text(self, url: str) -> str:
        body, total = bytearray(), 0
        for item in self._client.get(url):
            if isinstance(item, Head):
                total = item.total
                continue
            body += item
            if len(body) > MAX_TEXT:
                raise FetchError(f"{url}: too long for a list of files", "check the URL")
        if len(body) < total:
            raise RetryError(f"{url}: the connection was cut after {len(body)} of {total} bytes")
        return body.decode("utf-8", "replace")

    def _complete(self, remote: Remote, partial: Partial, meter: Meter) -> None:
        """Download until the checksum matches, trying the next URL where it does not."""
        left, mixed = list(remote.urls), 0
        wrong: FetchError | None = None
        while not partial.matches():
            try:
                url, whole = self._first(left, lambda url: self._resume(url, partial, meter))
            except NotFoundError as error:
                raise (wrong or error) from None
            if partial.matches():
                return
            partial.restart()
            if not whole and mixed < MAX_MIXED:
                mixed += 1
                self.note(f"{url}: does not match the part downloaded before; restarting")
                continue
            left.remove(url)
            message = f"{url}: its {partial.algorithm} does not match {remote.listed}"
            wrong = wrong or FetchError(message, "the file was discarded")
            if not left:
                raise wrong
            self.note(f"{message}; trying the next URL")

    def _resume(self, url: str, partial: Partial, meter: Meter) -> tuple[str, bool]:
        """Download the rest of a file; return the URL, and whether all of it came from there."""
        headers, most, total = _range(partial), partial.most, 0
        whole = not headers
        try:
            for item in self._client.get(url, headers):
                if isinstance(item, Head):
                    whole = _align(url, partial, item) or whole
                    total = item.total
                else:
                    partial.write(item)
                meter(partial.size, total)
            if partial.size < total:
                cut = f"the connection was cut after {partial.size} of {total} bytes"
                raise RetryError(f"{url}: {cut}")
        except RetryError as error:
            raise RetryError(str(error), progress=partial.size > most) from None
        except RangeError:
            if not headers:
                raise FetchError(f"{url}: HTTP 416 to a request without a range") from None
            partial.restart()
            raise RetryError(
                f"{url}: shorter than the part downloaded before", progress=True
            ) from None
        finally:
            partial.most = max(partial.most, partial.size)
        partial.complete = True
        return url, whole

    def _first(self, urls: Sequence[str], attempt: Callable[[str], T]) -> T:
        """Return the result of the first URL that works, in rounds. A host that fails is skipped
        for the rest of the round; rounds without any data are limited."""
        left, rounds = list(urls), 0
        refused: FetchError | None = None
        while True:
            failed: dict[str, RetryError] = {}
            for url in list(left):
                host = urlsplit(url).netloc
                if host in failed or url not in left:
                    continue
                try:
                    return attempt(url)
                except MissingError:
                    left.remove(url)
                except FetchError as error:
                    refused = refused or error
                    left = [other for other in left if urlsplit(other).netloc != host]
                except RetryError as error:
                    failed[host] = error
            if not left:
                raise refused or NotFoundError(f"{urls[0]} does not exist")
            first, *_ = failed.values()
            progress = any(one.progress for one in failed.values())
            if not progress and rounds >= self._retries:
                tries = f" ({rounds + 1} tries)" if rounds else ""
                raise refused or FetchError(f"{first}{tries}")
            rounds = 0 if progress else rounds
            wait = wait_before(rounds)
            self.note(f"{first}; retrying in {wait:g} s")
            self._sleep(wait)
            rounds += not progress

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._session.interrupt.check()
            time.sleep(min(left, POLL_SECONDS))


def wait_before(round_: int) -> float:
    """Return the seconds to wait before the next round: longer each time."""
    return min(MAX_WAIT_SECONDS, 0.5 * 2.0 ** min(round_, 10))


def _range(partial: Partial) -> dict[str, str]:
    """Return the headers that ask for the rest. Without a checksum, resume only if the
    server confirms that the version is the same (RFC 9110, If-Range); else start again."""
    if not partial.size:
        return {}
    wanted = {"Range": f"bytes={partial.size}-"}
    if partial.wanted:
        return wanted
    if partial.validator:
        return wanted | {"If-Range": partial.validator}
    partial.restart()
    return {}


def _align(url: str, partial: Partial, head: Head) -> bool:
    """Prepare for a body: whether it is the whole file. Raises FetchError for another range
    than requested, HostError if the file does not fit."""
    if head.begins not in (0, partial.size):
        raise FetchError(f"{url}: the answer has another range than requested")
    whole = head.begins != partial.size
    if whole:
        partial.restart()
    partial.validator = head.validator
    partial.expect(head.total)
    return whole
