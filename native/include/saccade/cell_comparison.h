// How two frames differ, cell by cell of 8 x 8 places: a codec's blocks.
#pragma once

#include <cstdint>

#include "saccade/types.h"

namespace saccade {

// Frames of (images, channels, height, width), contiguous. Each result has one float a cell, (images, rows, columns)
// with the last row and column cut off at the frame's edge, and is a mean over the channels: `squares` of the mean
// squared difference, `steps` of the squared mean difference.
template <typename Element>
void compare_cells(const KernelTable &kernels, const Element *frame, const Element *reference, int64_t images,
                   int64_t channels, int64_t height, int64_t width, float *squares, float *steps);

} // namespace saccade
