"""The old name of poet_fast_r50_finetune.py.

Expect  as poet_fast_r50_finetune.py.
Cost    batch 8, 60 epochs, time not measured
Run     python tools/train.py configs/poet_r50_finetune.py --data-root OWN
"""

_base_ = ['./poet_fast_r50_finetune.py']
