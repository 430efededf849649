"""The activation operator: its definition in torch and its kernels."""
