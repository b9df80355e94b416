"""AE-R50 with the test settings of MMPose 1.3, for its published checkpoint.

Expect  AP 46.6 on COCO val2017 (published by MMPose 0.x, see below)
Run     python tools/test.py configs/mmpose_test/ae_r50.py ae-r50 \
            --data-root COCO

Differences from ae_r50_s4_512_coco.py:

- The short edge is 512 pixels, and the long edge is not limited. There the
  long edge is at most 512 pixels, as in POET's study 2.
- MMPose resizes: it extends the image by a black border on both sides to
  multiples of 64 pixels, and people may be found in the border. Here and in
  MMPose a batch is one image.
- Searched keypoints are at the corners of pixels, not at their centres.

tests/integration/test_mmpose_ae.py compares the predictions with MMPose's.
MMPose 0.x adds or subtracts a quarter of a pixel from every keypoint, also
from searched ones: expect a difference in the last digit of AP. HRNet-W32 had
65.4 there and has 65.6 in MMPose 1.x, with the same checkpoint.
"""

_base_ = ['../ae_r50_s4_512_coco.py']

model = dict(head=dict(decoder=dict(decode_center_shift=0.5)))

test_pipeline = [
    dict(type='LoadIntactImage', backend_args=_base_.backend_args),
    dict(
        type='BottomupResize',
        input_size=_base_.input_size,
        size_factor=64,
        resize_mode='expand',
    ),
    dict(type='PackBottomupInputs'),
]
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
