"""Fast POET-R50 at 512 pixels on CrowdPose (14 joints).

Expect  not yet trained here.
Cost    50 epochs of 12,000 images.
Run     bash tools/dist_train.sh configs/poet_fast_r50_512_crowdpose.py 4 \
            --data-root CROWDPOSE

CROWDPOSE is the folder that MMPose describes: images/ and, in annotations/,
mmpose_crowdpose_{trainval,test}.json. These give no areas of people: training
takes 0.53 of their boxes for the OKS term, as the evaluation does
(use_area=False), which has CrowdPose's numbers: AP of easy, medium and hard
images in place of AP of sizes.
"""
_base_ = ['./poet_fast_r50_512_coco.py']

metainfo = dict(from_file='configs/_base_/datasets/crowdpose.py')
model = dict(head=dict(num_keypoints=14, loss=dict(metainfo=metainfo)))

data_root = 'data/crowdpose/'
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/mmpose_crowdpose_trainval.json',
        data_prefix=dict(img='images/')))
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/mmpose_crowdpose_test.json',
        data_prefix=dict(img='images/')))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=data_root + 'annotations/mmpose_crowdpose_test.json',
    iou_type='keypoints_crowd',
    use_area=False,
    prefix='crowdpose')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=50)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=500),
    dict(type='MultiStepLR', milestones=[40], gamma=0.1, by_epoch=True)
]
default_hooks = dict(checkpoint=dict(save_best='crowdpose/AP'))
