"""POET on Swin-T at 512 pixels (stride 32, 768 channels).

Expect  not published, not yet trained here.
Cost    batch 64, 250 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_swin-t_512_coco.py 4 \
            --data-root COCO
"""

_base_ = ['./poet_r50_512_coco.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='SwinTransformer',
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        drop_path_rate=0.2,
        out_indices=(3,),
        convert_weights=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://github.com/SwinTransformer/storage/releases/'
            'download/v1.0.0/swin_tiny_patch4_window7_224.pth',
        ),
    ),
    head=dict(in_channels=768),
)
