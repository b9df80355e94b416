"""Fast POET-DC5-R50 at 512 pixels: stride 16 by dilation.

Expect  not yet trained here.
Cost    batch 64, 25 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_fast_dc5_r50_512_coco.py 8 \
            --data-root COCO
"""

_base_ = ['./poet_fast_r50_512_coco.py']

model = dict(backbone=dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)))

train_dataloader = dict(batch_size=8)
