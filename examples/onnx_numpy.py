"""Find people with a POET in ONNX, with onnxruntime, NumPy and OpenCV only.

python examples/onnx_numpy.py poet.onnx IMAGE...
"""

import json
import sys

import cv2
import numpy as np
import onnxruntime


class OnnxPOET:
    """Run an ONNX file of tools/export_onnx.py.

    Args:
        path (str): The file.
        providers (sequence[str]): Of onnxruntime. Defaults to the CPU.
    """

    def __init__(self, path, providers=('CPUExecutionProvider',)):
        self.session = onnxruntime.InferenceSession(
            path, providers=list(providers)
        )
        meta = self.session.get_modelmeta().custom_metadata_map
        self.names = json.loads(meta['keypoint_names'])
        self.short = json.loads(meta['short_edge'])
        self.longest = json.loads(meta['max_size'])
        self.step = json.loads(meta['size_divisor'])  # of width and height
        inputs = [value.name for value in self.session.get_inputs()]
        self.padded = 'padding_mask' in inputs

    def prepare(self, image):
        """Return the inputs of the network for an image (h, w, 3), BGR."""
        size = np.array(image.shape[1::-1])  # width, height
        scale = min(
            self.short / size.min() if self.short else 1,
            (self.longest or np.inf) / size.max(),
        )
        # Stretch the image if there is no mask.
        unit = 1 if self.padded else self.step
        width, height = (
            np.maximum(1, np.round(size * scale / unit)).astype(int) * unit
        )
        image = cv2.resize(image, (width, height))
        right, below = -width % self.step, -height % self.step
        image = np.pad(image, ((0, below), (0, right), (0, 0)))
        inputs = {'images': image[None, ..., ::-1]}  # RGB
        if self.padded:
            mask = np.ones(inputs['images'].shape[:3], bool)
            mask[:, :height, :width] = False
            inputs['padding_mask'] = mask
        return inputs

    def __call__(self, image, score_thr=0.5):
        """Return the people of an image (h, w, 3), BGR.

        Returns:
            tuple: Scores (N, ), keypoints (N, K, 2) in pixels of the image,
            visibility (N, K), of the N people whose score is above the
            threshold.
        """
        outputs = self.session.run(None, self.prepare(image))
        scores, keypoints, visibility, _ = (output[0] for output in outputs)
        found = scores > score_thr
        keypoints = keypoints[found] * np.float32(image.shape[1::-1])
        return scores[found], keypoints, visibility[found]


def main(model, *paths):
    """Print the people of each image."""
    model = OnnxPOET(model)
    for path in paths:
        image = cv2.imread(path)
        if image is None:
            sys.exit(f'{path} is missing or not an image')
        for score, points, visibility in zip(*model(image)):
            print(f'{path}: a person, {score:.2f}')
            for name, (x, y), v in zip(model.names, points, visibility):
                print(f'  {name:15} {x:7.1f} {y:7.1f}  {v:.2f}')


if __name__ == '__main__':
    main(*sys.argv[1:])
