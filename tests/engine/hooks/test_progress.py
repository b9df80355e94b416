"""The progress bar of training: on a terminal only, gone after an error."""

import io
import logging
import sys
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from poet_mm.engine.hooks.progress import show_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def make_runner():
    """What the bar looks at of a runner that resumes at the third step."""
    logger = logging.Logger('training')
    logger.addHandler(logging.StreamHandler(sys.stdout))
    hub = MessageHub('test_progress')
    hub.update_scalar('train/loss', 2.345)
    hooks = []
    return SimpleNamespace(
        rank=0,
        epoch=1,
        max_epochs=4,
        iter=2,
        max_iters=8,
        logger=logger,
        message_hub=hub,
        hooks=hooks,
        register_hook=lambda hook, _: hooks.append(hook),
    )


def use_terminal(monkeypatch):
    """In the test itself: pytest sets its own streams after fixtures."""
    stream = Terminal()
    monkeypatch.setattr(sys, 'stdout', stream)
    monkeypatch.setattr(sys, 'stderr', stream)
    monkeypatch.setenv('TERM', 'xterm')
    return stream


def test_nothing_without_a_terminal(monkeypatch):
    terminal, runner = use_terminal(monkeypatch), make_runner()
    runner.rank = 1
    with show_progress(runner):
        runner.rank = 0
    for name in ('stdout', 'stderr'):
        with monkeypatch.context() as patch:
            patch.setattr(sys, name, io.StringIO())
            with show_progress(runner):
                pass
    assert runner.hooks == []
    assert terminal.getvalue() == ''


def test_steps_are_counted_and_an_error_ends_the_bar(monkeypatch):
    """Log lines stand on lines of their own, all of them."""
    terminal, runner = use_terminal(monkeypatch), make_runner()

    def train():
        with show_progress(runner):
            (hook,) = runner.hooks
            hook.after_train_iter(runner, 2)
            (task,) = hook.bar.tasks
            assert (task.completed, task.total) == (3, 8)
            assert task.description == 'epoch 2/4, loss 2.35'
            hook.bar.refresh()
            runner.logger.warning('a line of the log')
            raise RuntimeError('too much')

    (handler,) = runner.logger.handlers
    with pytest.raises(RuntimeError, match='too much'):
        train()
    assert not runner.hooks[0].bar.live.is_started
    assert (sys.stdout, sys.stderr) == (terminal, terminal)
    assert handler.stream is terminal
    shown = terminal.getvalue()
    assert 'epoch 2/4, loss 2.35' in shown
    assert 'a line of the log\n' in shown
