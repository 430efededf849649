"""The binary operator: its definition in torch and its kernels."""
