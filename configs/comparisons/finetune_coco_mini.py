"""How many images do I need? AP against images, for three starts.

Expect  not yet run
Cost    one row of 800 steps of 16 images, 15 rows of 300 steps of 8; about
        5 hours of one CPU core
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
notes = [
    'Each row but the first is trained for 300 steps of 8 images. Learning '
    'rates are not searched.'
]

backbone = dict(
    _delete_=True,
    type='Pretrained',
    checkpoint='weights/mobilenetv2_w15_coco_keypoints_fp16.pth',
)
annotations = 'annotations/five_'
first = 400  # images for fine-tuning, the others are for the first row
five = dict(from_file='{{ fileDirname }}/../_base_/datasets/toy_five.py')
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
for images in (25, 50, 100, 200, 400):
    for start, values in starts.items():
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
            name=f'{start}, {images} images',
            method=start,
            epochs=300 * 8 // images,
            options=options,
        )
        if 'start_from' in values:
            row['start_from'] = values['start_from']
        rows.append(row)
del ann_file, base, images, options, part, row, start, values
