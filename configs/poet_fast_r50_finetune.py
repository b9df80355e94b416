"""Fine-tune the fast POET-R50 on a few hundred images of your own.

Expect  not known yet on photos. The one fast POET trained on people here is
        small: poet_fast_mobilenetv2_finetune.py starts from it.
        From ImageNet weights alone 200 images are too few. Tried on 200 images
        of COCO_MINI (788 people), 192 pixels, frozen backbone, 20 epochs (500
        steps): matched OKS rises from 0.05 to 0.17 on these and to 0.15 on its
        test images, the loss falls from 101 to 68, AP stays 0.0.
Cost    batch 8, 60 epochs, time not measured
Run     python tools/train.py configs/poet_fast_r50_finetune.py \
            --data-root OWN

OWN has any skeleton, in the layout of Roboflow, CVAT or COCO 2017, or use
--train-ann FILE --val-ann FILE (docs/own_data.md). Flips swap left and right
as the metainfo says. Where they make no sense (text, an asymmetric tool), copy
this file and remove RandomFlip from train_pipeline.

Why the fast POET: its queries come from the image. On 4,000 synthetic
images and 8 epochs, AP on unseen images is 89.9 for the fast POET and 1.8 for
the paper's (docs/results/peers_toy).
"""

_base_ = ['./poet_fast_r50_512_coco.py']

# 1. Weights to start from: the authors' POET, or any other (--cfg-options
#    load_from=FILE). Backbone and transformer fit the paper's POET; what
#    differs starts from random values, and the log names it.
load_from = 'poet-r50'

# 2. Few queries: twice the individuals of the fullest image. The queries
#    that match none of them learn the class "no object".
# 3. Frozen parts: stem and first two stages of the backbone, and all batch
#    norms. 4 freezes the whole backbone: faster, and enough for people. Use 1
#    for images that are unlike photographs.
model = dict(backbone=dict(frozen_stages=2), head=dict(num_queries=20))

train_dataloader = dict(batch_size=8, num_workers=2)
val_dataloader = dict(num_workers=2)
test_dataloader = val_dataloader

# 4. Short schedule: 60 epochs, learning rate for a batch of 8. For a larger
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

# 5. Early validation, from the first epoch on, so that a mistake in the data
#    shows after a minute. AP may be 0 for some epochs; val/loss and val/oks
#    change from the start. The best weights are kept.
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
default_hooks = dict(
    logger=dict(interval=5), checkpoint=dict(interval=1, max_keep_ckpts=1)
)

# 6. EMA: validate and keep the mean weights of about the last hundred steps
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
