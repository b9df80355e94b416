"""POET-R50 on MacaquePose: monkeys in the wild, 17 keypoints.

Expect  not yet trained here.
Cost    batch 12, 100 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_r50_macaquepose.py 2 \
            --data-root MACAQUE --cfg-options load_from=poet-r50

MACAQUE is the folder that MMPose describes: images/, and
annotations/macaque_{train,test}.json, made by its
parse_macaquepose_dataset.py (12,500 images for training, the rest for
testing). The authors' release has another split and other names,
macaque_val.json and images/{train,val}/.

The keypoints are COCO's, so training can start from POET trained on people:
poet-r50 is the authors' (a download of 165 MB at the first time), or give a
checkpoint. Weights that do not fit start from random values, and the log names
them. v2 of the paper has results on animals; its schedule is not known here.
This one has 100 epochs with one drop, and all other values of the COCO config.
"""

_base_ = ['./poet_r50_coco.py']

metainfo = dict(from_file='configs/_base_/datasets/macaque.py')

data_root = 'data/macaque/'
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/macaque_train.json',
        data_prefix=dict(img='images/'),
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/macaque_test.json',
        data_prefix=dict(img='images/'),
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + 'annotations/macaque_test.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=100)
param_scheduler = [
    dict(type='MultiStepLR', milestones=[80], gamma=0.1, by_epoch=True)
]
