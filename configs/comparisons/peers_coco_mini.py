"""The methods of peers_toy.py on a small part of COCO, 256 pixels.

Expect  docs/results/peers_coco_mini/table.md, convergence.png beside it
Cost    6 rows: batch 16, 6 epochs of 2,105 images; 33 to 50 minutes a row on
        one CPU core, with another row on the other (measured here)
Run     python tools/compare_strides.py \
            configs/comparisons/peers_coco_mini.py --data-root COCO_MINI \
            --cfg-options model.backbone.init_cfg.checkpoint=WEIGHTS

The same for all rows: MobileNetV2 1.5 with WEIGHTS that were trained on people
(its first stages frozen, the rest at a quarter of the learning rate), a
random flip, a short edge of 160 to 256 pixels, a long edge of at most 256.
Heads have the sizes of POET with 3 + 3 layers, RTMO-s, YOLOX-Pose-s and CID.
AE and CID, which need a canvas, see people at these sizes by a random window.
DEKR is left out, as in peers_toy.py. AE's sigma is 2 cells, 8 pixels as at
512 pixels.
"""

title = 'A part of COCO, 256 pixels: POET, AE, RTMO, YOLOX-Pose and CID'
data_root = 'data/coco_mini/'
budget = dict(epochs=6)
val_interval = 1
ap_after = [132, 264, 528, 792]
notes = [
    'Learning rates are not searched.',
    'Two rows ran at a time, on a core each. Minutes of YOLOX-Pose include a '
    'pause.',
    'DEKR is left out: it needs mmcv.ops.DeformConv2d.',
    'RTMO is without the GAU of its coordinate classifier, CID starts from '
    "PyTorch's initialisation, as in peers_toy.py.",
]

size = 256
resize = dict(
    type='ShortEdgeResize',
    short_edges=list(range(160, size + 1, 32)),
    max_size=size,
)
window = dict(
    type='RandomAffine',
    size=(size, size),
    max_degrees=0,
    scale=(1.2, 1.6),
    max_shift=0.1,
)
flip = dict(type='RandomFlip', prob=0.5)
pack = dict(type='PackBottomupInputs')
test_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='ShortEdgeResize', short_edges=size, max_size=size),
    pack,
]
options = {
    'model.data_preprocessor.mean': [127.5] * 3,
    'model.data_preprocessor.std': [127.5] * 3,
    'model.data_preprocessor.pad_size_divisor': 32,
    'optim_wrapper.paramwise_cfg': dict(
        custom_keys=dict(backbone=dict(lr_mult=0.25))
    ),
    'train_dataloader.batch_size': 16,
    'train_cfg.max_epochs': 6,
    'param_scheduler': [
        dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
        dict(
            type='CosineAnnealingLR',
            T_max=6,
            by_epoch=True,
            convert_to_iter_based=True,
        ),
    ],
    'test_dataloader.dataset.pipeline': test_pipeline,
}
for part in ('train', 'val', 'test'):
    options[f'{part}_dataloader.num_workers'] = 0
    options[f'{part}_dataloader.persistent_workers'] = False
del part


def backbone(*levels):
    """Return MobileNetV2 with levels of stride 4, 8, 16, 32 (1, 2, 4, 6)."""
    return dict(
        _delete_=True,
        type='MobileNetV2',
        widen_factor=1.5,
        out_indices=levels,
        frozen_stages=2,
        norm_eval=True,
        conv_cfg=dict(type='Conv2dAdaptivePadding'),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='weights/mobilenetv2_w15_coco_keypoints_fp16.pth',
        ),
    )


poet_codec = dict(type='POETCodec', supervise='labelled')
poet = {
    'model.backbone': backbone(1, 2, 4),
    'model.head.in_channels': 144,
    'model.head.codec.supervise': 'labelled',
    'model.head.encoder.num_layers': 3,
    'model.head.decoder.num_layers': 3,
    # On a CPU torch fuses attention without dropout only.
    'model.head.encoder.layer_cfg.self_attn_cfg.dropout': 0.0,
    'model.head.encoder.layer_cfg.ffn_cfg.ffn_drop': 0.0,
    'model.head.encoder.layer_cfg.ffn_cfg.feedforward_channels': 1024,
    'model.head.decoder.layer_cfg.self_attn_cfg.dropout': 0.0,
    'model.head.decoder.layer_cfg.cross_attn_cfg.dropout': 0.0,
    'model.head.decoder.layer_cfg.ffn_cfg.ffn_drop': 0.0,
    'model.head.decoder.layer_cfg.ffn_cfg.feedforward_channels': 1024,
    'optim_wrapper.clip_grad.max_norm': 1.0,
    'train_dataloader.dataset.pipeline': [
        dict(type='LoadIntactImage'),
        flip,
        dict(type='WarpOnce', transforms=[resize]),
        dict(type='GenerateTarget', encoder=poet_codec),
        pack,
    ],
}


