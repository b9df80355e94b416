"""Fast POET, POET and AE on a small part of COCO, for two CPU cores.

Images have 256 pixels.

Expect  docs/fast_coco_mini_cpu/table.md: all three have only begun to learn.
Cost    3 rows: batch 8, 6 epochs, about 2 hours in all on 2 CPU cores with
        bfloat16 (measured here)
Run     python tools/compare_strides.py \
            configs/comparisons/fast_coco_mini_cpu.py --data-root COCO_MINI

The same for all rows: random flip, a short edge of 160 to 256 pixels, a long
edge of at most 256 pixels, bfloat16, a cosine schedule to 0. Stem and first
stage of the backbone, and BatchNorm, are frozen at their ImageNet weights.

POET, both kinds: 3 + 3 layers without dropout, learning rate 4e-4 (half of it
for the backbone); keypoints with v = 1 are supervised. AE: learning rate 5e-4
(a fifth of it for the backbone), tag loss weight 0.005. With the full rate for
the backbone and 0.02 the heatmaps stayed empty in three epochs. AE's random
window shows people at the sizes that POET sees. Its sigma is 2 cells, which is
8 pixels as at 512 pixels.
"""

title = 'A part of COCO, 256 pixels: fast POET, POET and AE'
data_root = 'data/coco_mini/'
budget = dict(epochs=6)
val_interval = 1

size = 256
resize = dict(
    type='ShortEdgeResize',
    short_edges=list(range(160, size + 1, 32)),
    max_size=size,
)
poet_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='WarpOnce', transforms=[resize]),
    dict(
        type='GenerateTarget',
        encoder=dict(type='POETCodec', supervise='labelled'),
    ),
    dict(type='PackBottomupInputs'),
]
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
    dict(
        type='RandomAffine',
        size=(size, size),
        max_degrees=0,
        scale=(1.2, 1.6),
        max_shift=0.1,
    ),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='HeatmapMask'),
    dict(type='PackBottomupInputs'),
]
test_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='ShortEdgeResize', short_edges=size, max_size=size),
    dict(type='PackBottomupInputs'),
]
schedule = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(
        type='CosineAnnealingLR',
        T_max=6,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
options = {
    'model.backbone.frozen_stages': 1,
    'model.backbone.norm_cfg': dict(type='BN', requires_grad=False),
    'model.backbone.norm_eval': True,
    'optim_wrapper.type': 'BFloat16OptimWrapper',
    'train_cfg.max_epochs': 6,
    'param_scheduler': schedule,
    'test_dataloader.dataset.pipeline': test_pipeline,
    'val_dataloader.dataset.pipeline': test_pipeline,
    'train_dataloader.batch_size': 8,
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
    'val_dataloader.num_workers': 0,
    'val_dataloader.persistent_workers': False,
    'test_dataloader.num_workers': 0,
    'test_dataloader.persistent_workers': False,
}
poet_options = {
    'model.head.encoder.num_layers': 3,
    'model.head.decoder.num_layers': 3,
    # On a CPU torch fuses attention without dropout only.
    'model.head.encoder.layer_cfg.self_attn_cfg.dropout': 0.0,
    'model.head.encoder.layer_cfg.ffn_cfg.ffn_drop': 0.0,
    'model.head.decoder.layer_cfg.self_attn_cfg.dropout': 0.0,
    'model.head.decoder.layer_cfg.cross_attn_cfg.dropout': 0.0,
    'model.head.decoder.layer_cfg.ffn_cfg.ffn_drop': 0.0,
    'optim_wrapper.clip_grad.max_norm': 1.0,
    'optim_wrapper.optimizer.lr': 4e-4,
    'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult': 0.5,
    'train_dataloader.dataset.pipeline': poet_pipeline,
}
rows = [
    dict(
        config='../poet_fast_r50_512_coco.py',
        name='poet_fast_r50_s32_256',
        method='fast POET',
        backbone='R50',
        # the table is of the first fast POET
        options={
            **poet_options,
            'model.head.predict_oks': False,
            'model.head.detail.points': 1,
        },
    ),
    dict(
        config='../poet_r50_512_coco.py',
        name='poet_r50_s32_256',
        backbone='R50',
        options={**poet_options, 'model.head.codec.supervise': 'labelled'},
    ),
    dict(
        config='../ae_r50_s4_512_coco.py',
        name='ae_r50_s4_256',
        backbone='R50',
        options={
            'train_dataloader.dataset.pipeline': ae_pipeline,
            'model.head.decoder': codec,
            'model.head.tag_loss.loss_weight': 0.005,
            'optim_wrapper.optimizer.lr': 5e-4,
            'optim_wrapper.paramwise_cfg': {
                'custom_keys': {'backbone': {'lr_mult': 0.2}}
            },
        },
    ),
]
