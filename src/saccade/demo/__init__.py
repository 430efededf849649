"""A rendered street, a small detector trained on it, and the two of them side by side."""
