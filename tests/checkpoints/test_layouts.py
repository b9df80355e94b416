"""Names of weights: there and back is the identity."""

from mmpose.registry import MODELS
from random_release import assert_equal, small_cfg

from poet_mm.checkpoints.layouts import from_release, to_release


def test_round_trip_is_the_identity(release):
    """Theirs -> ours -> theirs, and ours -> theirs -> ours, to the bit."""
    assert_equal(to_release(from_release(release)), release)
    state = MODELS.build(small_cfg().model).state_dict()
    kept = {k: v for k, v in state.items() if 'num_batches' not in k}
    assert_equal(from_release(to_release(state)), kept)


def test_classes_have_our_order(release):
    """Theirs: empty person, person, no object. Ours: person, empty person, no
    object (codecs/poet_codec.py)."""
    theirs = release['class_embed.bias']
    ours = from_release(release)['head.class_embed.bias']
    assert ours.tolist() == [theirs[1], theirs[0], theirs[2]]
