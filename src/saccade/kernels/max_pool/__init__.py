"""The max pool operator: its definition in torch and its kernels."""
