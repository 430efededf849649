"""The convolution operator: its definition in torch and its kernels."""
