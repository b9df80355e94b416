"""The paper's text experiment: a larger weight of the centre loss.

Expect  docs/results/center_weight_toy/table.md: AP 94.8 to 97.6
Cost    3 rows: batch 16, 320 epochs of 96 images; 9 to 16 minutes a row
        on one CPU core (measured here)
Run     python tools/make_toy_coco.py --out data/toy --train 96 --val 64 \
            --size 128 --seed 0
        python tools/compare_strides.py \
            configs/comparisons/center_weight_toy.py

The paper (v1) says that keypoints fail when the centre loss weighs more. Here
its weight in loss and matching cost is 0.5 (the paper's), 5 and 50. POET
overfits 96 synthetic images, and is tested on these.
"""

title = 'POET on 96 synthetic images: weight of the centre loss'
data_root = 'data/toy/'
budget = dict(epochs=320)
x_label = 'weight of the centre loss'
train_ann = 'annotations/person_keypoints_train2017.json'
options = {  # test on the training images
    'test_dataloader.dataset.ann_file': train_ann,
    'test_dataloader.dataset.data_prefix.img': 'train2017/',
    'test_evaluator.ann_file': data_root + train_ann,
}
notes = ['The rows are tested on the images that they were trained on.']
rows = [
    dict(
        config='../poet_r18_toy.py',
        name=f'centre loss x {weight:g}',
        backbone='R18',
        x=weight,
        options={
            'model.head.loss.terms.centers.loss_weight': weight,
            'model.head.loss.assigner.match_costs.3.weight': weight,
        },
    )
    for weight in (0.5, 5.0, 50.0)
]
