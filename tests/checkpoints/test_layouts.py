"""Names of weights: there and back is the identity."""

import convert_checkpoint
from mmpose.registry import MODELS
from random_release import assert_equal, small_cfg

from poet_mm.checkpoints.convert import release_of
from poet_mm.checkpoints.layouts import from_release, to_release


def test_round_trip_is_the_identity(release, conversion, tmp_path):
    """Theirs -> ours -> theirs, and ours -> theirs -> ours, to the bit."""
    ours = from_release(release)
    assert_equal(to_release(ours), release)
    state = MODELS.build(small_cfg().model).state_dict()
    again = from_release(to_release(state))
    assert_equal(
        again,
        {
            name: value
            for name, value in state.items()
            if 'num_batches' not in name
        },
    )
    convert_checkpoint.write(conversion.checkpoint, str(tmp_path / 'ours.pth'))
    back, dropped = release_of(str(tmp_path / 'ours.pth'))
    assert list(back) == ['model']
    assert dropped == []
    assert_equal(back['model'], release)


def test_classes_have_our_order(release):
    """Theirs: empty person, person, no object. Ours: person, empty person,
    nobody (codecs/poet_codec.py)."""
    theirs = release['class_embed.bias']
    ours = from_release(release)['head.class_embed.bias']
    assert ours.tolist() == [theirs[1], theirs[0], theirs[2]]
