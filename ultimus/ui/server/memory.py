"""How Python's collector of memory treats what the libraries have loaded."""

import gc
from functools import cache


@cache
def spare_the_collector() -> None:
    """Once: leave the 300,000 objects of the libraries out of every later collection."""
    gc.collect()
    gc.freeze()
