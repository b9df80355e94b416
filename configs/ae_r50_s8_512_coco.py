"""AE-R50 at 512 pixels, stride 8: two deconvolutions instead of three.

Expect  AP 24.9 on COCO val2017 (published, Table 2); not yet trained here.
Cost    batch 192, 100 epochs from the weights of stride 4, hours not
        published
Run     bash tools/dist_train.sh configs/ae_r50_s8_512_coco.py 8 \
            --data-root COCO --cfg-options load_from=ae-r50

As in the paper, training starts from AE at stride 4: ae-r50 of the zoo, or a
checkpoint of ae_r50_s4_512_coco. Layers that fit are loaded; the others start
from random values, and the log names them. Without `load_from` training starts
from ImageNet weights.
The configs of the other lower strides are differences from this one.
Sigma is 1 cell: 8 pixels, as at stride 4.
"""

_base_ = ['./ae_r50_s4_512_coco.py']

codec = _base_.codec
codec.update(heatmap_size=(64, 64), sigma=1)
model = dict(
    head=dict(
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        decoder=codec,
    )
)

train_pipeline = _base_.train_pipeline
train_pipeline[-3].encoder = codec
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

# the lower strides of the paper: 100 epochs, with MMPose's drops scaled to it
train_cfg = dict(max_epochs=100)
param_scheduler = _base_.param_scheduler
param_scheduler[1].milestones = [67, 87]
