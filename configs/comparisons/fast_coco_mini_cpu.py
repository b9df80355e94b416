"""Fast POET, POET and AE on a small part of COCO, 192 pixels, for two CPU
cores.

Expect  docs/fast_coco_mini_cpu/table.md.
Cost    2 hours on 2 CPU cores.
Run     python tools/compare_strides.py \
            configs/comparisons/fast_coco_mini_cpu.py --data-root COCO_MINI

As in stride_coco_mini_cpu.py the first three stages of the backbone stay as
ImageNet made them. Here the fourth is left out, which makes stride 16 (AE
comes back to 4) and a step half as long, and POET's transformers have two and
three layers. A short training wants a higher rate than the 25 or 250 epochs of
the recipes: both POETs have the same one, and all rows the same schedule.
"""
_base_ = ['./stride_coco_mini_cpu.py']

title = 'A part of COCO, 192 pixels: fast POET, POET and AE'
budget = dict(epochs=8)
val_interval = 2

options = {
    'model.backbone.num_stages': 3,
    'model.backbone.strides': (1, 2, 2),
    'model.backbone.dilations': (1, 1, 1),
    'model.backbone.out_indices': (2, ),
    'model.head.in_channels': 1024,
    'train_cfg.max_epochs': 8,
    'param_scheduler': [
        dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
        dict(
            type='CosineAnnealingLR',
            T_max=8,
            by_epoch=True,
            convert_to_iter_based=True)
    ],
}
poet_options = {
    'model.head.encoder.num_layers': 2,
    'model.head.decoder.num_layers': 3,
    'optim_wrapper.optimizer.lr': 4e-4,
    'optim_wrapper.clip_grad.max_norm': 1.0
}
fast_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='WarpOnce',
        transforms=[
            dict(type='RandomRotation', prob=0.5, max_degrees=25),
            dict(
                type='ShortEdgeResize',
                short_edges=list(range(96, 193, 32)),
                max_size=192)
        ]),
    dict(type='CoarseDropout', prob=0.5),
    dict(
        type='GenerateTarget',
        encoder=dict(type='POETCodec', supervise='labelled')),
    dict(type='PackBottomupInputs')
]
rows = [
    dict(
        config='../poet_fast_r50_512_coco.py',
        name='poet_fast_r50_s16_192',
        method='fast POET',
        backbone='R50, 3 stages',
        options={
            **poet_options,
            'model.backbone.out_indices': (0, 1, 2),
            'model.head.detail.in_channels': [256, 512, 1024],
            'train_dataloader.dataset.pipeline': fast_pipeline,
        }),
    dict(
        config='../poet_r50_512_coco.py',
        name='poet_r50_s16_192',
        backbone='R50, 3 stages',
        options={
            **poet_options,
            'train_dataloader.dataset.pipeline': {{_base_.poet_pipeline}},
        }),
    dict(
        config='../ae_r50_s4_512_coco.py',
        name='ae_r50_s4_192',
        backbone='R50, 3 stages',
        options={
            'model.head.deconv_out_channels': (256, 256),
            'model.head.deconv_kernel_sizes': (4, 4),
            'train_dataloader.dataset.pipeline': {{_base_.ae_pipeline}},
            'model.head.decoder': {{_base_.codec}},
            'model.head.tag_loss.loss_weight': 0.02,
            'optim_wrapper.optimizer.lr': 5e-4,
        }),
]
