"""Reading of what comes next while what is there is being used."""

__all__ = ["ahead"]

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
DEPTH = 2  # results that may wait


def ahead(function: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """Yield the function of each item in order, computed by a thread before it is asked for.

    Example:
        >>> list(ahead(abs, [-1, 2, -3]))
        [1, 2, 3]
    """
    waiting: deque[Future[Out]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > DEPTH:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
