"""Fast POET-R18 on drawn people with 5 joints: a skeleton of one's own.

Expect  not yet trained to the end here.
Cost    6 passes over 3,000 images: as poet_fast_r18_toy.py.
Run     python tools/make_toy_coco.py --out data/toy_five --train 3000 \
            --val 200 --joints nose left_wrist right_wrist left_ankle \
            right_ankle
        python tools/train.py configs/poet_fast_r18_five_toy.py \
            --data-root data/toy_five

All that differs from COCO's 17 joints: the metainfo, and how many there are.
"""
_base_ = ['./poet_fast_r18_toy.py']

metainfo = dict(from_file='{{ fileDirname }}/_base_/datasets/toy_five.py')
model = dict(head=dict(num_keypoints=5, loss=dict(metainfo=metainfo)))
train_dataloader = dict(dataset=dict(metainfo=metainfo))
val_dataloader = dict(dataset=dict(metainfo=metainfo))
test_dataloader = dict(dataset=dict(metainfo=metainfo))
