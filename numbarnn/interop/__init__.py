"""Adapters to other libraries, and exchange of fitted networks with them.

Nothing here is imported with numbarnn. `numbarnn.interop.sktime` needs sktime, `numbarnn.interop.aeon` needs aeon, and
`numbarnn.interop.onnx` needs onnx; `numbarnn.interop.safetensors` and `numbarnn.interop.torch` need no other library.
"""
