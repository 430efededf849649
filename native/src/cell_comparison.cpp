#include "saccade/cell_comparison.h"

#include <algorithm>
#include <cmath>
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

// The changes of a picture's cells: their mean, and the largest mean of one part of 4 x 4 of them.
class Liveliness {
  public:
    explicit Liveliness(int64_t columns) : parts_(static_cast<size_t>((columns + kPart - 1) / kPart)) {}

    // A row of cells of an image, from the top.
    void add_row(const float *squares, int64_t columns) {
        for (int64_t column = 0; column < columns; ++column) {
            const double root = std::sqrt(squares[column]);
            parts_[static_cast<size_t>(column / kPart)] += root;
            sum_ += root;
        }
        cells_ += columns;
        if (++rows_ == kPart) {
            end_parts(columns);
        }
    }

    void end_image(int64_t columns) {
        if (rows_ > 0) {
            end_parts(columns);
        }
    }

    std::pair<double, double> mean_and_largest() const { return {sum_ / static_cast<double>(cells_), largest_}; }

  private:
    static constexpr int64_t kPart = 4;

    void end_parts(int64_t columns) {
        for (size_t part = 0; part < parts_.size(); ++part) {
            const int64_t width = std::min(kPart, columns - static_cast<int64_t>(part) * kPart);
            const double mean = parts_[part] / static_cast<double>(rows_ * width);
            largest_ = mean > largest_ || std::isnan(mean) ? mean : largest_;
            parts_[part] = 0;
        }
        rows_ = 0;
    }

    std::vector<double> parts_;
    double sum_ = 0, largest_ = 0;
    int64_t cells_ = 0, rows_ = 0;
};

} // namespace

template <typename Element>
std::pair<double, double> compare_cells(const KernelTable &kernels, const Element *frame, const Element *reference,
                                        int64_t images, int64_t channels, int64_t height, int64_t width, float *cells) {
    const int64_t columns = (width + kCellSide - 1) / kCellSide;
    float *squares = cells, *steps = cells + images * ((height + kCellSide - 1) / kCellSide) * columns;
    std::vector<float> differences(static_cast<size_t>(columns)), difference_squares(static_cast<size_t>(columns));
    std::vector<float> places(static_cast<size_t>(columns)); // of each cell in this row of cells
    Liveliness liveliness(columns);
    for (int64_t image = 0; image < images; ++image) {
        for (int64_t y = 0; y < height; y += kCellSide, squares += columns, steps += columns) {
            const auto rows = static_cast<int32_t>(std::min<int64_t>(kCellSide, height - y));
            const int32_t looked_at = (rows + kCellRowStep - 1) / kCellRowStep;
            std::fill(places.begin(), places.end(), static_cast<float>(looked_at * kCellSide));
            places.back() = static_cast<float>(looked_at * (width - (columns - 1) * kCellSide));
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
            liveliness.add_row(squares, columns);
        }
        liveliness.end_image(columns);
    }
    return liveliness.mean_and_largest();
}

template std::pair<double, double> compare_cells<float>(const KernelTable &, const float *, const float *, int64_t,
                                                        int64_t, int64_t, int64_t, float *);
template std::pair<double, double> compare_cells<uint8_t>(const KernelTable &, const uint8_t *, const uint8_t *,
                                                          int64_t, int64_t, int64_t, int64_t, float *);

} // namespace saccade
