"""POET, AE and MMPose's own one-stage models on synthetic people.

Expect  docs/results/peers_toy/table.md, convergence.png beside it
Cost    6 rows: batch 16, 8 epochs of 4,000 images; 9 to 24 minutes a row on
        one CPU core, with another row on the other (measured here)
Run     python tools/make_toy_coco.py --out data/toy_peers --train 4364 \
            --val 200 --size 128 --seed 1
        python tools/compare_strides.py configs/comparisons/peers_toy.py

All rows have the ResNet-18 of half width, from scratch, and see the same
images of the same size; warm-up and cosine schedule are the same. CID, as the
paper's and the fast POET, reads its first three stages; AE, RTMO and
YOLOX-Pose need the fourth. Optimisers are those of each method's configs.
Learning rates are the best of peers_lr_toy.py. Nothing is flipped, in training
or test.

DEKR is left out: it needs deformable convolution, a compiled operator of mmcv.
"""

title = 'Synthetic people, 128 pixels: POET, AE, RTMO, YOLOX-Pose and CID'
data_root = 'data/toy_peers/'
budget = dict(epochs=8)
val_interval = 1
ap_after = [250, 500, 1000, 2000]
notes = [
    'One seed. Two rows ran at a time, on a core each, at times beside tests.',
    'Learning rates are the best of three or four on these data, after 500 '
    "steps (peers_lr_toy.py); those of the paper's POET all have AP 0.",
    'DEKR is left out: it needs mmcv.ops.DeformConv2d, a compiled operator.',
    'A stride is that of the finest level: RTMO reads 16 and 32, YOLOX-Pose '
    '8, 16 and 32, CID 4, 8 and 16 joined at 4.',
    'RTMO is without the GAU of its coordinate classifier, CID starts from '
    "PyTorch's initialisation: as they are, both have AP 0 on 64 training "
    'images after 240 steps.',
]

configs = {
    'POET': '../poet_r18_toy.py',
    'fast POET': '../poet_fast_r18_toy.py',
    'AE': '../ae_r18_s4_toy.py',
    'RTMO': '../rtmo_r18_toy.py',
    'YOLOX-Pose': '../yoloxpose_r18_toy.py',
    'CID': '../cid_r18_toy.py',
}
learning_rates = {  # the best of peers_lr_toy.py
    'POET': 5e-4,
    'fast POET': 2e-3,
    'AE': 4.5e-3,
    'RTMO': 4.5e-3,
    'YOLOX-Pose': 1.5e-3,
    'CID': 6e-3,
}
# Changes to the configs; those of AE have half the width.
method_options = {
    'AE': {
        'model.backbone.stem_channels': 32,
        'model.backbone.base_channels': 32,
        'model.head.in_channels': 256,
    }
}
rows = [
    dict(
        config=config,
        name=method,
        method=method,
        backbone='R18',
        options={
            'optim_wrapper.optimizer.lr': learning_rates[method],
            **method_options.get(method, {}),
        },
    )
    for method, config in configs.items()
]
