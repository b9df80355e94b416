"""Match quality is logged when mmengine's logger writes a record."""

from unittest.mock import MagicMock

import pytest
from mmengine.hooks import LoggerHook

from poet_mm.engine.hooks.match_quality import writes_record


@pytest.mark.parametrize('ignore_last', [True, False])
@pytest.mark.parametrize('interval', [2, 9])
def test_records_of_the_logger(interval, ignore_last):
    """An epoch of five batches."""
    logger = LoggerHook(interval=interval, ignore_last=ignore_last)
    for batch_idx in range(5):
        runner = MagicMock(train_dataloader=range(5), iter=0, hooks=[logger])
        runner.log_processor.get_log_after_iter.return_value = {}, ''
        logger.after_train_iter(runner, batch_idx)
        written = runner.visualizer.add_scalars.called
        assert writes_record(runner, batch_idx) == written
