"""The web server, with viser's openings to the outside closed."""

from __future__ import annotations

import socket
import sys
import warnings
from asyncio import TimerHandle
from collections.abc import Callable
from contextlib import redirect_stdout
from urllib.parse import urlsplit

import viser

from grounding3d.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class LocalServer(viser.ViserServer):
    """A viser server that never tunnels through a foreign machine."""

    def request_share_url(self, verbose: bool = True) -> None:
        """Refused: a page could otherwise publish the scene through viser's relay."""

    def stop(self) -> None:
        """Stop serving."""
        with redirect_stdout(sys.stderr):  # viser says so on stdout, which is for results
            super().stop()


def serve(host: str, port: int, title: str) -> LocalServer:
    """Start a server; if the port is taken, on the next free one.

    Raises:
        ConfigError: nothing can be served at that address.
    """
    if not 0 <= port <= 65535:
        raise ConfigError("--port is no TCP port", expected="0 to 65535", found=str(port))
    _check_host(host)
    # a page that closes while something is drawn for it is no event worth a line
    warnings.filterwarnings("ignore", message="Queued a .* on a closed connection")
    with redirect_stdout(sys.stderr):
        return LocalServer(host=host, port=port, label=title, verbose=False)


def same_origin(server: viser.ViserServer, client_id: int, host: str) -> bool:
    """Whether a connection comes from our own page.

    A page of any web site may open a socket to this machine (cross-site WebSocket hijacking; RFC
    6455, section 10.2), and may give itself a name that resolves to it (DNS rebinding). So the
    page's origin must be the host that was asked for, and on the loopback that host must be a name
    of the loopback. Programs, which send no origin, may connect.
    """
    connection = server._websock_server._live_connections.get(client_id)
    if connection is None or connection.request is None:
        return False  # gone already
    asked = connection.request.headers.get("Host", "")
    origin = connection.request.headers.get("Origin")
    if host in LOOPBACK and urlsplit(f"//{asked}").hostname not in LOOPBACK:
        return False
    return origin is None or urlsplit(origin).netloc == asked


class Resting:
    """Calls back once something has been quiet for a while; runs on the server's event loop.

    Args:
        server: whose loop and threads are used.
        quiet_s: how long.
        run: what is called, in a thread of the server's pool.
    """

    def __init__(self, server: viser.ViserServer, quiet_s: float, run: Callable[[], None]) -> None:
        self._loop = server.get_event_loop()
        self._quiet_s = quiet_s
        self._run = run
        self._timer: TimerHandle | None = None

    async def stirred(self, _: object = None) -> None:
        """It moved: start waiting anew."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(
            self._quiet_s, lambda: self._loop.run_in_executor(None, self._run)
        )


def _check_host(host: str) -> None:
    """viser would try ports for ever where the address itself is the fault."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except OSError as error:
        raise ConfigError(
            f"cannot serve at --host {host}",
            expected="an address of this machine, such as 127.0.0.1 or 0.0.0.0",
            found=error.strerror or str(error),
        ) from error
