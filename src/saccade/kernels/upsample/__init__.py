"""The upsample operator: its definition in torch and its kernels."""
