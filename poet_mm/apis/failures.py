"""Images on which the network or the drawing fails: told, counted, and given
up where it is not the images."""
from typing import Callable, Optional

from ..errors import EveryImageFails, UserError, first_line

FAILURES = 3  # so many from the start on, and it is not the images


class Failures:
    """What went wrong with images after they had been read.

    Args:
        on_error (callable, optional): Told of every failure; None raises it.
    """

    def __init__(self, on_error: Optional[Callable]) -> None:
        self.on_error = on_error
        self.count = 0
        self.some_went_well = False

    def add(self, path: str, error: Exception) -> None:
        """Tell of an image, or give up: see ``FAILURES``."""
        if self.on_error is None:
            raise error
        said = f'{type(error).__name__}: {first_line(error)}'
        self.count += 1
        self.on_error(UserError(f'{path}: {said}'))
        if self.count == FAILURES and not self.some_went_well:
            raise EveryImageFails(
                f'stopped, as the first {FAILURES} images all failed: it '
                'seems to be model, weights or device') from error

    def check(self, check: Callable[[], None]) -> None:
        """Call what may raise a UserError, and tell of that."""
        try:
            check()
        except UserError as error:
            if self.on_error is None:
                raise
            self.on_error(error)
