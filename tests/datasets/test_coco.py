"""BottomupCocoDataset: all people and every v arrive, damage is named."""

import json

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.evaluation.metrics import CocoMetric

from poet_mm.datasets.coco import BottomupCocoDataset
from poet_mm.errors import DataFault

K = 17
FIELDS = {
    'keypoints': (K, 2),
    'keypoints_visible': (K,),
    'bbox': (4,),
    'bbox_score': (),
    'area': (),
    'iscrowd': (),
    'num_keypoints': (),
    'id': (),
    'segmentation': (),
    'raw_ann_info': (),
}


def make_person(ann_id, image_id, v=2, **changes):
    """An annotation whose numbers follow from its id; v for every keypoint."""
    x = 10.0 * ann_id
    keypoints = []
    for k in range(K):
        keypoints += [x + k, x + 2 * k, v] if v else [0, 0, 0]
    person = {
        'id': ann_id,
        'image_id': image_id,
        'category_id': 1,
        'bbox': [x, x, 20, 40],
        'area': 100.0 + ann_id,
        'iscrowd': 0,
        'num_keypoints': K if v else 0,
        'keypoints': keypoints,
        'segmentation': [[x, x, x + 20, x, x + 20, x + 40]],
    }
    return {**person, **changes}


@pytest.fixture
def make_dataset(tmp_path):
    """Build a dataset on images 1, 2, ... and the annotations given."""
    init_default_scope('mmpose')

    def make(annotations, num_images=1, **kwargs):
        content = {
            'images': [
                {'id': n, 'file_name': f'{n}.jpg', 'width': 320, 'height': 240}
                for n in range(1, num_images + 1)
            ],
            'annotations': annotations,
            'categories': [{'id': 1, 'name': 'person'}],
        }
        (tmp_path / 'ann.json').write_text(json.dumps(content))
        return BottomupCocoDataset(
            ann_file='ann.json',
            data_root=str(tmp_path),
            serialize_data=False,
            **kwargs,
        )

    return make


def test_raw_visibility_and_crowds_survive(make_dataset):
    rle = {'counts': [0, 76800], 'size': [240, 320]}
    people = [
        make_person(1, 1, v=1),
        make_person(2, 1, v=2),
        make_person(3, 1, v=0),
        make_person(4, 1, v=0, iscrowd=1, segmentation=rle),
    ]
    sample = make_dataset(people).get_data_info(0)

    for key, shape in FIELDS.items():
        assert len(sample[key]) == 4, key
        if isinstance(sample[key], np.ndarray):
            assert sample[key].shape == (4, *shape), key
    assert sample['keypoints_visible'][:, 0].tolist() == [1, 2, 0, 0]
    assert sample['keypoints_visible'].dtype == np.float32
    assert sample['iscrowd'].tolist() == [0, 0, 0, 1]
    assert sample['num_keypoints'].tolist() == [K, K, 0, 0]
    assert sample['id'] == [1, 2, 3, 4]
    assert sample['area'].tolist() == [101, 102, 103, 104]
    assert sample['segmentation'][3] == rle
    assert sample['invalid_segs'] == [people[2]['segmentation'], rle]
    assert (sample['keypoints'][2:] == 0).all()


@pytest.mark.parametrize(
    ('test_mode', 'images', 'kept'),
    [
        (False, None, [1, 3]),
        (False, 'all', [1, 2, 3]),
        (True, None, [1, 2, 3]),
        (True, 'with_people', [1, 3]),
    ],
)
def test_images_without_people(make_dataset, log, test_mode, images, kept):
    """Those that training leaves out are counted in the log."""
    people = [make_person(1, 1), make_person(2, 3, v=0, iscrowd=1)]
    dataset = make_dataset(
        people, num_images=3, test_mode=test_mode, images=images
    )
    assert [sample['img_id'] for sample in dataset] == kept
    assert ('1 of 3 images' in ''.join(log)) == (
        kept == [1, 3] and not test_mode
    )


def test_images_without_people_have_the_same_fields(make_dataset):
    dataset = make_dataset([make_person(1, 1)], num_images=2, images='all')
    one, empty = dataset.get_data_info(0), dataset.get_data_info(1)
    assert empty.keys() == one.keys()
    for key, shape in FIELDS.items():
        assert len(empty[key]) == 0, key
        if isinstance(one[key], np.ndarray):
            assert empty[key].shape == (0, *shape), key
            assert empty[key].dtype == one[key].dtype, key
    assert empty['id'] == empty['raw_ann_info'] == []


@pytest.mark.parametrize(
    ('keypoints', 'message'),
    [
        (
            [1, 1, 2] * 5,
            r'Annotation 7 of image 1 .* 5 keypoints \(15 numbers',
        ),
        ([1.0] * 50, 'Annotation 7 .*50 numbers'),
        ([1] * 48 + [1, 1, 3], r'Annotation 7 .* keypoint 16 .*\[1, 1, 3\]'),
    ],
)
def test_damage_is_named(make_dataset, keypoints, message):
    with pytest.raises(ValueError, match=message):
        make_dataset([make_person(7, 1, keypoints=keypoints)])


def test_wrong_arguments_are_named(make_dataset, tmp_path):
    with pytest.raises(ValueError, match=r"images is 'some', .*'with_people'"):
        make_dataset([make_person(1, 1)], images='some')
    with pytest.raises(ValueError, match="data_mode is 'topdown'"):
        make_dataset([make_person(1, 1)], data_mode='topdown')
    with pytest.raises(ValueError, match='1 images, none of them'):
        make_dataset([])
    with pytest.raises(DataFault, match=r'no\.json.*--data-root'):
        BottomupCocoDataset(ann_file='no.json', data_root=str(tmp_path))


def pack(dataset, index):
    """The sample as test pipeline and model would hand it to the metric."""
    info = dataset.get_data_info(index)
    info.update(img=np.zeros((240, 320, 3), np.uint8), ori_shape=(240, 320))
    sample = PackPoseInputs()(info)['data_samples']
    keypoints, score = info['keypoints'], 0.9
    if not info['id']:  # a false positive
        keypoints, score = np.zeros((1, K, 2)), 0.1
    sample.pred_instances = InstanceData(
        keypoints=keypoints,
        keypoint_scores=np.ones(keypoints.shape[:2]),
        bbox_scores=np.full(len(keypoints), score),
    )
    return sample.to_dict()


@pytest.mark.parametrize('from_file', [True, False])
def test_perfect_predictions_score_one(make_dataset, tmp_path, from_file):
    big = {'bbox': [10, 10, 100, 100], 'area': 9000.0}
    people = [make_person(n, n, **big) for n in (2, 4)]
    people.append(make_person(5, 4, **big))
    dataset = make_dataset(people, num_images=4, test_mode=True)
    metric = CocoMetric(
        ann_file=str(tmp_path / 'ann.json') if from_file else None,
        score_mode='bbox',
        nms_mode='none',
    )
    metric.dataset_meta = dataset.metainfo
    metric.process([], [pack(dataset, n) for n in range(4)])
    assert metric.evaluate(4)['coco/AP'] == pytest.approx(1)
