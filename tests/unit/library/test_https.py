"""What requests are sent with, and through which proxy."""

from __future__ import annotations

import base64
import sys

import pytest
from urllib3 import ProxyManager

from bsdvirt.errors import HostError
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.library.web.https import Client

URL = "https://mirror.example.org/base.txz"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return Client(Interrupt(), 5)


def test_without_urllib3_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(HostError) as raised:
        Client(Interrupt(), 5)
    assert "urllib3" in raised.value.message
    assert raised.value.hint.startswith("pkg install py3")


def test_no_proxy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(client._manager(URL), ProxyManager)
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "example.org")
    assert not isinstance(client._manager(URL), ProxyManager)


@pytest.mark.parametrize("proxy", ["proxy:3128", "http://proxy:3128"])
def test_a_proxy(client: Client, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    manager = client._manager(URL)
    assert isinstance(manager, ProxyManager)
    assert manager.proxy is not None
    assert (manager.proxy.host, manager.proxy.port) == ("proxy", 3128)
    assert not manager.proxy_headers


def test_a_password_is_sent_to_the_proxy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:p%40ss@proxy:3128")
    manager = client._manager(URL)
    assert isinstance(manager, ProxyManager)
    sent = base64.b64encode(b"me:p@ss").decode()
    assert manager.proxy_headers == {"proxy-authorization": f"Basic {sent}"}
    assert not manager.headers
