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
        self.score_thr = json.loads(meta.get('score_thr', '0.5'))
        inputs = [value.name for value in self.session.get_inputs()]
        self.padded = 'padding_mask' in inputs

    def size(self, width, height):
        """Return the width and height of an image for the network."""
        short, long = sorted((width, height))
        edge, longest = self.short or short, self.longest or np.inf
        if edge * long > longest * short:
            edge = max(1, round(longest * short / long))
        long = int(min(edge * long / short, longest))
        return (edge, long) if width < height else (long, edge)

    def prepare(self, image):
        """Return the inputs of the network for an image (h, w, 3), BGR."""
        width, height = self.size(*image.shape[1::-1])
        if not self.padded:  # there is no mask: stretch the image
            unit = self.step
            width = max(1, round(width / unit)) * unit
            height = max(1, round(height / unit)) * unit
        image = cv2.resize(image, (width, height))
        right, below = -width % self.step, -height % self.step
        image = np.pad(image, ((0, below), (0, right), (0, 0)))
        inputs = {'images': image[None, ..., ::-1]}  # RGB
        if self.padded:
            mask = np.ones(inputs['images'].shape[:3], bool)
            mask[:, :height, :width] = False
            inputs['padding_mask'] = mask
        return inputs

    def __call__(self, image, score_thr=None):
        """Return the people of an image (h, w, 3), BGR.

        Args:
            image (np.ndarray): The image.
            score_thr (float, optional): Lowest score. Defaults to that of the
                file, 0.5 without one.

        Returns:
            tuple: Scores (N, ), keypoints (N, K, 2) in pixels of the image,
            visibility (N, K), of the N people whose score is above the
            threshold.
        """
        outputs = self.session.run(None, self.prepare(image))
        scores, keypoints, visibility, _ = (output[0] for output in outputs)
        found = scores > (self.score_thr if score_thr is None else score_thr)
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
