"""AE-R18 at stride 16 on synthetic people: a row of the toy comparison.

Expect  see docs/results/stride_toy/table.md
Cost    batch 16, 16 epochs (of the comparison; 320 in this file), 4 minutes on
        2 CPU cores (measured here)
Run     bash tools/toy_comparison.sh
"""

_base_ = ['./ae_r18_s4_toy.py']

codec = _base_.codec
codec.update(heatmap_size=(8, 8))
model = dict(
    head=dict(
        deconv_out_channels=(64,), deconv_kernel_sizes=(4,), decoder=codec
    )
)

train_pipeline = _base_.train_pipeline
train_pipeline[-3].encoder = codec
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
