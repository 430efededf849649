"""The channel gather operator: its definition in torch and its kernels."""
