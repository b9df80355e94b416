"""Settings of head and loss that the fast POET adds to the paper's.

`fast_head` is a building block, not a setting: a config uses it and
deletes it.
"""

fast_head = dict(
    propose=True,  # two-stage proposals: encoder tokens become the queries
    refine=True,  # iterative refinement: each decoder layer corrects the pose
    detail=dict(  # by the features at and around its keypoints
        in_channels=[256, 512, 1024, 2048],  # of ResNet-50
        channels=64,
        joint_channels=128,
        points=5,
    ),
    predict_oks=True,  # of each pose; it scales the score
    denoising=dict(  # denoising queries
        groups=3, center_noise=0.5, scale_noise=0.4, joint_noise=0.2
    ),
    loss=dict(
        nobody_weight=0.4,  # of the class "no object", 0.1 in the paper
        oks_weight=2.0,
        metainfo=dict(from_file='configs/_base_/datasets/coco.py'),
    ),
    codec=dict(type='POETCodec', supervise='labelled'),
)
