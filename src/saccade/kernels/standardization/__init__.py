"""The standardization operator: its definition in torch and its kernels."""
