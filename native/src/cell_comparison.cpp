#include "saccade/cell_comparison.h"

#include <algorithm>
#include <vector>

namespace saccade {

namespace {

void sum_cells(const KernelTable &kernels, const float *frame, const float *reference, int64_t width, int32_t rows,
               float *differences, float *squares) {
    kernels.cell_sums_of_floats(frame, reference, width, rows, differences, squares);
}

void sum_cells(const KernelTable &kernels, const uint8_t *frame, const uint8_t *reference, int64_t width, int32_t rows,
               float *differences, float *squares) {
    kernels.cell_sums_of_bytes(frame, reference, width, rows, differences, squares);
}

} // namespace

template <typename Element>
void compare_cells(const KernelTable &kernels, const Element *frame, const Element *reference, int64_t images,
                   int64_t channels, int64_t height, int64_t width, float *squares, float *steps) {
    const int64_t columns = (width + kCellSide - 1) / kCellSide;
    std::vector<float> differences(static_cast<size_t>(columns)), difference_squares(static_cast<size_t>(columns));
    std::vector<float> places(static_cast<size_t>(columns)); // of each cell in this row of cells
    for (int64_t image = 0; image < images; ++image) {
        for (int64_t y = 0; y < height; y += kCellSide, squares += columns, steps += columns) {
            const auto rows = static_cast<int32_t>(std::min<int64_t>(kCellSide, height - y));
            std::fill(places.begin(), places.end(), static_cast<float>(rows * kCellSide));
            places.back() = static_cast<float>(rows * (width - (columns - 1) * kCellSide));
            std::fill_n(squares, columns, 0.0f);
            std::fill_n(steps, columns, 0.0f);
            for (int64_t channel = 0; channel < channels; ++channel) {
                const int64_t base = ((image * channels + channel) * height + y) * width;
                sum_cells(kernels, frame + base, reference + base, width, rows, differences.data(),
                          difference_squares.data());
                for (int64_t column = 0; column < columns; ++column) {
                    const auto index = static_cast<size_t>(column);
                    const float step = differences[index] / places[index];
                    squares[column] += difference_squares[index] / places[index];
                    steps[column] += step * step;
                }
            }
            for (int64_t column = 0; column < columns; ++column) {
                squares[column] /= static_cast<float>(channels);
                steps[column] /= static_cast<float>(channels);
            }
        }
    }
}

template void compare_cells<float>(const KernelTable &, const float *, const float *, int64_t, int64_t, int64_t,
                                   int64_t, float *, float *);
template void compare_cells<uint8_t>(const KernelTable &, const uint8_t *, const uint8_t *, int64_t, int64_t, int64_t,
                                     int64_t, float *, float *);

} // namespace saccade
