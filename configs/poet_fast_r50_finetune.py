"""Fine-tune the fast POET-R50 on a few hundred images of your own.

This is a template to copy and fill in.

Expect  not known yet: no POET trained on people is published to start from.
        From ImageNet weights 200 images are too few. Tried on 200 images of
        COCO train2017 (788 people), 192 pixels, frozen backbone, 20 epochs
        (500 steps): matched OKS rises from 0.05 to 0.17 on these and to 0.15
        on val2017, the loss falls from 101 to 68, AP stays 0.0.
Cost    batch 8, 60 epochs, time not measured
Run     python tools/train.py configs/poet_fast_r50_finetune.py \
            --data-root OWN --cfg-options load_from=CHECKPOINT

Without a change it takes people in COCO's layout. For other data see 1 and 2.

Why the fast POET: its queries come from the image. The learned queries of the
paper's POET find people only after tens of thousands of training images.
(Synthetic people, AP on unseen images: 0.82 for the fast POET after 2,750
training images, 0.00 for the paper's after 96, although its AP on those is
0.96.) CHECKPOINT may be of either. Weights that fit are loaded, the others
start from random values, and the log names them.
"""

_base_ = ['./poet_fast_r50_512_coco.py']

# 1. Data: images, and annotations in COCO's format, separate for validation.
#    `python tools/train.py ... --data-root` replaces data_root everywhere.
data_root = 'data/own/'
train_ann = 'annotations/person_keypoints_train2017.json'
val_ann = 'annotations/person_keypoints_val2017.json'
train_images, val_images = 'train2017/', 'val2017/'

# 2. Skeleton: a metainfo file like configs/_base_/datasets/toy_five.py, or one
#    of MMPose's, and its number of keypoints. A flip swaps left and right as
#    the file says. Where flips make no sense (text, an asymmetric tool),
#    remove RandomFlip from train_pipeline.
metainfo = dict(from_file='configs/_base_/datasets/coco.py')
num_keypoints = 17

# 3. Weights to start from: a POET trained on people (--cfg-options
#    load_from=FILE). Without one, only the backbone has trained weights.
load_from = None

# 4. Few queries: twice the individuals of the fullest image. The queries
#    that match none of them learn the class "no object".
num_queries = 20

# 5. Frozen parts: stem and first two stages of the backbone, and all batch
#    norms. 4 freezes the whole backbone: faster, and enough for people. Use 1
#    for images that are unlike photographs.
model = dict(
    backbone=dict(frozen_stages=2),
    head=dict(
        num_keypoints=num_keypoints,
        num_queries=num_queries,
        loss=dict(metainfo=metainfo),
    ),
)

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file=train_ann,
        data_prefix=dict(img=train_images),
    ),
)
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file=val_ann,
        data_prefix=dict(img=val_images),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + val_ann)
test_evaluator = val_evaluator

# 6. Short schedule: 60 epochs, learning rate for a batch of 8. For a larger
#    batch use --auto-scale-lr, or raise the rate in proportion.
max_epochs = 60
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=8)

# 7. Early validation, from the first epoch on, so that a mistake in the data
#    shows after a minute. AP may be 0 for some epochs; val/loss and val/oks
#    change from the start. The best weights are kept.
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
default_hooks = dict(
    logger=dict(interval=5), checkpoint=dict(interval=1, max_keep_ckpts=1)
)

# 8. EMA: validate and keep the mean weights of about the last hundred steps
#    (1 / momentum), of fewer at first (gamma). This steadies small batches.
custom_hooks = _base_.custom_hooks + [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.01,
        gamma=100,
        priority=49,
    )
]
