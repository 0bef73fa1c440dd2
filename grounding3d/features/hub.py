"""Downloads from the Hugging Face hub: fail at once, not after a minute of retries."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

_NOISY = ("huggingface_hub", "root")


@contextmanager
def quick_hub() -> Iterator[None]:
    """While the hub's name does not resolve, let its client use cached files only.

    Its retries and their warnings would otherwise stand between the user and our error.
    """
    from huggingface_hub import constants

    if _resolves(urlsplit(constants.ENDPOINT).hostname or ""):
        yield
        return
    was_offline = constants.HF_HUB_OFFLINE
    levels = {name: logging.getLogger(name).level for name in _NOISY}
    constants.HF_HUB_OFFLINE = True
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True
