"""POET-DC5-R50 at 512 pixels (stride 16, dilated C5): study 2 of the paper.

Expect  AP 51.9 on COCO val2017 (published, Table 2); not yet trained here.
Cost    batch 50, 250 epochs, hours not published; 4 times the tokens of
        poet_r50_512_coco
Run     bash tools/dist_train.sh configs/poet_dc5_r50_512_coco.py 5 \
            --data-root COCO --cfg-options \
            model.backbone.init_cfg.checkpoint=ae-r50 \
            model.backbone.init_cfg.prefix=backbone.

ae-r50: see poet_r50_512_coco.py.
"""

_base_ = ['./poet_r50_512_coco.py']

model = dict(backbone=dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)))

train_dataloader = dict(batch_size=10)
auto_scale_lr = dict(base_batch_size=50)
