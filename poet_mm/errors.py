"""Define the exceptions for mistakes of users.

Tools catch :class:`UserError` and print its message without a traceback.
"""


class UserError(Exception):
    """Report a mistake that the user can correct. The message says how."""


class DataFault(UserError, ValueError):
    """Signal an image or annotation that is wrong; the message names it."""

    def __str__(self) -> str:
        """Return the message without the traceback of a loader process."""
        text = super().__str__()
        if text.startswith('Caught '):
            text = text.rpartition(f'{type(self).__name__}: ')[2].strip()
        return text


class MissingFile(UserError, FileNotFoundError):
    """Signal that a file of a config or command does not exist."""


class WrongValue(UserError, ValueError):
    """Signal a value that is not one of the allowed values."""


class DownloadFailed(UserError):
    """Signal that a file does not arrive, or not as it should be."""


class EveryImageFails(UserError):
    """Signal that the model, its weights or the device do not work."""


class NonFiniteError(UserError, FloatingPointError):
    """Signal a cost, loss or gradient that is NaN or infinite."""


def first_line(error: Exception) -> str:
    """Return the first line of an error's message; torch adds many more."""
    return str(error).strip().split('\n')[0]


def unreadable(path: str, error: Exception) -> UserError:
    """Return the error for an image that cannot be read, with a reason.

    Args:
        path (str): Path of the image.
        error (Exception): Error that reading the file raised.
    """
    if isinstance(error.__cause__, OSError):  # behind a DataFault
        error = error.__cause__
    reason = getattr(error, 'strerror', None)
    reason = reason or 'empty, damaged or of an unknown format'
    return UserError(f'{path}: cannot be read as an image ({reason})')
