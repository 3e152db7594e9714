"""One test for many values: thousands of tests of a millisecond each cost more to hand out than to
run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def each(values: Iterable[T]) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """Run a test for each value, and name all those that it fails for."""
    every = list(values)
    assert every

    def for_each(test: Callable[[T], None]) -> Callable[[], None]:
        def run() -> None:
            wrong = []
            for value in every:
                try:
                    test(value)
                except AssertionError as error:
                    wrong.append(f"{value}: {error}")
            assert not wrong, "\n".join(wrong)

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return for_each
