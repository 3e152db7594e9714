"""Files over https: told as they come, gone on with where they were cut, never believed.

Each answer is read in a thread of its own: no name server, proxy or mirror that is silent
keeps us from ending when we are asked to.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from bsdvirt import __version__
from bsdvirt.errors import BsdvirtError, FetchError, HostError, NotFoundError
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.library.mirrors import content_range, wait_before
from bsdvirt.library.partial import Kept
from bsdvirt.spec.numbers import natural

if TYPE_CHECKING:
    import ssl
    from urllib.request import OpenerDirector, Request

T = TypeVar("T")
Note = Callable[[str], None]
Meter = Callable[[int, int], None]
"""Is given how many bytes there are, and how many there will be (0: not known)."""
CHUNK = 1 << 16
POLL_SECONDS = 0.1
MOST_MIXED = 2
"""How often a file is begun again that came in pieces and is wrong."""
MOST_TEXT = 4 << 20
NOTHING = "nothing of it was kept"
CA_FILES = ("/etc/ssl/cert.pem", "/usr/local/share/certs/ca-root-nss.crt")
"""Looked at where OpenSSL's own places are empty."""
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class GoneError(Exception):
    """Not at this place: another may have it."""


class RangeError(Exception):
    """There is less of it than we have."""


class PassingError(Exception):
    """It may go better in a moment. `gained` says that something came before."""

    def __init__(self, message: str, *, gained: bool = False) -> None:
        super().__init__(message)
        self.gained = gained


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of what came: where it begins in the file, and how long the file is."""

    begins: int
    total: int


@dataclass(slots=True)
class Web:
    """How this host fetches."""

    interrupt: Interrupt
    timeout: float
    retries: int
    note: Note
    _opener: OpenerDirector | None = None

    def text(self, urls: Sequence[str]) -> tuple[str, str]:
        """The first of these that is there: its URL and its text.

        Raises NotFoundError where none is, FetchError for other trouble.
        """
        return self._first(urls, lambda url: (url, self._text(url)))

    def glance(self, url: str) -> str:
        """A page's text, or nothing where it does not come at once."""
        try:
            return self._text(url)
        except (GoneError, PassingError, FetchError):
            return ""

    def save(self, urls: Sequence[str], kept: Kept, meter: Meter, listed: str = "MANIFEST") -> None:
        """Bring the rest of a file, from the first place that gives it whole. `listed` is
        where its checksum stands.

        Raises as `text` does; HostError where there is no room.
        """
        left, mixed, wrong = list(urls), 0, list[FetchError]()
        while not kept.matches():
            try:
                url, whole = self._first(left, lambda url: self._rest(url, kept, meter))
            except NotFoundError as error:
                raise (wrong[0] if wrong else error) from None
            if kept.matches():
                return
            kept.restart()
            if not whole and mixed < MOST_MIXED:
                mixed += 1
                self.note(f"{url}: does not fit what was there already; starting again")
                continue
            left.remove(url)
            said = f"{url}: its {kept.kind} is not the one in {listed}"
            wrong.append(FetchError(said, NOTHING))
            if not left:
                raise wrong[0]
            self.note(f"{said}; trying another place")

    def _text(self, url: str) -> str:
        body, total = bytearray(), 0
        for item in self._pull(url, {}):
            if isinstance(item, Answer):
                total = item.total
                continue
            body += item
            if len(body) > MOST_TEXT:
                raise FetchError(f"{url}: longer than any list of files", "is it the right URL?")
        if len(body) < total:
            raise PassingError(f"{url}: the connection was cut after {len(body)} of {total} bytes")
        return body.decode("utf-8", "replace")

    def _rest(self, url: str, kept: Kept, meter: Meter) -> tuple[str, bool]:
        """The URL, and whether the whole of it came from there."""
        headers = {"Range": f"bytes={kept.size}-"} if kept.size else {}
        whole, before, total = not headers, kept.best, 0
        try:
            for item in self._pull(url, headers):
                if isinstance(item, bytes):
                    kept.add(item)
                else:
                    if item.begins != kept.size:
                        # The whole of it: this place cannot go on from where we are.
                        kept.restart()
                        whole = True
                    total = item.total
                    kept.expect(total)
                meter(kept.size, total)
            if kept.size < total:
                raise PassingError(
                    f"{url}: the connection was cut after {kept.size} of {total} bytes"
                )
        except PassingError as error:
            raise PassingError(str(error), gained=kept.size > before) from None
        except RangeError:
            if not headers:
                raise FetchError(f"{url}: HTTP 416 to a plain request") from None
            kept.restart()
            raise PassingError(f"{url}: shorter than what was there", gained=True) from None
        finally:
            kept.best = max(kept.best, kept.size)
        kept.complete = True
        return url, whole

    def _first(self, urls: Sequence[str], attempt: Callable[[str], T]) -> T:
        """What comes of the first URL that works, in as many turns as are allowed while
        nothing comes. A host that does not answer is left alone until the next turn."""
        left, turn, failed = list(urls), 0, list[BsdvirtError]()
        while True:
            down: dict[str, PassingError] = {}
            for url in list(left):
                host = urlsplit(url).netloc
                if host in down:
                    continue
                try:
                    return attempt(url)
                except GoneError:
                    left.remove(url)
                except FetchError as error:
                    left = [other for other in left if urlsplit(other).netloc != host]
                    failed.append(error)
                    down[host] = PassingError("")
                except PassingError as error:
                    down[host] = error
            passing = [error for error in down.values() if str(error)]
            gained = any(error.gained for error in passing)
            turn = 0 if gained else turn
            if not left:
                raise failed[0] if failed else NotFoundError(f"{urls[0]} is not there")
            if turn >= self.retries and not gained:
                tries = f" ({turn + 1} tries)" if turn else ""
                raise failed[0] if failed else FetchError(f"{passing[0]}{tries}")
            wait = wait_before(turn)
            self.note(f"{passing[0]}; trying again in {wait:g} s")
            self._wait(wait)
            turn += not gained

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.interrupt.check()
            time.sleep(min(left, POLL_SECONDS))

    def _pull(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer | bytes]:
        """The head, and then the body as it comes."""
        from http.client import HTTPException
        from urllib.error import URLError
        from urllib.request import Request

        if self._opener is None:
            self._opener = _opener()
        fixed = {"User-Agent": f"bsdvirt/{__version__}", "Accept-Encoding": "identity"}
        request = Request(url, headers={**fixed, **headers})  # noqa: S310
        reader = _Reader(self._opener, request, self.timeout)
        try:
            yield from reader.items(self.interrupt)
        except (URLError, HTTPException, OSError, ValueError) as error:
            raise _trouble(url, error) from error


