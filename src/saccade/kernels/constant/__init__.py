"""The constant operator: its definition in torch and its kernels."""
