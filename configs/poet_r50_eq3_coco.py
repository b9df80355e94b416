"""POET-R50 with Eq. 3 of the paper (v1) as printed.

Expect  worse than poet_r50_coco; not yet trained on COCO here. 48 synthetic
        images, 500 steps: mean keypoint error 6.5 of 128 pixels, against 1.1
        (measured with a prototype before this project).
Cost    batch 12, 300 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_r50_eq3_coco.py 2 \
            --data-root COCO

The keypoint term compares offsets from the ground-truth centre. Every keypoint
therefore inherits the error of the predicted centre, which only one weak term
corrects.
"""

_base_ = ['./poet_r50_coco.py']

model = dict(
    head=dict(
        loss=dict(
            assigner=dict(
                match_costs=[
                    dict(type='PersonProbabilityCost', weight=1.0),
                    dict(type='KeypointL1Cost', field='offsets', weight=4.0),
                    dict(type='L2Cost', field='visibility', weight=0.2),
                    dict(type='L2Cost', field='centers', weight=0.5),
                ]
            ),
            terms=dict(
                _delete_=True,
                offsets=dict(type='mmdet.L1Loss', loss_weight=4.0),
                visibility=dict(type='mmdet.MSELoss', loss_weight=0.2),
                centers=dict(type='mmdet.MSELoss', loss_weight=0.5),
            ),
        )
    )
)
