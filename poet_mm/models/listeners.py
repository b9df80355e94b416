"""Call listeners with intermediate results of a model.

``PoseSetLoss`` passes every ``SetLoss`` of training to its ``listeners``,
``MultiheadAttention`` its attention weights, ``PoseHungarianAssigner`` costs
that are not finite; without a listener it raises an error for them. To listen,
append a callable, and remove it when done.
"""

from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Sequence, Tuple


class Listeners(List[Callable[[Any], None]]):
    """Hold callables that get what a part of a model computes.

    Listeners are not copied or saved with the model.
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
        pairs (Sequence[tuple]): A module with ``listeners``, and a callable.
    """
    for part, listener in pairs:
        part.listeners.append(listener)
    try:
        yield
    finally:
        for part, listener in pairs:
            part.listeners.remove(listener)
