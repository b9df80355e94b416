"""One way to listen to what a model computes in a step.

``PoseSetLoss`` passes every ``SetLoss`` of training to its ``listeners``,
``PoseHungarianAssigner`` costs that are not finite, ``MultiheadAttention`` its
attention weights. To listen, append a callable, and remove it when done.
"""

from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Sequence, Tuple


class Listeners(List[Callable[[Any], None]]):
    """Callables that get what a part of a model computes.

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
    """Pass what parts of a model compute to listeners, inside the context.

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
