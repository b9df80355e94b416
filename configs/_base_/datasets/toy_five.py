"""Define the metainfo of synthetic people with 5 keypoints.

Copy it for a skeleton of your own.

    python tools/make_toy_coco.py --out data/toy_five --train 3000 --val 200 \
        --joints nose left_wrist right_wrist left_ankle right_ankle

List the keypoints in the order of the annotations.
* `swap`: the keypoint it becomes in a mirror, '' for those in the middle.
* `type`: upper or lower body, or ''. POET does not use it.
* `sigmas`: the annotators' standard deviation as COCO counts it, half of `k_i`
  in COCO's formula. AP depends on it.
"""

dataset_info = dict(
    dataset_name='toy_five',
    paper_info=dict(title='Synthetic people, tools/make_toy_coco.py'),
    keypoint_info={
        0: dict(
            name='nose', id=0, color=[51, 153, 255], type='upper', swap=''
        ),
        1: dict(
            name='left_wrist',
            id=1,
            color=[0, 255, 0],
            type='upper',
            swap='right_wrist',
        ),
        2: dict(
            name='right_wrist',
            id=2,
            color=[255, 128, 0],
            type='upper',
            swap='left_wrist',
        ),
        3: dict(
            name='left_ankle',
            id=3,
            color=[0, 255, 0],
            type='lower',
            swap='right_ankle',
        ),
        4: dict(
            name='right_ankle',
            id=4,
            color=[255, 128, 0],
            type='lower',
            swap='left_ankle',
        ),
    },
    skeleton_info={
        0: dict(link=('nose', 'left_wrist'), id=0, color=[0, 255, 0]),
        1: dict(link=('nose', 'right_wrist'), id=1, color=[255, 128, 0]),
        2: dict(link=('nose', 'left_ankle'), id=2, color=[0, 255, 0]),
        3: dict(link=('nose', 'right_ankle'), id=3, color=[255, 128, 0]),
    },
    joint_weights=[1.0] * 5,
    sigmas=[0.026, 0.062, 0.062, 0.089, 0.089],
)
