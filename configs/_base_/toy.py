"""Toy data and its schedule, which POET and AE share.

Synthetic people (tools/make_toy_coco.py), 128 pixels, batch 16, 320 epochs.
There is no augmentation: colours tell left from right, so an image must not
be flipped.

`toy` is a building block, not a setting: a config uses its parts and deletes
it. Names that begin with two underscores stay in this file.
"""

randomness = dict(seed=0)

__resize = dict(type='ShortEdgeResize', short_edges=128, max_size=128)
toy = dict(
    resize=__resize,
    test_pipeline=[
        dict(type='LoadIntactImage'),
        __resize,
        dict(type='PackBottomupInputs'),
    ],
    loader=dict(batch_size=16, num_workers=0, persistent_workers=False),
    train_cfg=dict(max_epochs=320, val_interval=40),
    param_scheduler=[
        dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=50),
        dict(
            type='CosineAnnealingLR',
            T_max=320,
            by_epoch=True,
            convert_to_iter_based=True,
        ),
    ],
    checkpoint=dict(interval=40, max_keep_ckpts=2, save_best=None),
)
