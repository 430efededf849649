"""How large a network is: parameters and multiply-accumulates, as the DAS paper counts them and in truth.

A multiply-accumulate (MAC) is what the paper calls a FLOP. Two conventions:

- ``paper``: what the counter thop (0.1.1) gives, with which the paper's numbers were made. It adds up a formula a
  module, and knows nothing of modules without one nor of functions called in between: of DAS it leaves out the
  deformable kernel, parameters and MACs alike.
- ``true``: every parameter, and the MACs of every convolution, matrix product and deformable convolution that runs,
  wherever it is written, with the same formulas for norms and pooling.

Neither counts activations, products of single elements, or the interpolation that a deformable convolution does
before it multiplies (four MACs a channel, tap and place).
"""

from saccade.models.sizes.measure import CONVENTIONS, Size, measure, parameters_of

__all__ = ["CONVENTIONS", "Size", "measure", "parameters_of"]
