"""Change-driven convolution: every table and figure of the paper, as published and as it should have been.

Paper: Borji 2024, "Addressing a fundamental limitation in deep vision models: lack of spatial attention",
arXiv 2407.01782.
Command: saccade reproduce spatial-attention --data DIR --out DIR
Expected: CNN3 takes about .1 of CNN2's time in experiment I and .22 in experiment II; CNN1 loses much of its accuracy
on the published sequence of experiment II and less of it on the corrected one; with the published rule the prediction
no longer depends on the image from a threshold of 4 on.
"""
