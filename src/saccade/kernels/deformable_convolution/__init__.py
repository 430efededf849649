"""The deformable convolution operator: its definition in torch and its kernels."""
