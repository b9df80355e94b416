"""Fine-tune the small fast POET of this repository on images of your own.

Expect  docs/own_data.md: AP for 25 to 400 images of five keypoints
Cost    batch 8, 40 epochs; 2 s a step on one CPU core
Run     python tools/train.py configs/poet_fast_mobilenetv2_finetune.py \
            --data-root OWN

OWN has any skeleton, in the layout of Roboflow, CVAT or COCO 2017
(docs/own_data.md). The network and the images of at most 256 pixels are those
of poet_fast_mobilenetv2_256_coco.py. With a GPU, poet_fast_r50_finetune.py
sees more.
"""

_base_ = ['./poet_fast_mobilenetv2_256_coco.py']

# What depends on the number of keypoints starts from random values.
load_from = 'poet-fast-mobilenet'
model = dict(backbone=dict(init_cfg=None))

max_epochs = 40
train_dataloader = dict(batch_size=8)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=20),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
default_hooks = dict(
    logger=dict(interval=5), checkpoint=dict(interval=1, max_keep_ckpts=1)
)
custom_hooks = _base_.custom_hooks
custom_hooks[-1].update(momentum=0.01, gamma=100)  # EMA of a short training
auto_scale_lr = dict(base_batch_size=8)
