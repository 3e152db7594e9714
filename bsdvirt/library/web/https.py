"""GET over https with urllib3: the head of an answer, then its body as it arrives.

Each request runs in a thread of its own, so that a name server, proxy or mirror that does not
answer cannot delay the end after a signal.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urljoin, urlsplit

from msgspec import Struct

from bsdvirt import __version__
from bsdvirt.errors import FetchError, HostError
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.host.tools import python_package
from bsdvirt.spec.digits import natural

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

T = TypeVar("T")
CHUNK = 1 << 16
POLL_SECONDS = 0.1
MAX_REDIRECTS = 10
QUEUED_CHUNKS = 16
CA_FILES = ("/etc/ssl/cert.pem", "/usr/local/share/certs/ca-root-nss.crt")
"""Used when OpenSSL's default locations hold no certificates."""
RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.IGNORECASE | re.ASCII)
HEADERS = {"User-Agent": f"bsdvirt/{__version__}", "Accept-Encoding": "identity"}


class MissingError(Exception):
    """The server does not have the file (404, 410)."""


class RangeError(Exception):
    """The requested range starts beyond the end of the file (416)."""


class RetryError(Exception):
    """A temporary failure. `progress`: data arrived before it."""

    def __init__(self, message: str, *, progress: bool = False) -> None:
        super().__init__(message)
        self.progress = progress


class Head(Struct, frozen=True):
    """Where the body begins in the file, the file's size (0: unknown), and the value for
    If-Range (empty: the server sent no strong validator)."""

    begins: int
    total: int
    validator: str = ""


