"""How many images do I need? AP against images, for three starts.

Expect  docs/results/finetune_coco_mini/table.md, figure1.png beside it
Cost    16 rows: one of 8 epochs of 1,705 images, 13 of 2,400 images in all,
        two of 9,600; about 6 hours of one CPU core (measured here)
Run     A=data/coco_mini/annotations
        for part in train val; do
            python examples/keep_keypoints.py \
                $A/person_keypoints_${part}2017.json $A/five_${part}2017.json \
                nose left_wrist right_wrist left_ankle right_ankle
        done
        python tools/compare_strides.py \
            configs/comparisons/finetune_coco_mini.py

data/coco_mini is a copy of COCO_MINI. The WEIGHTS of
poet_fast_mobilenetv2_256_coco.py lie in
weights/mobilenetv2_w15_coco_keypoints_fp16.pth; this repository has neither.

The task is new to the network: five keypoints instead of COCO's 17, in 25 to
400 images that it has not seen. "Model" starts from a fast POET of 17
keypoints, trained on all other images (first row); "backbone" from the
MobileNetV2 of WEIGHTS, which has learned keypoints; "nothing" from random
values.
"""

title = 'Fine-tuning on few images: five keypoints, 256 pixels'
data_root = 'data/coco_mini/'
budget = dict(epochs=1)
x_label = 'training images'
notes = [
    'Each row but the first sees 2,400 images, some of them many times; those '
    "of '1200 steps' see 9,600. Learning rates are not searched.",
    "'Nothing' was not run where AP stays 0 with more images.",
    'Two rows ran at a time, on a core each, with other work beside: compare '
    'no minutes and no milliseconds.',
]

backbone = dict(
    _delete_=True,
    type='Pretrained',
    checkpoint='weights/mobilenetv2_w15_coco_keypoints_fp16.pth',
)
annotations = 'annotations/five_'
first = 400  # images for fine-tuning, the others are for the first row
five = dict(from_file='configs/_base_/datasets/toy_five.py')
base = dict(
    config='../poet_fast_mobilenetv2_256_coco.py',
    name='17 keypoints, 1705 images',
    method='base',
    epochs=8,
    options={'train_dataloader.dataset.indices': list(range(first, 2105))},
)
starts = dict(
    model=dict(start_from=base['name']),
    backbone=dict(options={'model.backbone.init_cfg': backbone}),
    nothing=dict(
        options={
            'model.backbone.frozen_stages': -1,
            'model.backbone.norm_eval': False,
        }
    ),
)
rows = [base]
for images, steps in (
    (25, 300),
    (50, 300),
    (100, 300),
    (200, 300),
    (400, 300),
    (400, 1200),
):
    for start, values in starts.items():
        if start == 'nothing' and (images < 100 or steps > 300):
            continue
        label = f', {steps} steps' if steps != 300 else ''
        options = {
            'load_from': None,
            'metainfo': five,
            'train_dataloader.dataset.indices': images,
            'test_evaluator.ann_file': f'{data_root}{annotations}val2017.json',
        }
        for part in ('train', 'val', 'test'):
            ann_file = f'{annotations}{part}2017.json'.replace('test', 'val')
            options[f'{part}_dataloader.dataset.ann_file'] = ann_file
        options.update(values.get('options', {}))
        row = dict(
            config='../poet_fast_mobilenetv2_finetune.py',
            name=f'{start}, {images} images{label}',
            method=start + label,
            epochs=steps * 8 // images,
            options=options,
            x=images,
        )
        if 'start_from' in values:
            row['start_from'] = values['start_from']
        rows.append(row)
del ann_file, base, images, label, options, part, row, start, steps, values
