"""Find people with a POET in ONNX, with onnxruntime, NumPy and OpenCV only.

python examples/onnx_numpy.py poet.onnx IMAGE...
"""

import json
import sys

import cv2
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(
    sys.argv[1], providers=['CPUExecutionProvider']
)
meta = session.get_modelmeta().custom_metadata_map
names = json.loads(meta['keypoint_names'])
short, longest = json.loads(meta['short_edge']), json.loads(meta['max_size'])
step = json.loads(meta['size_divisor'])  # of width and height
padded = 'padding_mask' in [value.name for value in session.get_inputs()]

for path in sys.argv[2:]:
    image = cv2.imread(path)
    if image is None:
        sys.exit(f'{path} is missing or not an image')
    size = np.array(image.shape[1::-1])  # width, height
    scale = min(
        short / size.min() if short else 1, (longest or np.inf) / size.max()
    )
    unit = 1 if padded else step  # stretch the image if there is no mask
    width, height = (
        np.maximum(1, np.round(size * scale / unit)).astype(int) * unit
    )
    image = cv2.resize(image, (width, height))
    right, below = -width % step, -height % step
    image = np.pad(image, ((0, below), (0, right), (0, 0)))
    inputs = {'images': image[None, ..., ::-1]}  # RGB
    if padded:
        inputs['padding_mask'] = np.ones(inputs['images'].shape[:3], bool)
        inputs['padding_mask'][:, :height, :width] = False
    people = [output[0] for output in session.run(None, inputs)]
    for score, points, visibility, _ in zip(*people):
        if score > 0.5:
            print(f'{path}: a person, {score:.2f}')
            for name, (x, y), v in zip(names, points * size, visibility):
                print(f'  {name:15} {x:7.1f} {y:7.1f}  {v:.2f}')
