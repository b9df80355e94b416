"""Figure 1 of the paper on a small part of COCO, 256 pixels.

Expect  docs/results/stride_coco_mini_256/table.md, figure1.png beside it
Cost    7 rows: batch 16, 6 epochs of 2,105 images; 24 to 57 minutes a row on
        one CPU core, with another row on the other (measured here)
Run     python tools/compare_strides.py \
            configs/comparisons/stride_coco_mini_256.py \
            --data-root COCO_MINI \
            --cfg-options model.backbone.init_cfg.checkpoint=WEIGHTS

Backbone, WEIGHTS, images and schedule are those of peers_coco_mini.py. As in
the paper, the strides of AE differ by the number of its deconvolutions. Those
of the fast POET differ by the stage of the backbone that it reads; the paper
dilates the last stage (DC5) instead.
"""

_base_ = './peers_coco_mini.py'

title = 'A part of COCO, 256 pixels: POET and AE over strides'
notes = [
    'Learning rates are not searched.',
    'Two rows ran at a time, on a core each, with other work beside: compare '
    'no minutes and no milliseconds.',
    'AE 4 and fast POET 16 are also rows of peers_coco_mini.py. AE 4 was '
    'trained twice, to the same AP in all digits; fast POET 16 is taken from '
    'there after its first epoch was the same.',
]

base = {row.name: row for row in _base_.rows}
poet = dict(base['POET'].options)
poet['model.backbone'] = dict(poet['model.backbone'], out_indices=(6,))
poet['model.head.in_channels'] = 480
fast = dict(base['fast POET'].options)
fast['model.head.in_channels'] = 480
fast['model.head.feat_index'] = 3
rows = [
    dict(base['POET'], name='POET 32', options=poet),
    dict(base['fast POET'], name='fast POET 32', options=fast),
    dict(base['fast POET'], name='fast POET 16'),
]
for stride in (32, 16, 8, 4):
    ae = dict(base['AE'].options)
    codec = dict(
        ae['model.head.decoder'],
        heatmap_size=(256 // stride, 256 // stride),
        sigma=2 if stride == 4 else 1,
    )
    steps = list(ae['train_dataloader.dataset.pipeline'])
    steps[3] = dict(steps[3], encoder=codec)
    ae['model.head.decoder'] = codec
    ae['train_dataloader.dataset.pipeline'] = steps
    config = f'../ae_r50_s{stride}_512_coco.py'
    row = dict(base['AE'], config=config, name=f'AE {stride}', options=ae)
    rows.append(row)
del ae, base, codec, config, fast, poet, row, steps, stride
