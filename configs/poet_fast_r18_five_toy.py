"""Fast POET-R18 on synthetic people with 5 keypoints: a skeleton of your own.

Expect  not yet trained to the end here.
Cost    batch 16, 6 epochs of 3,000 images, time not measured
Run     python tools/make_toy_coco.py --out data/toy_five --train 3000 \
            --val 200 --joints nose left_wrist right_wrist left_ankle \
            right_ankle
        python tools/train.py configs/poet_fast_r18_five_toy.py \
            --data-root data/toy_five

Only metainfo differs from poet_fast_r18_toy.py. Without a metainfo file, that
config makes one from the annotations (docs/own_data.md).
"""

_base_ = ['./poet_fast_r18_toy.py']

metainfo = dict(from_file='{{ fileDirname }}/_base_/datasets/toy_five.py')
model = dict(head=dict(num_keypoints=5))  # for MMPose's own tools
