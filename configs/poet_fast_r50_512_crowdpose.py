"""Fast POET-R50 at 512 pixels on CrowdPose: 14 keypoints.

Expect  not yet trained here.
Cost    batch 64, 50 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_fast_r50_512_crowdpose.py 4 \
            --data-root CROWDPOSE

CROWDPOSE is the folder that MMPose describes: images/, and
annotations/mmpose_crowdpose_{trainval,test}.json (12,000 training images).
The annotations have no areas. The OKS term therefore uses 0.53 times the area
of the box, as the evaluation does (use_area=False). The evaluation gives
CrowdPose's numbers: AP on easy, medium and hard images instead of AP by size.
"""

_base_ = ['./poet_fast_r50_512_coco.py']

metainfo = dict(from_file='configs/_base_/datasets/crowdpose.py')
model = dict(head=dict(num_keypoints=14))  # for MMPose's own tools

data_root = 'data/crowdpose/'
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/mmpose_crowdpose_trainval.json',
        data_prefix=dict(img='images/'),
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/mmpose_crowdpose_test.json',
        data_prefix=dict(img='images/'),
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=data_root + 'annotations/mmpose_crowdpose_test.json',
    iou_type='keypoints_crowd',
    use_area=False,
    prefix='crowdpose',
)
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=50)
param_scheduler = _base_.param_scheduler
param_scheduler[1].milestones = [40]
default_hooks = dict(checkpoint=dict(save_best='crowdpose/AP'))
