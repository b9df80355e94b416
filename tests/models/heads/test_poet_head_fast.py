"""The pieces of the fast POET: proposals, corrections, denoising, OKS."""
import numpy as np
import pytest
import torch
from helpers import (
    FAST_LOSS,
    FIVE,
    PAPER_LOSS,
    random_outputs,
    random_people,
    random_samples,
    tiny_head,
    with_areas,
)
from mmdet.models.layers.transformer.detr_layers import DetrTransformerDecoder
from mmpose.registry import TASK_UTILS
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from poet_mm.codecs.poet_codec import POETCodec
from poet_mm.models.layers.denoising import NoisedPeople
from poet_mm.models.layers.padding import image_extents, padding_mask
from poet_mm.models.layers.pose import pose_fields
from poet_mm.models.layers.proposals import Proposals, cell_centers
from poet_mm.models.losses.oks import KeypointSimilarity
from poet_mm.models.losses.pose_set_loss import sum_over_ranks
from poet_mm.models.targets import stack_targets

NOISE = dict(groups=3, center_noise=0.5, scale_noise=0.4, joint_noise=0.2)
NO_NOISE = dict(groups=2, center_noise=0, scale_noise=0, joint_noise=0)
DETAIL = dict(in_channels=[8], channels=4, joint_channels=8)
PIECES = [
    dict(propose=True),
    dict(refine=True),
    dict(propose=True, refine=True),
    dict(propose=True, refine=True, loss=FAST_LOSS),
    dict(propose=True, refine=True, denoising=NOISE),
    dict(propose=True, denoising=NOISE, loss=FAST_LOSS),
    dict(refine=True, detail=DETAIL),
    dict(
        propose=True,
        refine=True,
        detail=DETAIL,
        denoising=NOISE,
        loss=FAST_LOSS)
]
FEAT = (2, 8, 4, 6)  # B, C, H, W of pixels 64 x 96


def names(value):
    return '+'.join(value) if isinstance(value, dict) else None


def fast_head(**kwargs):
    return tiny_head(propose=True, refine=True, **kwargs)


def padded_samples():
    samples = random_samples([2, 1], img_shape=(40, 60))
    for sample in samples:
        sample.set_metainfo(dict(batch_input_shape=(64, 96)))
    return with_areas(samples)


def test_faithful_outputs_are_what_they_were():
    """Bit for bit those of mmdet's decoder, all states read at once."""
    head = tiny_head().eval()
    feat = torch.randn(FEAT)
    memory, position = head.encode(feat, None)
    queries = head.query_embedding.weight.expand(2, -1, -1)
    states = DetrTransformerDecoder.forward(
        head.decoder,
        query=torch.zeros_like(queries),
        key=memory,
        value=memory,
        query_pos=queries,
        key_pos=position,
        key_padding_mask=None)
    pose = head.pose_embed(states).sigmoid()
    joints = pose[..., 2:].unflatten(-1, (5, 3))
    expected = dict(
        logits=head.class_embed(states),
        centers=pose[..., :2],
        offsets=2 * joints[..., :2] - 1,
        visibility=joints[..., 2])
    outputs = head((feat, ))
    assert outputs.keys() == expected.keys()
    for name, values in expected.items():
        assert torch.equal(outputs[name], values), name


@pytest.mark.parametrize('pieces', PIECES, ids=names)
def test_same_fields_as_the_paper(pieces):
    expected = tiny_head().eval()((torch.randn(FEAT), ))
    outputs = tiny_head(**pieces).eval()((torch.randn(FEAT), ))
    assert {name: values.shape for name, values in outputs.items()
            } == {name: values.shape for name, values in expected.items()}


def test_proposals_begin_at_their_cells():
    head = fast_head()
    feat, samples = torch.randn(FEAT), padded_samples()
    extents = image_extents(samples, feat.device)
    fields = head.predict_all([feat], extents).proposals.fields()
    # of 16 pixels; the third row and the fourth column show 40 x 60 in part
    centers = fields['centers'][0].unflatten(1, FEAT[2:])
    for y in range(3):
        for x in range(4):
            expected = torch.tensor([(16 * x + 8) / 60, (16 * y + 8) / 40])
            expected = expected.clamp(max=1 - 1e-3)  # of the logit
            torch.testing.assert_close(centers[0, y, x], expected)
    assert not fields['offsets'].any()


