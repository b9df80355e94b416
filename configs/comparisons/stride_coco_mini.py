"""POET against AE over strides on a small part of COCO, 512 pixels.

Expect  a ranking of models trained on the same few images; not COCO's AP.
Cost    7 rows: batch 16, 30 epochs; with 2,000 images eight hours if all rows
        reach 15 images a second (docs/compare.md), not measured
Run     python tools/make_subset.py COCO data/coco_mini \
            --ids docs/results/coco_mini.json
        python tools/compare_strides.py configs/comparisons/stride_coco_mini.py

All rows start from the same backbone weights, see equally many images, and
are tested on the same ones. Each row keeps the learning rate of its config,
which is meant for larger batches and longer training. Only the tag loss of AE
gets a larger weight, so that the tags separate: 0.02 is about what MMPose 1.x
gives it, which sums 0.001 over a batch. The fast POET has tokens of strides 8,
16 and 32, EMA and crops of its own config; its other images have a short edge
of 320 to 416 pixels, at most 512.
To take the backbone weights from a file: `--cfg-options
model.backbone.init_cfg.checkpoint=FILE`, and model.backbone.style=caffe for
weights with the stride on the first 1x1 convolution.
"""

title = 'A part of COCO, 512 pixels: POET and AE over strides'
data_root = 'data/coco_mini/'
budget = dict(epochs=30)
options = {'train_dataloader.batch_size': 16}

tags = {'model.head.tag_loss.loss_weight': 0.02}
resize = dict(
    type='ShortEdgeResize', short_edges=list(range(320, 417, 32)), max_size=512
)
fast = {
    'train_dataloader.dataset.pipeline.2.transforms.1.transforms.1': resize,
    'test_dataloader.dataset.pipeline.1.short_edges': 512,
    'test_dataloader.dataset.pipeline.1.max_size': 512,
}
rows = [
    dict(
        config='../poet_fast_r50_coco.py',
        method='fast POET',
        backbone='R50',
        options=fast,
    ),
    dict(config='../poet_r50_512_coco.py', backbone='R50'),
    dict(config='../poet_dc5_r50_512_coco.py', backbone='DC5-R50'),
    dict(config='../ae_r50_s32_512_coco.py', backbone='R50', options=tags),
    dict(config='../ae_r50_s16_512_coco.py', backbone='R50', options=tags),
    dict(config='../ae_r50_s8_512_coco.py', backbone='R50', options=tags),
    dict(config='../ae_r50_s4_512_coco.py', backbone='R50', options=tags),
]
