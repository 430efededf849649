// What convolutions of every kind derive from their shape: inputs, change maps, the taps' places in memory.
#pragma once

#include <vector>

#include "saccade/operators.h"

namespace saccade {

std::vector<int> with_residual(int input, int residual);

// Places whose window reaches a changed place of the input, or whose residual changed.
void propagate_windows(Session &session, const Operator &op, const ConvolutionShape &shape);

// Floats from a place's base pointer to each tap.
std::vector<int64_t> tap_offsets(const View &input, const ConvolutionShape &shape);

// A tensor's strides and extents, which all sessions of a program share; without memory.
View layout_of(const Program &program, int tensor);

} // namespace saccade
