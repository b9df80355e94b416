"""POET against AE over strides on COCO: study 2 of the paper (v1).

Expect  not trained here. The targets are the published rows (Table 2,
        Figure 1), which the table shows as well.
Cost    5 rows to train. The paper gives no hours for them. POET-R50: about 75
        hours on 2 V100, from the 300 hours of study 1 by epochs and pixels.
Run     python tools/compare_strides.py configs/comparisons/stride_coco.py \
            --data-root COCO --gpus 8

As in the paper, POET starts from the ResNet-50 of MMPose's AE, which has
learned COCO's keypoints. AE at stride 4 is MMPose's checkpoint itself, and AE
at strides 8, 16 and 32 starts from it. The GPUs share the batch: 64 images for
POET, 50 for the dilated one (48 with 8 GPUs, the learning rate is scaled), 192
for AE. `--epochs E` trains all rows equally long.

Every model is tested on all 5,000 images, and on the 2,693 with annotations
of people, as in the authors' release. AE is tested with flip test, as
published, and without. The last row has MMPose's test settings, with which
its checkpoint should have the published 46.6.
"""

title = 'COCO val2017, 512 pixels: POET and AE over strides'
data_root = 'data/coco/'
budget = dict(epochs=250)
options = {'auto_scale_lr.enable': True}

ae = 'ae_r50_s4_512_coco'
backbone_of_ae = {
    'model.backbone.init_cfg.checkpoint': 'ae-r50',
    'model.backbone.init_cfg.prefix': 'backbone.',
}
trained = [
    dict(
        config='../poet_r50_512_coco.py',
        name='poet_r50_512_coco',
        backbone='R50',
        batch=64,
        options=backbone_of_ae,
    ),
    dict(
        config='../poet_dc5_r50_512_coco.py',
        name='poet_dc5_r50_512_coco',
        backbone='DC5-R50',
        batch=50,
        options=backbone_of_ae,
    ),
    dict(
        config=f'../{ae}.py',
        name=ae,
        backbone='R50',
        checkpoint='ae-r50',
        epochs=300,
    ),
    *(
        dict(
            config=f'../ae_r50_s{stride}_512_coco.py',
            name=f'ae_r50_s{stride}_512_coco',
            backbone='R50',
            start_from=ae,
            epochs=100,
            batch=192,
        )
        for stride in (8, 16, 32)
    ),
]
tests = {  # what a test changes: (methods, label in the figure, options)
    'images with people': (
        ('poet', 'ae'),
        {'test_dataloader.dataset.images': 'with_people'},
    ),
    'no flip test': (('ae',), {'model.test_cfg.flip_test': False}),
}
rows = trained + [
    dict(
        config=row['config'],
        name=f'{row["name"]}, {test}',
        method=f'{"AE" if row["name"].startswith("ae") else "POET"}, {test}',
        backbone=row['backbone'],
        checkpoint=row['name'],
        options=options_of_test,
    )
    for test, (methods, options_of_test) in tests.items()
    for row in trained
    if row['name'].startswith(methods)
]
rows.append(
    dict(
        config='../mmpose_test/ae_r50.py',
        name='ae_r50, tested as MMPose does',
        method='AE, tested as MMPose does',
        backbone='R50',
        checkpoint='ae-r50',
        epochs=300,
    )
)
