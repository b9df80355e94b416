"""Listeners: called inside of the context, and not part of the model."""

import copy
import pickle

import pytest
import torch
from helpers import random_samples, tiny_head

from poet_mm.models.listeners import Listeners, listening
from poet_mm.models.losses.pose_set_loss import SetLoss


def test_everybody_is_heard_in_order():
    heard = []
    listeners = Listeners([heard.append, lambda event: heard.append(-event)])
    listeners.tell(1)
    listeners.tell(2)
    assert heard == [1, -1, 2, -2]


def test_a_copy_has_none():
    """Or a copied model would tell a hook, or copy it with its runner."""
    listeners = Listeners([print])
    assert copy.deepcopy(listeners) == []
    assert pickle.loads(pickle.dumps(listeners)) == []
    assert isinstance(copy.deepcopy(listeners), Listeners)
    assert listeners == [print]


def test_the_loss_tells_of_a_step_and_stops_with_the_context():
    head, heard = tiny_head(), []
    feats, samples = (torch.randn(2, 8, 4, 3),), random_samples([2, 1])
    with listening([(head.loss_module, heard.append)]):
        head.loss(feats, samples)
    head.loss(feats, samples)
    (batch,) = heard
    assert isinstance(batch, SetLoss)
    assert batch.num_people == 3


def test_stops_listening_after_an_error():
    head = tiny_head()
    with (
        pytest.raises(ValueError, match='num_keypoints=7'),
        listening([(head.loss_module, print)]),
    ):
        head.loss(
            (torch.randn(1, 8, 4, 3),), random_samples([1], num_keypoints=7)
        )
    assert not head.loss_module.listeners
