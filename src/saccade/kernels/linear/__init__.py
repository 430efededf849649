"""The linear operator: its definition in torch and its kernels."""
