"""Left and right are found in the names that annotation tools have."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet_mm.datasets.sides import find_pairs


@pytest.mark.parametrize(
    ('left', 'right'),
    [
        ('left_ear', 'right_ear'),
        ('Left Ear', 'Right Ear'),
        ('LEFT-EAR', 'RIGHT-EAR'),
        ('ear.left', 'ear.right'),
        ('leftEar', 'rightEar'),
        ('earLeft', 'earRight'),
        ('leftear', 'rightear'),
        ('l_ear', 'r_ear'),
        ('ear_l', 'ear_r'),
        ('L_Ear', 'R_Ear'),
        ('earL', 'earR'),
        ('LEar', 'REar'),
        ('Lear', 'Rear'),
        ('paw1l', 'paw1r'),
        ('L', 'R'),
        ('l_rear_paw', 'r_rear_paw'),
        ('left_lower_leg', 'right_lower_leg'),
    ],
)
def test_pairs(left, right):
    swap, sides = find_pairs(['nose', right, 'tail', left])
    assert swap == {'nose': '', 'tail': '', left: right, right: left}
    assert sides == {left: 'left', right: 'right'}


@pytest.mark.parametrize('name', ['left_ear', 'earR', 'r', 'RightPaw', 'LEar'])
def test_a_side_without_the_other(name):
    swap, sides = find_pairs(['nose', name])
    assert swap[name] == ''
    assert sides.keys() == {name}


@pytest.mark.parametrize(
    'name',
    ['tail', 'bright', 'RUMP', 'Leg', 'TAIL', 'collar', '', '1', 'ohr2'],
)
def test_names_without_a_side(name):
    assert find_pairs([name]) == ({name: ''}, {})


def test_names_of_two_letters():
    """Each of which may be the side."""
    swap, _ = find_pairs(['rl', 'rr', 'lr'])
    assert all(swap[other] == name for name, other in swap.items() if other)


words = st.text('lrLReft_ igh', max_size=9)


@settings(deadline=None)
@given(st.lists(words, unique=True, max_size=8))
def test_a_flip_twice_is_none(names):
    swap, sides = find_pairs(names)
    assert swap.keys() == set(names)
    for name, other in swap.items():
        assert other == '' or swap[other] == name != other
        assert other == '' or {sides[name], sides[other]} == {'left', 'right'}