def test_queries_are_placed_like_tokens():
    """A query at the middle of a cell has the code of that cell, whether or
    not the image fills its last cells."""
    head = fast_head()
    feat, samples = torch.randn(FEAT), padded_samples()
    extents = image_extents(samples, feat.device)
    partly = cell_centers(feat, FEAT[2:], extents.shares())
    samples[0].set_metainfo(dict(img_shape=(48, 64)))  # the same 3 x 4 cells
    samples[1].set_metainfo(dict(img_shape=(48, 64)))
    extents_of_whole = image_extents(samples, feat.device)
    whole = cell_centers(feat, FEAT[2:], extents_of_whole.shares())
    inside = (partly < 0.99).all(-1)  # the logit of a pose ends there
    codes = [
        head.center_embed(
            torch.nn.functional.pad(x.logit(eps=1e-3), (0, 15)),
            ends.filled(feat))
        for x, ends in ((partly, extents), (whole, extents_of_whole))
    ]
    assert inside.sum() == 2 * 2 * 4
    torch.testing.assert_close(codes[0][inside], codes[1][inside])


def test_cells_without_padding():
    centers = cell_centers(torch.zeros(1), (2, 4), None)
    assert centers.shape == (1, 8, 2)
    assert centers[0, 1].tolist() == [0.375, 0.25]


def test_without_corrections_nothing_moves():
    """Layers begin with corrections of zero: poses stay the proposals'."""
    head = fast_head().eval()
    feat = torch.randn(FEAT)
    outputs, _, proposals = head.predict_all([feat], None)
    tokens = proposals.best(6)
    fields = proposals.fields()
    for image in range(2):
        expected = fields['centers'][0, image, tokens[image]]
        for layer in range(2):
            assert torch.equal(outputs['centers'][layer, image], expected)
    assert not outputs['offsets'].any()
    assert (outputs['visibility'] == 0.5).all()


def test_layers_correct_the_layer_before():
    head = fast_head().eval()
    feat = torch.randn(FEAT)
    before = head((feat, ))['centers']
    last = head.branches[0].pose_embed.layers[-1]
    torch.nn.init.constant_(last.bias[:2], 0.7)
    after = head((feat, ))['centers']
    for layer in range(2):
        torch.testing.assert_close(
            after[layer].logit(), before[layer].logit() + 0.7)
    head.branches[1].class_embed.bias.data[0] += 1
    assert torch.equal(head((feat, ))['centers'], after)


def test_no_gradient_between_layers():
    """Layer 1 begins where layer 0 ended, and teaches it nothing by that."""
    head = fast_head()
    for branch in head.branches:
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight)
    outputs = head((torch.randn(FEAT), ))
    bias = head.branches[0].pose_embed.layers[-1].bias
    grad, = torch.autograd.grad(
        outputs['offsets'][1].sum(), bias, allow_unused=True)
    assert grad is None or not grad.any()


def some_proposals(padding=None):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 7, 2, generator=generator)
    return Proposals(logits, torch.randn(2, 7, 17, generator=generator),
                     padding)


def test_best_are_the_likeliest():
    proposals = some_proposals()
    probs = proposals.logits.softmax(-1)[..., 0]
    assert torch.equal(proposals.best(3), probs.topk(3).indices)


def test_selection_follows_a_permutation():
    proposals = some_proposals()
    order = torch.randperm(7)
    shuffled = proposals._replace(
        logits=proposals.logits[:, order], pose=proposals.pose[:, order])
    assert torch.equal(order[shuffled.best(4)], proposals.best(4))


def test_padded_tokens_are_never_chosen():
    padding = torch.zeros(2, 7, dtype=torch.bool)
    padding[1, 2:] = True  # fewer tokens than queries
    proposals = some_proposals(padding)
    proposals.logits[1, 2:, 0] = 50.0
    tokens = proposals.best(5)
    assert tokens[0].unique().numel() == 5
    assert (tokens[1] < 2).all()
    assert (tokens[1, 2:] == tokens[1, 1]).all()


def test_more_queries_than_tokens():
    outputs = fast_head(num_queries=9).eval()((torch.randn(1, 8, 2, 2), ))
    assert outputs['centers'].shape == (2, 1, 9, 2)


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_blind_to_padding(mode):
    head = fast_head()
    for branch in (*head.branches, head.proposals.branch):
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight)
    head.train(mode == 'train')
    samples = padded_samples()
    feat = torch.randn(FEAT)
    mask = padding_mask(samples, feat)
    changed = feat.masked_fill(mask[:, None], 1000.0)
    expected, got = head((feat, ), samples), head((changed, ), samples)
    for name in expected:
        assert torch.equal(expected[name], got[name]), name
    losses, others = (head.loss((x, ), samples) for x in (feat, changed))
    for name in losses:
        assert torch.equal(losses[name], others[name]), name


