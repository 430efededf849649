"""The group moments operator: its definition in torch and its kernels."""
