"""One way to listen to what a model computes in a step.

A part that has something to tell holds ``listeners``: ``PoseSetLoss`` tells
every ``SetLoss`` of training, ``PoseHungarianAssigner`` costs that are not
finite, ``MultiheadAttention`` its attention weights. Whoever wants to know
appends a callable, and removes it when done.
"""
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Sequence, Tuple


class Listeners(List[Callable[[Any], None]]):
    """Callables that are told what a part of a model computes.

    They belong to the program that runs, not to the model: a copy of the
    model, or one from a file, has none.
    """

    def tell(self, event: Any) -> None:
        """Call every listener with ``event``."""
        for listener in self:
            listener(event)

    def __deepcopy__(self, memo: dict) -> 'Listeners':
        return Listeners()

    def __reduce__(self) -> tuple:
        return Listeners, ()


@contextmanager
def listening(pairs: Sequence[Tuple[Any, Callable]]) -> Iterator[None]:
    """Let each part of a model tell its listener, inside of the context.

    Args:
        pairs (Sequence[tuple]): Parts with ``listeners``, and what to call.
    """
    for part, listener in pairs:
        part.listeners.append(listener)
    try:
        yield
    finally:
        for part, listener in pairs:
            part.listeners.remove(listener)
