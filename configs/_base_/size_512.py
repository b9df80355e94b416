"""Image sizes of study 2: the long edge is at most 512 pixels.

The paper gives this limit and not the sizes below it: they are a choice of
this project. The release keeps those of study 1.

`size_512` is a building block, not a setting: a config uses its parts and
deletes it. Names that begin with two underscores stay in this file.
"""

__multi_scale = dict(
    type='ShortEdgeResize', short_edges=list(range(192, 513, 32)), max_size=512
)
size_512 = dict(
    multi_scale=__multi_scale,
    random_scale_or_crop=dict(
        type='RandomChoice',
        prob=[0.5, 0.5],
        transforms=[
            [__multi_scale],
            [
                dict(type='ShortEdgeResize', short_edges=[256, 320, 384]),
                dict(type='RandomSizeCrop', min_size=192, max_size=384),
                __multi_scale,
            ],
        ],
    ),
    test=dict(type='ShortEdgeResize', short_edges=512, max_size=512),
)
