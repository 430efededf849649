// What convolutions of every kind derive from their shape: inputs, change maps, the taps' places in memory.
#pragma once

#include <vector>

#include "saccade/operators.h"

namespace saccade {

std::vector<int> with_residual(int input, int residual);

// Whether a place reads the place where it lies, and no other.
bool is_pointwise(const ConvolutionShape &shape);
// Places whose window reaches a changed place of `input`.
void set_windows(ChangeMap &map, const ChangeMap &input, const ConvolutionShape &shape);
// Adds the places whose residual, the operator's second input, changed.
void join_residual(Session &session, const Operator &op);
// Both, from the operator's inputs.
void propagate_windows(Session &session, const Operator &op, const ConvolutionShape &shape);

} // namespace saccade
