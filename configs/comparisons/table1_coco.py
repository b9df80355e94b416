"""POET-R50 beside AE with ResNets on COCO: study 1 of the paper (v1), Table 1.

Expect  AP 55.4 on test-dev for POET. The AE rows of Table 1 (46.6, 55.4 and
        59.5) are MMPose's numbers on val2017, with flip test and a short edge
        of 512 pixels. The last row is tested so; the AE configs here limit the
        long edge to 512 pixels, so expect less of the others.
Cost    POET: batch 12, 300 epochs, about 300 hours on 2 V100 (paper). AE with
        ResNet-101 and ResNet-152: 16 images on each GPU (MMPose: 128 in all),
        the learning rate is scaled; 300 epochs, hours not published
Run     python tools/compare_strides.py configs/comparisons/table1_coco.py \
            --data-root COCO --gpus 2

The table is of val2017. The annotations of test-dev are not public. Write the
file for COCO's evaluation server, with COCO/test2017/ and
COCO/annotations/image_info_test-dev2017.json:

    info=annotations/image_info_test-dev2017.json
    python tools/test.py configs/poet_r50_coco.py CHECKPOINT --data-root COCO \
        --cfg-options test_dataloader.dataset.ann_file=$info \
        test_dataloader.dataset.data_prefix.img=test2017/ \
        test_evaluator.ann_file=COCO/$info test_evaluator.format_only=True \
        test_evaluator.outfile_prefix=work_dirs/test_dev

This writes work_dirs/test_dev.keypoints.json, in the layout of COCO's results.
"""

title = 'COCO val2017: POET-R50, and AE at stride 4'
data_root = 'data/coco/'
budget = dict(epochs=300)
options = {'auto_scale_lr.enable': True}
notes = [
    "The AE rows of the paper's Table 1, which is of test-dev, have the "
    'numbers of MMPose on val2017.'
]

rows = [
    dict(config='../poet_r50_coco.py', backbone='R50'),
    dict(
        config='../ae_r50_s4_512_coco.py', backbone='R50', checkpoint='ae-r50'
    ),
    dict(config='../ae_r101_s4_512_coco.py', backbone='R101'),
    dict(config='../ae_r152_s4_512_coco.py', backbone='R152'),
    dict(
        config='../mmpose_test/ae_r50.py',
        name='ae_r50, tested as MMPose does',
        method='AE, tested as MMPose does',
        backbone='R50',
        checkpoint='ae-r50',
        epochs=300,
    ),
]
