"""Missing files are named."""

import pytest

from poet_mm.analysis.session import open_session
from poet_mm.errors import UserError


def test_missing_files(world, tmp_path):
    with pytest.raises(UserError, match='no config'):
        open_session('none.py', 'none.pth')
    config = str(world / 'config.py')
    with pytest.raises(UserError, match='no checkpoint'):
        open_session(config, 'none.pth')
    (tmp_path / 'text.pth').write_text('no weights')
    with pytest.raises(UserError, match='Cannot read the checkpoint'):
        open_session(config, str(tmp_path / 'text.pth'), str(world))
    with pytest.raises(UserError, match='No annotation file'):
        open_session(
            config,
            str(world / 'a.pth'),
            cfg_options={'test_dataloader.dataset.data_root': str(tmp_path)},
        )
    (tmp_path / 'annotations').symlink_to(world / 'annotations')
    with pytest.raises(UserError, match='There is no image'):
        open_session(config, str(world / 'a.pth'), str(tmp_path))
