"""Fast POET, POET and AE on a small part of COCO, 192 pixels, for two CPU
cores.

Expect  nothing yet of a training so short: after its 4 epochs (8,420 images)
        the first row had AP 0.0 (AP50 0.3), its matched OKS had gone from 0.14
        to 0.21; the others were not run. Without the fourth stage, so with
        nothing of the backbone trained, it stays at 0.19.
Cost    60 minutes on 2 CPU cores (estimated).
Run     python tools/compare_strides.py \
            configs/comparisons/fast_coco_mini_cpu.py --data-root COCO_MINI

Data, size and the frozen part of the backbone are those of
stride_coco_mini_cpu.py, and so are its row of POET and that of AE at stride 4;
each has the learning rate of its recipe.
"""
_base_ = ['./stride_coco_mini_cpu.py']

title = 'A part of COCO, 192 pixels: fast POET, POET and AE'
budget = dict(epochs=4)
val_interval = 1

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
        name='poet_fast_r50_s32_192',
        method='fast POET',
        backbone='R50',
        options={
            'train_dataloader.dataset.pipeline': fast_pipeline,
            'param_scheduler.0.end': 100
        }),
    dict(
        config='../poet_r50_512_coco.py',
        name='poet_r50_s32_192',
        backbone='R50',
        options={'train_dataloader.dataset.pipeline': {{_base_.poet_pipeline}}
                 }),
    dict(
        config='../ae_r50_s4_512_coco.py',
        name='ae_r50_s4_192',
        backbone='R50',
        options={
            'train_dataloader.dataset.pipeline': {{_base_.ae_pipeline}},
            'model.head.decoder': {{_base_.codec}},
            'model.head.tag_loss.loss_weight': 0.02,
            'optim_wrapper.optimizer.lr': 5e-4,
            'param_scheduler.0.end': 100
        }),
]
