"""The softmax operator: its definition in torch and its kernels."""
