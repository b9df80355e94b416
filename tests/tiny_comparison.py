"""A comparison of two tiny models."""

from helpers import ROOT

TINY = {
    'model.backbone.base_channels': 8,
    'model.backbone.stem_channels': 8,
    'model.head.in_channels': 64,
    'train_dataloader.batch_size': 4,
    'default_hooks.logger.interval': 1,
}
ROWS = [
    dict(config=str(ROOT / 'configs' / 'ae_r18_s32_toy.py'), name='ae'),
    dict(
        config=str(ROOT / 'configs' / 'poet_r18_s32_toy.py'),
        name='poet',
        backbone='R18',
        epochs=4,
    ),
]


def write_comparison(path, toy, **changes):
    content = dict(
        title='tiny',
        data_root=str(toy),
        budget=dict(epochs=2),
        options=TINY,
        rows=ROWS,
    )
    content.update(changes)
    path.write_text(
        '\n'.join(f'{key} = {value!r}' for key, value in content.items())
    )
    return path
