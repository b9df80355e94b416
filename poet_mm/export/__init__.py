"""Export to ONNX and TorchScript, and compare the result with the model."""
