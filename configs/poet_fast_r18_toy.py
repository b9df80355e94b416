"""Fast POET-R18 on drawn people: as poet_r18_toy.py, but it generalises.

Expect  AP 0.82 on 200 unseen images (docs/fast_toy).
Cost    6 passes over 3,000 images: 6 to 8 minutes on 2 CPU cores.
Run     bash tools/quickstart.sh

The difference from the paper, all of it: the encoder's tokens propose people,
decoder layers correct their poses by what finer feature levels show at the
joints, noised people teach them to, OKS is a term of the loss, and queries
without a person weigh 0.4 in that of classes, so that a person has one.
"""
_base_ = ['./poet_r18_toy.py']

model = dict(
    data_preprocessor=dict(pad_size_divisor=16),  # whole cells
    backbone=dict(out_indices=(0, 1, 2)),
    head=dict(
        propose=True,
        refine=True,
        detail=dict(
            in_channels=[32, 64, 128], channels=32, joint_channels=128),
        denoising=dict(
            groups=3, center_noise=0.5, scale_noise=0.4, joint_noise=0.2),
        loss=dict(
            nobody_weight=0.4,
            oks_weight=2.0,
            metainfo={{_base_.metainfo}})))

val_dataloader = {{_base_.test_dataloader}}
val_evaluator = {{_base_.test_evaluator}}

train_cfg = dict(max_epochs=6, val_interval=1)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=50),
    dict(
        type='CosineAnnealingLR',
        T_max=6,
        by_epoch=True,
        convert_to_iter_based=True)
]
default_hooks = dict(checkpoint=dict(interval=1))
