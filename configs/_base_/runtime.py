"""Runtime of all configs: MMPose's, with safe checkpoints and checks."""

_base_ = ['mmpose::_base_/default_runtime.py']
custom_imports = dict(imports=['poet_mm'], allow_failed_imports=False)

default_hooks = dict(
    checkpoint=dict(
        type='AtomicCheckpointHook',
        interval=5,
        max_keep_ckpts=3,
        save_best='coco/AP',
        rule='greater',
    ),
    epoch_seed=dict(type='EpochSeedHook'),
    non_finite=dict(type='NonFiniteHook'),
    checkpoint_guard=dict(type='CheckpointGuardHook'),
)