def test_padded_proposals_are_not_matched():
    assigner = TASK_UTILS.build(PAPER_LOSS['assigner'])
    outputs = random_outputs(num_layers=1)
    targets, num_people = stack_targets(random_samples([3, 2]))
    valid = torch.zeros(1, 2, 6, dtype=torch.bool)
    valid[:, 0, :3] = valid[:, 1, 4:] = True
    outputs['valid'] = valid
    pairs = assigner.assign(outputs, targets, num_people)
    assert valid[0, pairs.image_idx, pairs.query_idx].all()


def test_padded_proposals_learn_nothing():
    """Nor with more people than tokens that show the image."""
    loss = fast_head(loss=FAST_LOSS).loss_module
    outputs = random_outputs(num_layers=1)
    targets, num_people = stack_targets(
        with_areas(random_samples([5, 2])))
    outputs['valid'] = torch.zeros(1, 2, 6, dtype=torch.bool)
    outputs['valid'][:, 0, :2] = outputs['valid'][:, 1, 4:] = True
    batch = loss.measure(outputs, targets, num_people)
    assert batch.num_people == 7
    assert len(batch.matched['valid'][0]) == 7
    assert batch.matched['valid'].sum() == 4
    moved = dict(outputs, centers=outputs['centers'].where(
        outputs['valid'][..., None], torch.tensor(0.5)))
    others = loss.measure(moved, targets, num_people)
    for name, total in batch.sums.items():
        torch.testing.assert_close(others.sums[name], total)


@pytest.mark.parametrize('counts', [[0, 0], [3, 2]])
def test_proposals_are_matched_with_the_rest(counts, monkeypatch):
    """By one transfer to the host, and as they are alone."""
    assigner = TASK_UTILS.build(PAPER_LOSS['assigner'])
    sets = dict(
        decoder=random_outputs(),
        encoder=random_outputs(num_layers=1, num_queries=9))
    targets, num_people = stack_targets(random_samples(counts))
    expected = {
        name: assigner.assign(outputs, targets, num_people)
        for name, outputs in sets.items()
    }
    moved = []
    to_host = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, 'cpu',
                        lambda x: moved.append(x) or to_host(x))
    pairs = assigner.assign_sets(sets, targets, num_people)
    assert len(moved) == bool(sum(counts))
    assert pairs.keys() == expected.keys()
    for name, of_set in pairs.items():
        for got, alone in zip(of_set, expected[name]):
            assert torch.equal(got, alone)


def test_ranks_add_counts_of_one_type():
    """Also a rank whose weights are whole numbers that the host knows."""
    loss = fast_head(loss=dict(FAST_LOSS, nobody_weight=1)).loss_module
    targets, num_people = stack_targets(with_areas(random_samples([2, 1])))
    known = loss.measure(random_outputs(), targets, num_people)
    valid = torch.ones(2, 2, 6, dtype=torch.bool)
    unknown = loss.measure(
        dict(random_outputs(), valid=valid), targets, num_people)
    for batch in (known, unknown):
        counts = sum_over_ranks([batch])
        assert counts.dtype == torch.float32
        assert counts.tolist() == [[3, 12]]


@pytest.mark.parametrize('counts', [[0, 0], [2, 0]])
@pytest.mark.parametrize('pieces', PIECES, ids=names)
def test_every_parameter_gets_a_gradient(pieces, counts):
    head = tiny_head(**pieces)
    samples = with_areas(random_samples(counts))
    losses = head.loss((torch.randn(2, 8, 4, 3), ), samples)
    assert all(value.isfinite() for value in losses.values())
    sum(losses.values()).backward()
    without = [
        name for name, parameter in head.named_parameters()
        if parameter.grad is None
    ]
    assert not without


def test_losses_of_proposals_have_names_of_their_own():
    losses = fast_head().loss(
        (torch.randn(2, 8, 4, 3), ), random_samples([2, 1]))
    terms = ('loss_cls', 'loss_keypoints', 'loss_visibility', 'loss_centers')
    assert losses.keys() == {
        prefix + term
        for prefix in ('', 'd0.', 'enc.') for term in terms
    }


