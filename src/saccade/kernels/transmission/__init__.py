"""The transmission operator: its definition in torch and its kernels."""