class Client:
    """Sends requests. Proxies are those of the environment (https_proxy, no_proxy)."""

    def __init__(self, interrupt: Interrupt, timeout: float) -> None:
        """Raises HostError where urllib3 is not installed."""
        _need_urllib3()
        self._interrupt = interrupt
        self._timeout = timeout
        self._managers: dict[str, PoolManager] = {}

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Head | bytes]:
        """Yield the head, then the body in pieces.

        Raises MissingError, RangeError, RetryError, or FetchError for a permanent failure.
        """
        return _in_thread(lambda: self._stream(url, headers or {}), self._interrupt)

    def _stream(self, url: str, headers: Mapping[str, str]) -> Iterator[Head | bytes]:
        from http.client import HTTPException

        from urllib3.exceptions import HTTPError

        try:
            with self._open(url, headers) as response:
                _check_status(url, response)
                yield head_of(response)
                read = _reader(response)
                while chunk := read(CHUNK):
                    yield chunk
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise _translated(url, error) from error

    def _open(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Send the request, following redirects to https only."""
        target = url
        for _ in range(MAX_REDIRECTS + 1):
            if urlsplit(target).scheme != "https":
                raise FetchError(f"{url}: redirected to {target}, which is not https")
            response = self._manager(target).request(
                "GET",
                target,
                headers={**HEADERS, **headers},
                timeout=self._timeout,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                enforce_content_length=False,
            )
            location = response.get_redirect_location()
            if not location:
                return response
            response.close()
            target = urljoin(target, location)
        raise FetchError(f"{url}: more than {MAX_REDIRECTS} redirects")

    def _manager(self, url: str) -> PoolManager:
        from urllib.request import getproxies, proxy_bypass

        host = urlsplit(url).netloc.rpartition("@")[2]
        proxy = "" if proxy_bypass(host) else getproxies().get("https", "")
        if proxy not in self._managers:
            self._managers[proxy] = _new_manager(proxy)
        return self._managers[proxy]


def _need_urllib3() -> None:
    try:
        import urllib3  # noqa: F401
    except ImportError:
        package = python_package("urllib3")
        raise HostError(
            "downloads need the Python package urllib3, which is not installed",
            f"pkg install {package}, or fetch the file yourself and name it",
        ) from None


def _new_manager(proxy: str) -> PoolManager:
    from urllib3 import PoolManager, ProxyManager
    from urllib3.util import make_headers, parse_url

    # Certificates are verified by default in urllib3 2 only.
    trust: dict[str, Any] = {"cert_reqs": "CERT_REQUIRED", "ca_certs": _ca_file()}
    if not proxy:
        return PoolManager(**trust)
    address = proxy if "://" in proxy else f"http://{proxy}"
    auth = parse_url(address).auth
    headers = make_headers(proxy_basic_auth=unquote(auth)) if auth else None
    return ProxyManager(address, proxy_headers=headers, **trust)


def _reader(response: Any) -> Callable[[int], bytes]:
    """Return a function that reads as much of the body as has arrived. urllib3 1.26 has only
    read(), which waits for the full amount: its http.client response is read instead."""
    read1: Callable[[int], bytes] = getattr(response, "read1", None) or response._fp.read1
    return read1


def _check_status(url: str, response: BaseHTTPResponse) -> None:
    status = response.status
    if status in (200, 206):
        return
    if status in (404, 410):
        raise MissingError(url)
    if status == 416:
        raise RangeError(url)
    message = f"{url}: HTTP {status} {response.reason or ''}".rstrip()
    raise RetryError(message) if status in RETRY_STATUS else FetchError(message)


def head_of(response: Any) -> Head:
    """Parse the headers, which are untrusted: bounded, and 0 for anything but a number."""
    headers = response.headers
    validator = headers.get("ETag", "")
    if not validator.startswith('"'):
        validator = headers.get("Last-Modified", "")
    if response.status != 206:
        return Head(0, natural(headers.get("Content-Length", "")) or 0, validator)
    found = content_range(headers.get("Content-Range", ""))
    if found is None:
        raise OSError("an answer to Range without Content-Range")
    return Head(found[0], found[1] or 0, validator)


def content_range(header: str) -> tuple[int, int | None] | None:
    """Parse `bytes 100-199/200`: where the range begins, and the file's size."""
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _translated(url: str, error: Exception) -> Exception:
    """Return the error in plain words, as RetryError or FetchError."""
    import ssl

    from urllib3.util.ssl_match_hostname import CertificateError

    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    if isinstance(cause, ssl.SSLCertVerificationError | CertificateError):
        reason = getattr(cause, "verify_message", "") or str(cause)
        return FetchError(
            f"{url}: the certificate is not valid: {reason}",
            "check the clock, the proxy, and certctl(8) or the package ca_root_nss",
        )
    if isinstance(cause, TimeoutError):
        return RetryError(f"{url}: timed out")
    words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    message = f"{url}: {' '.join(str(words).split())}"
    return FetchError(message) if isinstance(error, ValueError) else RetryError(message)


def _ca_file() -> str | None:
    """Return the file of CA certificates to use instead of OpenSSL's default ones, if there are
    none."""
    import ssl

    known = ssl.get_default_verify_paths()
    if known.cafile or known.capath:
        return None
    return next((file for file in CA_FILES if os.path.isfile(file)), None)


def _in_thread(work: Callable[[], Iterator[T]], interrupt: Interrupt) -> Iterator[T]:
    """Yield what an iterator yields, run in a daemon thread. Raises what it raises, and
    Interrupted after a signal, however long the iterator blocks."""
    passed: queue.Queue[T | Exception | None] = queue.Queue(QUEUED_CHUNKS)
    abandoned = threading.Event()

    def put(item: T | Exception | None) -> None:
        while not abandoned.is_set():
            with contextlib.suppress(queue.Full):
                passed.put(item, timeout=POLL_SECONDS)
                return

    def run() -> None:
        try:
            for item in work():
                put(item)
                if abandoned.is_set():
                    return
            put(None)
        except Exception as error:
            put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        while True:
            interrupt.check()
            with contextlib.suppress(queue.Empty):
                item = passed.get(timeout=POLL_SECONDS)
                if item is None:
                    return
                if isinstance(item, Exception):
                    raise item
                yield item
    finally:
        abandoned.set()
