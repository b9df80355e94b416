"""POET at stride 32 against AE at stride 4 on a small part of COCO.

Images have 192 pixels. This is the shortest form of stride_coco_mini.py, for
two CPU cores.

Expect  docs/stride_coco_mini_cpu/table.md. So short a training shows only
        which method begins to learn earlier.
Cost    2 rows: batch 8, 2 epochs, 16 minutes in all on 2 CPU cores (measured
        here)
Run     python tools/compare_strides.py \
            configs/comparisons/stride_coco_mini_cpu.py --data-root COCO_MINI

In both rows the first three stages of the backbone and BatchNorm are frozen at
their ImageNet weights, to save time. AE: learning rate 5e-4 for this batch,
100 steps of warm-up, tag loss weight 0.02 as in stride_coco_mini.py, sigma 2
cells, which is 8 pixels as at 512 pixels. POET has no dropout in attention;
that of the table was trained with 0.1.
"""

title = 'A part of COCO, 192 pixels, a short training: POET and AE'
data_root = 'data/coco_mini/'
budget = dict(epochs=2)

size = 192
codec = dict(
    type='AECodec',
    input_size=(size, size),
    heatmap_size=(size // 4, size // 4),
    sigma=2,
    decode_max_instances=30,
)
ae_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomAffine', size=(size, size)),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='HeatmapMask'),
    dict(type='PackBottomupInputs'),
]
poet_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='WarpOnce',
        transforms=[
            dict(type='RandomRotation', prob=0.5, max_degrees=25),
            dict(
                type='ShortEdgeResize',
                short_edges=list(range(96, size + 1, 32)),
                max_size=size,
            ),
        ],
    ),
    dict(type='CoarseDropout', prob=0.5),
    dict(type='GenerateTarget', encoder=dict(type='POETCodec')),
    dict(type='PackBottomupInputs'),
]
test_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='ShortEdgeResize', short_edges=size, max_size=size),
    dict(type='PackBottomupInputs'),
]
options = {
    'model.backbone.frozen_stages': 3,
    'model.backbone.norm_cfg': dict(type='BN', requires_grad=False),
    'model.backbone.norm_eval': True,
    'test_dataloader.dataset.pipeline': test_pipeline,
    'train_dataloader.batch_size': 8,
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
    'test_dataloader.num_workers': 0,
    'test_dataloader.persistent_workers': False,
}
rows = [
    dict(
        config='../poet_r50_512_coco.py',
        name='poet_r50_s32_192',
        backbone='R50',
        options={
            # On a CPU torch fuses attention without dropout only.
            'model.head.encoder.layer_cfg.self_attn_cfg.dropout': 0.0,
            'model.head.decoder.layer_cfg.self_attn_cfg.dropout': 0.0,
            'model.head.decoder.layer_cfg.cross_attn_cfg.dropout': 0.0,
            'train_dataloader.dataset.pipeline': poet_pipeline,
        },
    ),
    dict(
        config='../ae_r50_s4_512_coco.py',
        name='ae_r50_s4_192',
        backbone='R50',
        options={
            'train_dataloader.dataset.pipeline': ae_pipeline,
            'model.head.decoder': codec,
            'model.head.tag_loss.loss_weight': 0.02,
            'optim_wrapper.optimizer.lr': 5e-4,
            'param_scheduler.0.end': 100,
        },
    ),
]