def coco_oks(pred, keypoints, visible, area):
    """OKS (D, N) by COCO's own code."""
    coco = COCO()
    people = [
        dict(
            id=n + 1,
            image_id=1,
            category_id=1,
            iscrowd=0,
            area=float(area[n]),
            bbox=[0, 0, 10, 10],
            num_keypoints=int((visible[n] > 0).sum()),
            keypoints=np.concatenate(
                (points, visible[n][:, None]), 1).ravel().tolist())
        for n, points in enumerate(keypoints)
    ]
    coco.dataset = dict(
        images=[dict(id=1)], annotations=people, categories=[dict(id=1)])
    coco.createIndex()
    found = [
        dict(
            id=n + 1,
            image_id=1,
            category_id=1,
            score=1.0 - 0.01 * n,
            area=1.0,
            bbox=[0, 0, 10, 10],
            keypoints=np.concatenate(
                (points, np.ones((5, 1))), 1).ravel().tolist())
        for n, points in enumerate(pred)
    ]
    results = COCO()
    results.dataset = dict(coco.dataset, annotations=found)
    results.createIndex()
    evaluation = COCOeval(
        coco, results, 'keypoints', np.array(FIVE['sigmas']), use_area=True)
    evaluation._prepare()
    return evaluation.computeOks(1, 1)


@pytest.mark.parametrize('seed', range(5))
def test_oks_is_that_of_coco(seed):
    rng = np.random.default_rng(seed)
    size = (64, 48)
    keypoints, visible = random_people(
        4, 5, size, torch.Generator().manual_seed(seed))
    visible[:, 0] = 2
    area = rng.uniform(50, 2000, 4)
    pred = keypoints + rng.normal(0, 3, keypoints.shape)
    labels = POETCodec('labelled').encode(
        keypoints, visible, size, area=area)
    true = {name: torch.as_tensor(x) for name, x in labels.items()}
    pixels = torch.tensor([size[1], size[0]])
    points = torch.as_tensor(pred, dtype=torch.float32) / pixels  # (4, 5, 2)
    centers = points.mean(1)
    found = dict(
        centers=centers[:, None],
        offsets=(points - centers[:, None])[:, None])
    got = KeypointSimilarity(FIVE)(found, true)  # (4, 4): found, people
    expected = coco_oks(pred, keypoints, visible, area)
    torch.testing.assert_close(
        got, torch.as_tensor(expected, dtype=torch.float32), atol=1e-5,
        rtol=1e-4)


def test_oks_term():
    targets, num_people = stack_targets(with_areas(random_samples([2, 1])))
    loss = fast_head(loss=FAST_LOSS).loss_module
    batch = loss.measure(random_outputs(), targets, num_people)
    similarity = KeypointSimilarity(FIVE)
    for layer in range(2):
        expected = 0.0
        for pair in range(3):
            pred, true = ({
                name: values[layer, pair]
                for name, values in fields.items()
            } for fields in (batch.matched, batch.true))
            if true['keypoint_weights'].any():
                expected += 2.0 * (1 - similarity(pred, true).item())
        assert batch.sums['loss_oks'][layer].item() == pytest.approx(expected)


def test_oks_of_another_skeleton():
    head = fast_head(num_keypoints=3, loss=FAST_LOSS)
    samples = with_areas(random_samples([2, 1], num_keypoints=3))
    with pytest.raises(ValueError, match=r'3 joints.* 5 sigmas'):
        head.loss((torch.randn(2, 8, 4, 3), ), samples)


def test_oks_needs_areas():
    head = fast_head(loss=FAST_LOSS)
    with pytest.raises(KeyError, match='areas of people'):
        head.loss((torch.randn(2, 8, 4, 3), ), random_samples([2, 1]))


def test_oks_needs_metainfo():
    with pytest.raises(ValueError, match=r'model\.head\.loss\.metainfo'):
        tiny_head(loss=dict(PAPER_LOSS, oks_weight=1.0))


def test_oks_of_no_area():
    """0 but where a joint is exact, as in COCO; and a gradient."""
    keypoints, visible = random_people(
        2, 5, (64, 48), torch.Generator().manual_seed(0))
    visible[:] = 2
    labels = POETCodec('labelled').encode(
        keypoints, visible, (64, 48), area=np.zeros(2))
    true = {name: torch.as_tensor(x) for name, x in labels.items()}
    pred = dict(centers=true['centers'].clone(), offsets=true['offsets'] + 0.1)
    pred['centers'].requires_grad_()
    got = KeypointSimilarity(FIVE)(pred, true)
    assert got.tolist() == [0, 0]
    got.sum().backward()
    assert pred['centers'].grad.isfinite().all()


@pytest.mark.parametrize('noise', [
    dict(NOISE, groups=0), dict(NOISE, center_noise=-1),
    dict(NOISE, scale_noise=1.5), dict(NOISE, joint_noise=-0.1)])
def test_impossible_noise(noise):
    with pytest.raises(ValueError, match=r'expected .*model\.head\.denoising'):
        fast_head(denoising=noise)


