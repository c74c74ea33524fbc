"""Who has left: the server forgets their sessions after a while, and gives the memory back.

Streamlit keeps a session for a browser that may come back. By itself it drops an expired one only
when the next visitor leaves, and what that held stays until Python's collector comes to it.
"""

import asyncio
import ctypes
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import streamlit as st
from streamlit import runtime

LOOKS = 4  # within the time that a session is kept


@asynccontextmanager
async def forgotten(app: st.App) -> AsyncIterator[None]:
    """Forget whose time is over, as long as the app runs."""
    watch = asyncio.create_task(_watch())
    yield
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch


async def _watch() -> None:
    pause = max(st.get_option("server.disconnectedSessionTTL") / LOOKS, 0.5)
    while True:
        await asyncio.sleep(pause)
        if _forget():
            gc.collect()
            _give_back()


def _forget() -> int:
    """End the expired sessions; how many there were. For the thread of the server's event loop,
    which alone uses the storage of sessions."""
    running = runtime.get_instance()
    running.media_file_mgr.remove_orphaned_files()  # those of the look before
    expired = running._session_mgr._session_storage._cache.expire()  # there is no public way
    for _, stored in expired:
        stored.session.shutdown()
    return len(expired)


def _give_back() -> None:
    """Freed memory to the system, where the C library keeps it to itself."""
    with suppress(AttributeError, OSError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
