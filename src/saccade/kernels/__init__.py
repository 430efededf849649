"""One folder an operator: its definition in torch (reference.py) and its kernels."""
