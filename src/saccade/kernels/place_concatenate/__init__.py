"""The place concatenate operator: its definition in torch and its kernels."""
