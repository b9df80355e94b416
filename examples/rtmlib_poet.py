"""Call a POET in ONNX like a model of rtmlib, for Pose2Sim and Sports2D.

    keypoints, scores = POET('poet.onnx')(image)

With rtmlib's tracker:

    tracker = rtmlib.PoseTracker(functools.partial(POET, 'poet.onnx'))
    keypoints, scores = tracker(image)

Where a program takes the name of a class of rtmlib, as the `mode` of Pose2Sim
and Sports2D does, add the class to rtmlib first:

    rtmlib.POET = POET
    rtmlib.Custom(pose_class='POET', pose='poet.onnx')
"""

from onnx_numpy import OnnxPOET

PROVIDERS = dict(cpu='CPUExecutionProvider', cuda='CUDAExecutionProvider')


class POET(OnnxPOET):
    """Find people of an image; it is rtmlib's `RTMO` in form.

    Args:
        onnx_model (str): File of tools/export_onnx.py.
        model_input_size (object): Not used; the file knows its size.
        score_thr (float): Leave out people with a score, in [0, 1], up to
            this value. Defaults to that of the file, 0.5 without one.
        mode (object): Not used; rtmlib's tracker gives it.
        to_openpose (bool): Only False; the keypoints are those of the file.
        backend (str): Only 'onnxruntime'.
        device (str): 'cpu' or 'cuda'.
    """

    def __init__(
        self,
        onnx_model,
        model_input_size=None,
        score_thr=None,
        mode=None,
        to_openpose=False,
        backend='onnxruntime',
        device='cpu',
    ):
        if to_openpose or backend != 'onnxruntime' or device not in PROVIDERS:
            raise ValueError(
                f'to_openpose={to_openpose}, backend={backend!r}, '
                f'device={device!r}; POET takes to_openpose=False, '
                f"backend='onnxruntime' and a device of {list(PROVIDERS)}"
            )
        super().__init__(onnx_model, [PROVIDERS[device]])
        if score_thr is not None:
            self.score_thr = score_thr
        self.pose_model = self  # the attribute that rtmlib's tracker calls

    def __call__(self, image):
        """Return the people of an image (h, w, 3), BGR.

        Returns:
            tuple: Keypoints (N, K, 2), float32, in pixels of the image, and
            their scores (N, K): the score of the person times the visibility.
            Without people N is 0.
        """
        scores, keypoints, visibility = super().__call__(image)
        return keypoints, scores[:, None] * visibility
