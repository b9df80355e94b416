"""Faithful against fast POET on drawn people, from one command.

Expect  not yet run as a whole; see README, Fast POET.
Cost    30 minutes on 2 CPU cores.
Run     python tools/make_toy_coco.py --out data/toy_strides --train 3000 \
            --val 200 --size 128 --seed 1
        python tools/compare_strides.py configs/comparisons/fast_toy.py

Same images seen, same backbone without pre-training, each with the learning
rate of its recipe; evaluated on images that none has seen. The first row has
had a sixteenth of the training of the others.
"""
title = 'Toy people, 128 pixels: faithful and fast POET'
data_root = 'data/toy_strides/'
budget = dict(epochs=16)

fast = dict(
    config='../poet_fast_r18_toy.py', method='fast POET', backbone='R18')
rows = [
    dict(fast, name='poet_fast_r18_toy, 1 epoch', epochs=1),
    dict(fast),
    dict(config='../poet_r18_toy.py', backbone='R18'),
]
