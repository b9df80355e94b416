"""Fast POET-R18 on crowds of synthetic people: tokens of two strides.

Expect  AP 0.44 on 200 unseen images with --cfg-options
        train_cfg.max_epochs=2 param_scheduler.1.T_max=2; 0.08 for the first
        fast POET (docs/fast_pieces.md). Not yet trained longer.
Cost    batch 16, 4 epochs of 3,660 images; 2 epochs took 20 minutes on one
        CPU core, beside other work (measured here)
Run     python tools/make_toy_coco.py --crowd --out data/crowd --train 4000 \
            --val 200 --seed 1
        python tools/train.py configs/poet_fast_r18_crowd.py

Images have 256 pixels and up to 12 people, of 16 to 220 pixels. A person of 30
pixels fills two tokens of stride 16; tokens of stride 8 find it.
"""

_base_ = ['./poet_fast_r18_toy.py']

model = dict(
    head=dict(
        num_queries=25,
        pyramid=dict(in_channels=[64]),  # stride 8, beside stride 16
    )
)

data_root = 'data/crowd/'
resize = dict(type='ShortEdgeResize', short_edges=256, max_size=256)
train_pipeline = _base_.train_pipeline
train_pipeline[1] = resize
test_pipeline = _base_.test_pipeline
test_pipeline[1] = resize
train_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=train_pipeline)
)
test_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline)
)
val_dataloader = test_dataloader

test_evaluator = dict(
    ann_file=data_root + 'annotations/person_keypoints_val2017.json',
    small=True,  # 43 % of the people are below 32 x 32 pixels
)
val_evaluator = test_evaluator

train_cfg = dict(max_epochs=4)
param_scheduler = _base_.param_scheduler
param_scheduler[1].T_max = 4
