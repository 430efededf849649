"""The channel maximum operator: its definition in torch and its kernels."""
