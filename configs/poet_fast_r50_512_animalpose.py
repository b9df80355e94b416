"""Fast POET-R50 at 512 pixels on Animal-Pose: five mammals, 20 keypoints.

Expect  not yet trained here.
Cost    batch 64, 100 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_fast_r50_512_animalpose.py 4 \
            --data-root ANIMALPOSE --cfg-options load_from=POET_COCO.pth

ANIMALPOSE is the folder that MMPose describes, with
annotations/animalpose_{train,val}.json. It has only a few thousand images, so
start from a POET trained on people. All weights that fit are loaded; those
whose shape depends on the number of keypoints start from random values, and
the log names them.
"""

_base_ = ['./poet_fast_r50_512_coco.py']

metainfo = dict(from_file='configs/_base_/datasets/animalpose.py')
model = dict(head=dict(num_keypoints=20))  # for MMPose's own tools

data_root = 'data/animalpose/'
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/animalpose_train.json',
        data_prefix=dict(img=''),
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/animalpose_val.json',
        data_prefix=dict(img=''),
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + 'annotations/animalpose_val.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=100)
param_scheduler = _base_.param_scheduler
param_scheduler[1].milestones = [80]
