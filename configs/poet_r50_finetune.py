"""Fine-tuning POET-R50 on a few hundred images of one's own: copy and fill in.

Expect  not known yet: no POET trained on people is published to start from.
        From ImageNet weights alone 200 images are too few: tried on 200 of
        COCO's train2017 (788 people), 192 pixels, backbone frozen, 20 passes
        (500 steps), the matched OKS rises from 0.05 to 0.17 on them and to
        0.15 on val2017, the loss falls from 101 to 68, AP stays at 0.0.
Cost    60 passes over the images.
Run     python tools/train.py configs/poet_r50_finetune.py --data-root OWN \
            --cfg-options load_from=CHECKPOINT

As it stands it takes people in COCO's layout; for other data see 1 and 2.

It is the fast POET's: the paper's learned queries learn where people are only
from tens of thousands of images (96 drawn ones: AP 0.96 on those, 0.00 on
others), while the fast one has its queries from the image (2,750 drawn ones:
0.82 on others). CHECKPOINT may be of either: what fits is taken over, the
rest starts anew, and the log names it.
"""
_base_ = ['./poet_fast_r50_512_coco.py']

# 1. Data: images, and annotations in COCO's format, apart for validation.
#    `python tools/train.py ... --data-root` replaces data_root everywhere.
data_root = 'data/own/'
train_ann = 'annotations/person_keypoints_train2017.json'
val_ann = 'annotations/person_keypoints_val2017.json'
train_images, val_images = 'train2017/', 'val2017/'

# 2. Skeleton: a file like configs/_base_/datasets/toy_five.py, or one of
#    MMPose's, and the number of joints in it. Flips swap left and right as it
#    says; where they make no sense (text, an asymmetric tool), take RandomFlip
#    out of train_pipeline.
metainfo = dict(from_file='configs/_base_/datasets/coco.py')
num_keypoints = 17

# 3. Weights to start from: a POET trained on people (--cfg-options
#    load_from=FILE). Without, only the backbone knows anything (ImageNet).
load_from = None

# 4. Few queries: twice as many as there are individuals in the fullest image.
#    Those that find nobody are what the class loss is about.
num_queries = 20

# 5. Frozen parts: stem and first two stages of the backbone, and all batch
#    norms. 4 freezes all of it, which is faster and enough for people;
#    1 is for images unlike any photograph.
model = dict(
    backbone=dict(frozen_stages=2),
    head=dict(
        num_keypoints=num_keypoints,
        num_queries=num_queries,
        loss=dict(metainfo=metainfo)))

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file=train_ann,
        data_prefix=dict(img=train_images)))
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file=val_ann,
        data_prefix=dict(img=val_images)))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + val_ann)
test_evaluator = val_evaluator

# 6. Short schedule: 60 passes, rates for 8 images at a time. Twice the images
#    at a time: --auto-scale-lr, or twice the rate.
max_epochs = 60
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=8)

# 7. Early validation: from the first epoch on, so that a mistake in the data
#    shows after a minute. AP may be 0 for some epochs; val/loss and val/oks
#    move from the start. The best weights are kept.
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
default_hooks = dict(
    logger=dict(interval=5), checkpoint=dict(interval=1, max_keep_ckpts=1))

# 8. EMA: validated and kept is the mean of the last hundred steps or so
#    (1 / momentum), shorter at first (gamma), which steadies small batches.
custom_hooks = _base_.custom_hooks + [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.01,
        gamma=100,
        priority=49)
]
