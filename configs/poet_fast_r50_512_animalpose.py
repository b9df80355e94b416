"""Fast POET-R50 at 512 pixels on Animal-Pose (20 joints of five mammals).

Expect  not yet trained here.
Cost    100 epochs of the training images.
Run     bash tools/dist_train.sh configs/poet_fast_r50_512_animalpose.py 4 \
            --data-root ANIMALPOSE --cfg-options load_from=POET_COCO.pth

ANIMALPOSE is the folder that MMPose describes, with annotations/
animalpose_{train,val}.json. Its few thousand images want weights to start
from: all that fits of a POET trained on people is taken over, and what counts
joints starts anew; the log names it.
"""
_base_ = ['./poet_fast_r50_512_coco.py']

metainfo = dict(from_file='configs/_base_/datasets/animalpose.py')
model = dict(head=dict(num_keypoints=20, loss=dict(metainfo=metainfo)))

data_root = 'data/animalpose/'
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/animalpose_train.json',
        data_prefix=dict(img='')))
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/animalpose_val.json',
        data_prefix=dict(img='')))
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + 'annotations/animalpose_val.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=100)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=500),
    dict(type='MultiStepLR', milestones=[80], gamma=0.1, by_epoch=True)
]
