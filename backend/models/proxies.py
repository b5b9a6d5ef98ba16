"""Which proxy a download goes through: the system's, as its other programs do, and none on this machine."""

from __future__ import annotations

import ipaddress
import urllib.parse
import urllib.request
from collections.abc import Callable

NO_PROXY = "no"  # the key of what goes past all proxies


def proxy_for(url: str) -> str | None:
    """Return the address of the proxy for a URL, None for the direct way.

    Environment variables come first, as everywhere, then what is set in macOS and Windows. urllib.request.getproxies()
    alone would not get as far: NO_PROXY, which this program sets for loopback, hides from it what the system has.
    """
    parts = urllib.parse.urlsplit(url)
    if is_loopback(url):
        return None
    proxies = urllib.request.getproxies_environment()
    if proxies.keys() - {NO_PROXY}:
        past_all = bool(urllib.request.proxy_bypass(parts.netloc))
    else:
        proxies, past_all = _of_the_system(parts.hostname or "")
    proxy = None if past_all else proxies.get(parts.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine."""
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _of_the_system(host: str) -> tuple[dict[str, str], bool]:
    """The proxies set in macOS or Windows, and whether `host` goes past them."""
    for proxies, bypass in (
        ("getproxies_registry", "proxy_bypass_registry"),
        ("getproxies_macosx_sysconf", "proxy_bypass_macosx_sysconf"),
    ):
        found: Callable[[], dict[str, str]] | None = getattr(urllib.request, proxies, None)
        if found is not None:
            return found(), bool(getattr(urllib.request, bypass)(host))
    return {}, False
