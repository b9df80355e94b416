"""Missing files and empty splits are named."""

import pytest
from known_predictions import link_model, session_of, write_data

from poet_mm.errors import UserError


def test_missing_files(world, tmp_path):
    for name in ('config.py', 'annotations'):
        (tmp_path / name).symlink_to(world / name)
    (tmp_path / 'a.pth').write_text('no weights')
    with pytest.raises(
        UserError, match=r'Cannot read the checkpoint .*a\.pth'
    ):
        session_of(tmp_path)
    nowhere = {'test_dataloader.dataset.data_root': str(tmp_path / 'none')}
    with pytest.raises(UserError, match=r'no annotation file .*none'):
        session_of(world, cfg_options=nowhere)


@pytest.mark.parametrize(
    ('split', 'file'), [('train', 'train'), ('test', 'val')]
)
def test_split_without_images(world, tmp_path, split, file):
    link_model(world, tmp_path)
    write_data(tmp_path, [], [])
    with pytest.raises(UserError, match=f'_{file}2017.json. has 0 images'):
        session_of(tmp_path, split=split)
