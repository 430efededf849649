// How two frames differ, cell by cell of 8 x 8 places: a codec's blocks. Every fourth row is looked at, which tells
// nearly as much as all of them and is a quarter of the memory.
#pragma once

#include <cstdint>
#include <utility>

#include "saccade/types.h"

namespace saccade {

// Frames of (images, channels, height, width), contiguous. `cells` is (2, images, rows, columns), the last row and
// column cut off at the frame's edge: of each cell the mean squared difference, then of each the squared mean
// difference, both means over the channels. Returns the mean over the cells of the root of the first, and the largest
// mean of one part of 4 x 4 cells.
template <typename Element>
std::pair<double, double> compare_cells(const KernelTable &kernels, const Element *frame, const Element *reference,
                                        int64_t images, int64_t channels, int64_t height, int64_t width, float *cells);

} // namespace saccade
