"""Memory that this process frees is kept for its next use."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
LARGEST_BLOCK = 2**25  # bytes; larger ones are always the system's
KEPT = 2**29  # bytes of freed memory, at most


def keep_freed() -> None:
    """Tell the C library to keep freed memory, up to KEPT bytes; without effect where it cannot.

    Each training step frees and takes the same large maps. By default glibc gives them back to the
    system and gets them again, page by page and zeroed: measured, a step then takes 1.3 times as
    long.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library than glibc
        return
    set_option(M_MMAP_THRESHOLD, LARGEST_BLOCK)
    set_option(M_TRIM_THRESHOLD, KEPT)
