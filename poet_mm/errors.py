"""Every exception that is meant for a user.

Tools catch :class:`UserError` and print its message without a traceback.
"""


class UserError(Exception):
    """A mistake that one sentence explains better than a traceback."""


class DataFault(UserError, ValueError):
    """A fault of an image or annotation, which it names."""

    def __str__(self) -> str:
        """Return the message without the traceback that a process of the data
        loader puts before it.
        """
        text = super().__str__()
        if text.startswith('Caught '):
            text = text.rpartition(f'{type(self).__name__}: ')[2].strip()
        return text


class MissingFile(UserError, FileNotFoundError):
    """A file that a config or a command names is not there."""


class WrongValue(UserError, ValueError):
    """A value is not one of those allowed."""


class EveryImageFails(UserError):
    """It is the model, its weights or the device that does not work."""


class NonFiniteError(UserError, FloatingPointError):
    """A cost, a loss or a gradient of training is NaN or infinite."""


class OutOfGPUMemory(UserError, RuntimeError):
    """The GPU is full; the message says what to change."""


def first_line(error: Exception) -> str:
    """Return an error's message without what torch adds in further lines."""
    return str(error).strip().split('\n')[0]


def unreadable(path: str, error: Exception) -> UserError:
    """Return the error for an image file that cannot be loaded, with the
    reason in a few words.
    """
    if isinstance(error.__cause__, OSError):  # of what LoadIntactImage says
        error = error.__cause__
    if isinstance(error, OSError) and error.strerror:
        why = error.strerror
    elif isinstance(error, FileNotFoundError):
        why = 'no such file'
    elif isinstance(error, PermissionError):
        why = 'permission denied'
    else:
        why = 'empty, damaged or of an unknown format'
    return UserError(f'{path}: cannot be read as an image ({why})')
