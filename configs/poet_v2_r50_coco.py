"""POET-R50 without the centre term: v2 of the paper (arXiv 2103.12115v2).

Expect  v2's result is not known here; not yet trained here.
Cost    batch 12, 300 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_v2_r50_coco.py 2 --data-root COCO

v2 is of 22 December 2021. Its abstract names a keypoint, a visibility and a
class loss; v1 also has a centre loss. This config removes the centre term from
the loss and from the matching cost. All other values are those of v1, because
only the abstract of v2 was at hand.

The head still predicts a centre. Only the keypoint term trains it, because
keypoints are centre + offset. The centre is therefore free: a shift of it and
the opposite shift of all offsets give the same keypoints and the same loss.
"""

_base_ = ['./poet_r50_coco.py']

model = dict(
    head=dict(
        loss=dict(
            assigner=dict(
                match_costs=[
                    dict(type='PersonProbabilityCost', weight=1.0),
                    dict(type='KeypointL1Cost', field='keypoints', weight=4.0),
                    dict(type='L2Cost', field='visibility', weight=0.2),
                ]
            ),
            terms=dict(
                _delete_=True,
                keypoints=dict(type='mmdet.L1Loss', loss_weight=4.0),
                visibility=dict(type='mmdet.MSELoss', loss_weight=0.2),
            ),
        )
    )
)
