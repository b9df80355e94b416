"""Keep some keypoints of an annotation file in COCO's format.

python examples/keep_keypoints.py ALL.json FEW.json nose left_wrist ...
"""

import json
import sys

source, target, *names = sys.argv[1:]
with open(source, encoding='utf-8') as file:
    content = json.load(file)
(category,) = content['categories']
unknown = sorted(set(names) - set(category['keypoints']))
if unknown or not names:
    sys.exit(
        f'{source} has no keypoints {unknown}, only {category["keypoints"]}.'
    )
kept = [category['keypoints'].index(name) for name in names]
category['keypoints'] = names
category['skeleton'] = []
for person in content['annotations']:
    values = [person['keypoints'][3 * k : 3 * k + 3] for k in kept]
    person['keypoints'] = [number for point in values for number in point]
    person['num_keypoints'] = sum(v > 0 for _, _, v in values)
with open(target, 'w', encoding='utf-8') as file:
    json.dump(content, file)
