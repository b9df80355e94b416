"""The methods of peers_toy.py on a small part of COCO, 256 pixels.

Expect  a table with the AP after each epoch
Cost    6 rows: batch 16, 6 epochs of 2,105 images; not yet measured
Run     python tools/compare_strides.py \
            configs/comparisons/peers_coco_mini.py --data-root COCO_MINI \
            --cfg-options model.backbone.init_cfg.checkpoint=WEIGHTS

The same for all rows: MobileNetV2 1.5 with WEIGHTS that were trained on people
(its first stages frozen, the rest at a quarter of the learning rate), a
random flip, images of peers of the sizes that fast_coco_mini_cpu.py gives.
Heads have the sizes of POET with 3 + 3 layers, RTMO-s, YOLOX-Pose-s and CID.
AE and CID, which need a canvas, see people at these sizes by a random window.
DEKR is left out, as in peers_toy.py.
"""

_base_ = './fast_coco_mini_cpu.py'

title = 'A part of COCO, 256 pixels: POET, AE, RTMO, YOLOX-Pose and CID'
budget = dict(epochs=6)
ap_after = [132, 264, 528, 792]
notes = [
    'Learning rates are not yet searched.',
    'DEKR is left out: it needs mmcv.ops.DeformConv2d.',
    'RTMO is without the GAU of its coordinate classifier, CID starts from '
    "PyTorch's initialisation, as in peers_toy.py.",
]

size = _base_.size
options = {
    'model.data_preprocessor.mean': [127.5] * 3,
    'model.data_preprocessor.std': [127.5] * 3,
    'model.data_preprocessor.pad_size_divisor': 32,
    'optim_wrapper.paramwise_cfg': dict(
        custom_keys=dict(backbone=dict(lr_mult=0.25))
    ),
    'train_dataloader.batch_size': 16,
    'train_cfg.max_epochs': 6,
    'param_scheduler': _base_.schedule,
    'test_dataloader.dataset.pipeline': _base_.test_pipeline,
    '_delete_': True,
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


poet = {
    **_base_.poet_options,
    'model.backbone': backbone(1, 2, 4),
    'model.head.in_channels': 144,
    'model.head.codec.supervise': 'labelled',
    'model.head.encoder.layer_cfg.ffn_cfg.feedforward_channels': 1024,
    'model.head.decoder.layer_cfg.ffn_cfg.feedforward_channels': 1024,
}
poet.pop('optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult')


def stock_pipeline(resize, codec, *after, **corners):
    """Return the training pipeline of a model of MMPose."""
    return [
        dict(type='LoadIntactImage'),
        dict(type='RandomFlip', prob=0.5),
        resize,
        dict(type='StockPeople', **corners),
        dict(type='GenerateTarget', encoder=codec),
        *after,
        dict(type='PackBottomupInputs'),
    ]


boxes = stock_pipeline(
    dict(type='WarpOnce', transforms=[_base_.resize]),
    dict(type='YOLOXPoseAnnotationProcessor'),
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
            'model.head.decoder': _base_.codec,
            'model.head.tag_loss.loss_weight': 0.005,
            'model.test_cfg.flip_test': False,
            'train_dataloader.dataset.pipeline': _base_.ae_pipeline,
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
                _base_.ae_pipeline[2],
                maps,
                dict(type='HeatmapMask'),
                corners=True,
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
