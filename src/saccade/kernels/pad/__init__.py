"""The pad operator: its definition in torch and its kernels."""
