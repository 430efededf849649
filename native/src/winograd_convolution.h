// A 3 x 3 convolution of stride 1 by Winograd's F(2 x 2, 3 x 3).
#pragma once

#include "packed_convolution.h"

namespace saccade {

// Whether such a convolution is computed this way: decided by its shape alone, so that every place always is.
bool winograd_fits(const Program &program, int input, int output, const ConvolutionShape &shape);

std::unique_ptr<Operator> make_winograd(const Program &program, std::string name, int input, int output, int residual,
                                        const float *weight, const float *bias, const ConvolutionShape &shape,
                                        Activation activation);

} // namespace saccade
