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
    explicit Liveliness(int64_t columns)
        : roots_(static_cast<size_t>(columns)), parts_(static_cast<size_t>((columns + kPart - 1) / kPart)) {}

    // A row of cells of an image, from the top.
    void add_row(const float *squares) {
        for (size_t column = 0; column < roots_.size(); ++column) {
            roots_[column] = std::sqrt(squares[column]);
        }
        for (size_t part = 0; part < parts_.size(); ++part) {
            const size_t end = std::min((part + 1) * kPart, roots_.size());
            double sum = 0;
            for (size_t column = part * kPart; column < end; ++column) {
                sum += roots_[column];
            }
            parts_[part] += sum;
            sum_ += sum;
        }
        cells_ += roots_.size();
        if (++rows_ == kPart) {
            end_parts();
        }
    }

    void end_image() {
        if (rows_ > 0) {
            end_parts();
        }
    }

    double mean() const { return sum_ / static_cast<double>(cells_); }
    double largest() const { return largest_; }

  private:
    static constexpr size_t kPart = 4;

    void end_parts() {
        for (size_t part = 0; part < parts_.size(); ++part) {
            const size_t width = std::min(kPart, roots_.size() - part * kPart);
            const double mean = parts_[part] / static_cast<double>(rows_ * width);
            largest_ = mean > largest_ || std::isnan(mean) ? mean : largest_;
            parts_[part] = 0;
        }
        rows_ = 0;
    }

    std::vector<float> roots_;  // of the cells of one row
    std::vector<double> parts_; // sums of them
    double sum_ = 0, largest_ = 0;
    size_t cells_ = 0, rows_ = 0;
};

} // namespace

double CellChange::stepped(double step) const {
    const auto threshold = static_cast<float>(step * step);
    const auto above = std::count_if(steps.begin(), steps.end(), [=](float square) { return square > threshold; });
    return static_cast<double>(above) / static_cast<double>(steps.size());
}

template <typename Element>
CellChange compare_cells(const KernelTable &kernels, const Element *frame, const Element *reference, int64_t images,
                         int64_t channels, int64_t height, int64_t width) {
    const int64_t columns = cells_along(width);
    CellChange change{images, cells_along(height), columns};
    change.squares.resize(static_cast<size_t>(images * change.rows * columns));
    change.steps.resize(change.squares.size());
    float *squares = change.squares.data(), *steps = change.steps.data();
    std::vector<float> differences(static_cast<size_t>(columns)), difference_squares(static_cast<size_t>(columns));
    Liveliness liveliness(columns);
    for (int64_t image = 0; image < images; ++image) {
        for (int64_t y = 0; y < height; y += kCellSide, squares += columns, steps += columns) {
            const auto rows = static_cast<int32_t>(std::min<int64_t>(kCellSide, height - y));
            for (int64_t channel = 0; channel < channels; ++channel) {
                const int64_t base = ((image * channels + channel) * height + y) * width;
                sum_cells(kernels, frame + base, reference + base, width, rows, differences.data(),
                          difference_squares.data());
                for (int64_t column = 0; column < columns; ++column) {
                    const auto index = static_cast<size_t>(column);
                    squares[column] += difference_squares[index];
                    steps[column] += differences[index] * differences[index];
                }
            }
            const int32_t looked_at = (rows + kCellRowStep - 1) / kCellRowStep;
            const auto scale = [&](int64_t column, int64_t cell_width) {
                const auto places = static_cast<float>(looked_at * cell_width);
                const float share = 1.0f / (places * static_cast<float>(channels));
                squares[column] *= share;
                steps[column] *= share / places;
            };
            for (int64_t column = 0; column + 1 < columns; ++column) {
                scale(column, kCellSide);
            }
            scale(columns - 1, width - (columns - 1) * kCellSide);
            liveliness.add_row(squares);
        }
        liveliness.end_image();
    }
    change.mean = liveliness.mean();
    change.largest = liveliness.largest();
    return change;
}

template CellChange compare_cells<float>(const KernelTable &, const float *, const float *, int64_t, int64_t, int64_t,
                                         int64_t);
template CellChange compare_cells<uint8_t>(const KernelTable &, const uint8_t *, const uint8_t *, int64_t, int64_t,
                                           int64_t, int64_t);

} // namespace saccade
