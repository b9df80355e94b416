"""Exceptions for users: one base class, and what they were before it."""

import pickle

import pytest

from poet_mm import errors

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, Exception)
]


@pytest.mark.parametrize('kind', CLASSES)
def test_one_base_class(kind):
    """Made of one sentence, so that it comes out of another process."""
    assert issubclass(kind, errors.UserError)
    error = pickle.loads(pickle.dumps(kind('1 is not 2.')))
    assert type(error) is kind
    assert str(error) == '1 is not 2.'


@pytest.mark.parametrize(
    ('kind', 'builtin'),
    [
        (errors.DataFault, ValueError),
        (errors.MissingFile, FileNotFoundError),
        (errors.NonFiniteError, FloatingPointError),
        (errors.WrongValue, ValueError),
    ],
)
def test_code_that_catches_the_builtin_goes_on(kind, builtin):
    assert issubclass(kind, builtin)


def test_fault_from_a_loader_process():
    text = 'Caught DataFault in worker process 0.\nTraceback ...\nDataFault: x'
    assert str(errors.DataFault(text)) == 'x'


@pytest.mark.parametrize(
    ('error', 'why'),
    [
        (FileNotFoundError(2, 'No such file or directory'), 'No such file'),
        (ValueError('x'), 'damaged'),
    ],
)
def test_unreadable(error, why):
    assert why in str(errors.unreadable('a.jpg', error))
    assert 'a.jpg' in str(errors.unreadable('a.jpg', error))


def test_first_line():
    assert errors.first_line(RuntimeError(' a\nb')) == 'a'
