"""The transposed convolution operator: its definition in torch and its kernels."""
