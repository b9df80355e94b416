"""Fast POET-R18 on synthetic people: learns to find unseen people in minutes.

Expect  AP 0.88 on 200 unseen images, one seed.
Cost    batch 16, 6 epochs of 3,000 images, 5 to 8 minutes on 2 CPU cores
        (measured here)
Run     bash tools/quickstart.sh

The model of poet_r18_toy.py with the head of the fast POET: two-stage
proposals, iterative refinement by finer feature levels, predicted OKS,
denoising queries, an OKS term in the loss, and a weight of 0.4 for "no object"
in the class loss.
"""

_base_ = ['./poet_r18_toy.py', './_base_/poet_fast.py']

_base_.fast_head.detail.update(in_channels=[32, 64, 128], channels=32)
model = dict(
    data_preprocessor=dict(pad_size_divisor=16),  # whole cells
    backbone=dict(out_indices=(0, 1, 2)),
    head=_base_.fast_head,
)
del _base_.fast_head

val_dataloader = _base_.test_dataloader
val_evaluator = _base_.test_evaluator

train_cfg = dict(max_epochs=6, val_interval=1)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = _base_.param_scheduler
param_scheduler[1].T_max = 6
default_hooks = dict(checkpoint=dict(interval=1))
