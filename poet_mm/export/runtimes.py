"""Run an exported POET with onnxruntime or OpenVINO, on the CPU."""

from typing import TYPE_CHECKING, List

import numpy as np

from ..utils.packages import import_optional
from .parity import Run

if TYPE_CHECKING:
    from onnx import ModelProto

INPUTS = ('images', 'padding_mask')
OUTPUTS = ('scores', 'keypoints', 'visibility', 'centers')


def run_in_onnxruntime(graph: 'ModelProto') -> Run:
    """Return a function that runs a graph in onnxruntime."""
    onnxruntime = import_optional('onnxruntime')
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=['CPUExecutionProvider']
    )
    names = [value.name for value in session.get_inputs()]

    def run(*arrays: np.ndarray) -> List[np.ndarray]:
        return session.run(list(OUTPUTS), dict(zip(names, arrays)))

    return run


def run_in_openvino(graph: 'ModelProto') -> Run:
    """Return a function that runs a graph in OpenVINO, by its own reader.

    It computes in fp32: OpenVINO's default on a CPU with bfloat16 is that,
    which moves the poses.
    """
    openvino = import_optional('openvino')
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(graph.SerializeToString()),
        'CPU',
        dict(INFERENCE_PRECISION_HINT='f32'),
    )
    names = [value.any_name for value in compiled.inputs]

    def run(*arrays: np.ndarray) -> List[np.ndarray]:
        found = compiled(dict(zip(names, arrays)))
        return [found[name] for name in OUTPUTS]

    return run
