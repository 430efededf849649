// How two frames differ, cell by cell of 8 x 8 places: a codec's blocks. Every fourth row is looked at, which tells
// nearly as much as all of them and is a quarter of the memory.
#pragma once

#include <cstdint>
#include <vector>

#include "saccade/types.h"

namespace saccade {

inline int64_t cells_along(int64_t pixels) { return (pixels + kCellSide - 1) / kCellSide; }

struct CellChange {
    int64_t images, rows, columns;
    double mean = 0;            // over the cells, of the root of the mean squared difference
    double largest = 0;         // the same over one part of 4 x 4 cells, where it is largest
    std::vector<float> squares; // the mean squared difference of each cell, a mean over the channels
    std::vector<float> steps;   // the squared mean difference of each cell, likewise

    // The share of the cells whose means differ by more than `step`.
    double stepped(double step) const;
};

// Frames of (images, channels, height, width), contiguous. The last row and column of cells are cut off at the frame's
// edge.
template <typename Element>
CellChange compare_cells(const KernelTable &kernels, const Element *frame, const Element *reference, int64_t images,
                         int64_t channels, int64_t height, int64_t width);

} // namespace saccade