def test_two_classes():
    """Of people: with joints, and without."""
    head = fast_head(
        num_classes=2,
        denoising=NOISE,
        codec=dict(type='POETCodec', empty_class=True))
    samples = random_samples([3, 2], codec=POETCodec(empty_class=True))
    losses = head.loss((torch.randn(2, 8, 4, 3), ), samples)
    assert all(value.isfinite() for value in losses.values())
    outputs = head((torch.randn(2, 8, 4, 3), ))
    assert outputs['logits'].shape == (2, 2, 6, 3)


def test_people_without_joints_have_no_oks():
    loss = fast_head(loss=FAST_LOSS).loss_module
    sample, = with_areas(random_samples([1]))
    sample.gt_instance_labels.keypoint_weights[:] = 0
    batch = loss.measure(
        random_outputs(num_images=1), *stack_targets([sample]))
    assert batch.sums['loss_oks'].tolist() == [0, 0]


def noised_people(head, samples):
    targets, num_people = stack_targets(samples)
    return head.denoising(targets, num_people), targets


def test_noise_never_leaks():
    """Queries give the same answers with and without noised people."""
    head = fast_head(denoising=NOISE).eval()
    for branch in head.branches:
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight, std=0.1)
    feat = torch.randn(FEAT)
    noised, _ = noised_people(head, random_samples([2, 1]))
    alone = head.predict_all([feat], None)
    among = head.predict_all([feat], None, noised)
    assert among.noised['logits'].shape == (2, 2, 3 * 2, 2)
    for name, values in alone.fields.items():
        torch.testing.assert_close(among.fields[name], values)


def test_groups_do_not_see_each_other():
    valid = torch.ones(1, 2, 6, dtype=torch.bool)
    valid[0, 1, 2] = False  # there is nobody
    mask = NoisedPeople(None, None, valid, 2).attention_mask(2)
    blind = torch.ones(2, 8, 8, dtype=torch.bool)
    blind[:, :, :2] = False  # all look at queries
    blind[:, 2:5, 2:5] = blind[:, 5:, 5:] = False  # each group at itself
    blind[1, :, 4] = True
    assert torch.equal(mask, blind)


def test_noised_people_do_not_see_other_images():
    """Losses of two images are those of each alone."""
    head = fast_head(denoising=NO_NOISE)
    for branch in head.branches:  # so that poses depend on what is seen
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight)
    feat = torch.randn(2, 8, 4, 3)
    samples = random_samples([1, 4])
    for sample in samples:
        sample.gt_instance_labels.keypoint_weights[:, 0] = 1
    together = head.loss((feat, ), samples)
    alone = [
        head.loss((feat[i:i + 1], ), samples[i:i + 1]) for i in range(2)
    ]
    for name in ('dn.loss_keypoints', 'dn.d0.loss_centers'):
        expected = (alone[0][name] + 4 * alone[1][name]) / 5
        torch.testing.assert_close(together[name], expected)


def test_people_without_joints_are_not_noised():
    head = fast_head(denoising=NO_NOISE)
    sample, = random_samples([3])
    sample.gt_instance_labels.keypoint_weights[1] = 0
    noised, _ = noised_people(head, [sample])
    assert noised.valid[0, 0].tolist() == [True, False, True] * 2
    feat = torch.randn(1, 8, 4, 3)
    losses = head.loss((feat, ), [sample])
    sample.gt_instance_labels = sample.gt_instance_labels[[0, 2]]
    others = head.loss((feat, ), [sample])
    for name in ('dn.loss_keypoints', 'dn.d0.loss_visibility'):
        torch.testing.assert_close(losses[name], others[name])


def test_noised_people_know_whose_they_are():
    """Without noise the pose is that of the person, decoded."""
    head = fast_head(denoising=NO_NOISE)
    samples = random_samples([2, 0, 3])
    noised, targets = noised_people(head, samples)
    fields = pose_fields(torch.zeros(1), noised.pose)
    _, image, query, person = (0, *(x[0] for x in noised.pairs))
    assert len(person) == 2 * 5
    has_joint = targets['keypoint_weights'].sum(-1)[person] > 0
    assert torch.equal(noised.valid[0, image, query], has_joint)
    assert noised.valid.sum() == has_joint.sum()
    for name in ('centers', 'offsets'):
        torch.testing.assert_close(
            fields[name][image, query][has_joint],
            targets[name][person][has_joint],
            atol=2e-3,  # of the edge of the image, where logits end
            rtol=0)
    assert image.tolist() == [0, 0, 2, 2, 2] * 2


def test_denoising_is_for_proposals():
    with pytest.raises(ValueError, match='without propose=True'):
        tiny_head(denoising=NOISE)
