"""The adaptive average pool operator: its definition in torch and its kernels."""