class _Reader:
    """Reads one URL in a thread."""

    def __init__(self, opener: OpenerDirector, request: Request, timeout: float) -> None:
        self._queue: queue.Queue[Answer | bytes | Exception | None] = queue.Queue(maxsize=16)
        self._ended = threading.Event()
        arguments = (opener, request, timeout)
        threading.Thread(target=self._run, args=arguments, daemon=True).start()

    def items(self, interrupt: Interrupt) -> Iterator[Answer | bytes]:
        try:
            while True:
                interrupt.check()
                with contextlib.suppress(queue.Empty):
                    item = self._queue.get(timeout=POLL_SECONDS)
                    if item is None:
                        return
                    if isinstance(item, Exception):
                        raise item
                    yield item
        finally:
            self._ended.set()

    def _run(self, opener: OpenerDirector, request: Request, timeout: float) -> None:
        try:
            with opener.open(request, timeout=timeout) as response:
                self._put(_answer(response))
                while chunk := response.read1(CHUNK):
                    if not self._put(chunk):
                        return
        except Exception as error:
            self._put(error)
        else:
            self._put(None)

    def _put(self, item: Answer | bytes | Exception | None) -> bool:
        """Whether somebody still wants it."""
        while not self._ended.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=POLL_SECONDS)
                return True
        return False


def _answer(response: Any) -> Answer:
    if response.status == 206:
        found = content_range(response.headers.get("Content-Range", ""))
        if found is None:
            raise OSError("an answer to Range without Content-Range")
        return Answer(found[0], found[1] or 0)
    length = response.headers.get("Content-Length", "")
    return Answer(0, natural(length) or 0)


def _trouble(url: str, error: Exception) -> Exception:
    """What an error of the network is to us."""
    import ssl
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        error.close()
        if error.code in (404, 410):
            return GoneError(url)
        if error.code == 416:
            return RangeError(url)
        said = f"{url}: HTTP {error.code} {error.reason}".rstrip()
        return PassingError(said) if error.code in PASSING_STATUS else FetchError(said)
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return FetchError(
            f"{url}: the certificate is not good: {reason.verify_message}",
            "look at the clock, the proxy, and certctl(8) or the package ca_root_nss",
        )
    if isinstance(reason, TimeoutError):
        return PassingError(f"{url}: no answer in time")
    if isinstance(reason, str):
        return FetchError(f"{url}: {reason}")
    words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return PassingError(f"{url}: {' '.join(str(words).split())}")


def _opener() -> OpenerDirector:
    """https and proxies only: no redirection leads to a file, to ftp or to http."""
    from urllib import request
    from urllib.error import URLError

    class Redirects(request.HTTPRedirectHandler):
        def redirect_request(
            self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
        ) -> Request | None:
            if urlsplit(newurl).scheme != "https":
                raise URLError(f"redirected to {newurl}, which is not https")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPSHandler(context=_context()),
        Redirects(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _context() -> ssl.SSLContext:
    """Raises HostError where nothing says whom to trust: nobody is then believed."""
    import ssl

    known = ssl.get_default_verify_paths()
    context = ssl.create_default_context()
    if known.cafile is None and known.capath is None:
        for file in CA_FILES:
            if os.path.isfile(file):
                context.load_verify_locations(file)
                return context
        raise HostError(
            "there are no CA certificates, so no mirror can be believed",
            "certctl rehash, or pkg install ca_root_nss",
        )
    return context
