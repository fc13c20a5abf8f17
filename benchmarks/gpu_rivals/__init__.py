"""The same recurrence in numbarnn and in PyTorch with cuDNN on one GPU, timed alternately."""
