"""The channel affine operator: its definition in torch and its kernels."""