def stock_pipeline(resize, codec, *after, **corners):
    """Return the training pipeline of a model of MMPose."""
    return [
        dict(type='LoadIntactImage'),
        flip,
        resize,
        dict(type='StockPeople', **corners),
        dict(type='GenerateTarget', encoder=codec),
        *after,
        pack,
    ]


boxes = stock_pipeline(
    dict(type='WarpOnce', transforms=[resize]),
    dict(type='YOLOXPoseAnnotationProcessor'),
)
ae_codec = dict(
    type='AECodec',
    input_size=(size, size),
    heatmap_size=(size // 4, size // 4),
    sigma=2,
    decode_max_instances=30,
)
maps = dict(
    type='DecoupledHeatmap',
    input_size=(size, size),
    heatmap_size=(size // 4, size // 4),
)
methods = {
    'POET': ('poet_r50_512_coco', 4e-4, poet),
    'fast POET': (
        'poet_fast_r50_512_coco',
        4e-4,
        {
            **poet,
            'model.backbone': backbone(1, 2, 4, 6),
            'model.head.feat_index': 2,
            'model.head.detail.in_channels': [40, 48, 144, 480],
        },
    ),
    'AE': (
        'ae_r50_s4_512_coco',
        5e-4,
        {
            'model.backbone': backbone(6),
            'model.head.in_channels': 480,
            'model.head.decoder': ae_codec,
            'model.head.tag_loss.loss_weight': 0.005,
            'model.test_cfg.flip_test': False,
            'train_dataloader.dataset.pipeline': [
                dict(type='LoadIntactImage'),
                flip,
                window,
                dict(type='GenerateTarget', encoder=ae_codec),
                dict(type='HeatmapMask'),
                pack,
            ],
        },
    ),
    'RTMO': (
        'rtmo_r18_toy',
        1e-3,
        {
            'model.backbone': backbone(2, 4, 6),
            'model.neck.in_channels': [48, 144, 480],
            'model.neck.hidden_dim': 256,
            'model.neck.widen_factor': 0.5,
            'model.neck.encoder_cfg.self_attn_cfg.embed_dims': 256,
            'model.neck.encoder_cfg.ffn_cfg.embed_dims': 256,
            'model.neck.encoder_cfg.ffn_cfg.feedforward_channels': 1024,
            'model.neck.projector.in_channels': [256, 256],
            'model.neck.projector.out_channels': 256,
            'model.head.head_module_cfg.widen_factor': 0.5,
            'model.head.head_module_cfg.pose_vec_channels': 256,
            'model.head.dcc_cfg.in_channels': 256,
            'train_dataloader.dataset.pipeline': boxes,
        },
    ),
    'YOLOX-Pose': (
        'yoloxpose_r18_toy',
        1e-3,
        {
            'model.backbone': backbone(2, 4, 6),
            'model.neck.in_channels': [48, 144, 480],
            'model.neck.out_channels': 128,
            'model.head.head_module_cfg.widen_factor': 0.5,
            'train_dataloader.dataset.pipeline': boxes,
        },
    ),
    'CID': (
        'cid_r18_toy',
        1e-3,
        {
            'model.backbone': backbone(1, 2, 4, 6),
            'model.head.in_channels': 40 + 48 + 144 + 480,
            'model.head.decoder': maps,
            'train_dataloader.dataset.pipeline': stock_pipeline(
                window, maps, dict(type='HeatmapMask'), corners=True
            ),
        },
    ),
}
rows = [
    dict(
        config=f'../{config}.py',
        name=method,
        method=method,
        backbone='MobileNetV2',
        options={**changes, 'optim_wrapper.optimizer.lr': lr},
    )
    for method, (config, lr, changes) in methods.items()
]
