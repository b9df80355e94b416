"""Export to ONNX and TorchScript, proven equal to the model."""
