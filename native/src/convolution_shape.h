// What convolutions of every kind derive from their shape: inputs, change maps, the taps' places in memory.
#pragma once

#include <vector>

#include "saccade/operators.h"

namespace saccade {

std::vector<int> with_residual(int input, int residual);

// Places whose window reaches a changed place of the input, or whose residual changed.
void propagate_windows(Session &session, const Operator &op, const ConvolutionShape &shape);

} // namespace saccade
