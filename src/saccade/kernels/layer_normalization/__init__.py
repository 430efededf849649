"""The layer normalization operator: its definition in torch and its kernels."""
