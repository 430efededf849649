// What a convolution makes of a strip of columns, a few rows at a time, for a layer of windows that goes down the
// strip: each place is computed when a window first needs it, stays in the cache, and is not kept.
#pragma once

#include <array>
#include <atomic>
#include <cstring>

#include "convolution_shape.h"
#include "packed_convolution.h"

namespace saccade {

// A convolution whose output is not kept.
struct Expansion {
    PackedConvolution packed;
    ConvolutionShape shape;
    int height, width, channels; // of the output
    int64_t place_macs;
};

// An expansion of `input` with `channels` channels on `size` rows and columns.
inline Expansion make_expansion(const Program &program, int input, const ConvolutionLayer &layer, int channels,
                                std::array<int, 2> size) {
    const ConvolutionShape &shape = layer.shape;
    const int inputs = program.tensors[static_cast<size_t>(input)].c;
    return {PackedConvolution(*program.kernels, layer.weight, layer.bias, channels, inputs, 1,
                              tap_offsets(layout_of(program, input), shape), layer.activation),
            shape,
            size[0],
            size[1],
            channels,
            int64_t{shape.kernel_height} * shape.kernel_width * inputs * channels};
}

// What a stream knows of an expansion: where it changed, and how many places the last run computed, those that several
// strips or threads need more than once.
class ExpansionMemory final : public OperatorMemory {
  public:
    ExpansionMemory(int images, const Expansion &expansion) : map(images, expansion.height, expansion.width) {}
    ExpansionMemory(const ExpansionMemory &other) : map(other.map), computed(other.computed.load()) {}

    std::unique_ptr<OperatorMemory> clone() const override { return std::make_unique<ExpansionMemory>(*this); }
    size_t bytes() const override { return static_cast<size_t>(map.places()); }
    void forget() override {}

    ChangeMap map;
    std::atomic<int64_t> computed{0};
};

// How a layer of windows goes down an expansion.
struct Strips {
    int outputs;       // of the layer, across a strip
    int columns, rows; // of the expansion in memory; a window has fewer rows

    // For a layer of `width` columns whose window is `window`.
    static Strips of(int width, int channels, const ConvolutionShape &window) {
        constexpr int kRowFloats = 6 * 1024; // of one row of the expansion
        constexpr int kFewestOutputs = 8;
        const int most = std::max(kRowFloats / channels / window.stride_x, kFewestOutputs);
        const int count = (width + most - 1) / most;
        const int outputs = (width + count - 1) / count;
        return {outputs, columns_of(outputs, window),
                (window.kernel_height - 1) * window.dilation_y + 1 + 2 * window.stride_y};
    }

    // The columns that so many windows side by side reach.
    static int columns_of(int outputs, const ConvolutionShape &window) {
        return (outputs - 1) * window.stride_x + (window.kernel_width - 1) * window.dilation_x + 1;
    }

    // Goes down strip after strip of the active places first <= place < last: calls begin(image, first column) for
    // each, then visit(run) for the runs in it.
    template <typename Begin, typename Visit>
    void for_each_run_of(const ChangeMap &map, int64_t first, int64_t last, const Begin &begin,
                         const Visit &visit) const {
        for (int image = 0; image < map.images(); ++image) {
            for (int column = 0; column < map.width(); column += outputs) {
                begin(image, column);
                for_each_run(map, first, last, [&](Run run) {
                    run.first_x = std::max(run.first_x, column);
                    run.last_x = std::min(run.last_x, column + outputs);
                    if (run.image == image && run.first_x < run.last_x) {
                        visit(run);
                    }
                });
            }
        }
    }

    int64_t floats(int channels) const {
        constexpr int64_t kSlack = 64; // a vector may be read past the last place
        return int64_t{columns} * rows * channels + kSlack;
    }
};

class ExpandedStrip {
  public:
    // `memory` holds `strips.floats(channels)`; `scratch` is the kernel's.
    ExpandedStrip(const Expansion &expansion, Session &session, const View &input, const Strips &strips, float *memory,
                  float *scratch)
        : expansion_(expansion), kernels_(session.kernels()), ahead_(session.weights_ahead()), input_(input),
          columns_(strips.columns), rows_(strips.rows), memory_(memory), scratch_(scratch),
          done_(static_cast<size_t>(rows_) * static_cast<size_t>(columns_)), extents_(static_cast<size_t>(rows_)) {}

    // Begins a strip whose first column may lie in the border, left of the image.
    void begin(int image, int first_column) {
        image_ = image;
        column_ = first_column;
        row_ = kNowhere;
    }

    // The window of that place and size, whose rows are `row_stride()` apart; from window to window of a strip, `y`
    // does not fall.
    const float *window(int y, int x, int height, int width) {
        if (y + height > row_ + rows_) {
            move_to(y);
        }
        for (int row = y; row < y + height; ++row) {
            complete(row, x, x + width);
        }
        compute();
        return place(y, x);
    }

    int64_t row_stride() const { return int64_t{columns_} * expansion_.channels; }
    // Row and column of the expansion that come first in memory, from the first window on.
    int row() const { return row_; }
    int column() const { return column_; }
    // The expansion from there on, as far as it goes; only windows that were asked for hold something.
    View view() const {
        return {memory_,
                expansion_.channels,
                row_stride(),
                0,
                1,
                expansion_.height - row_,
                expansion_.width - column_,
                expansion_.channels};
    }
    // Places computed so far.
    int64_t computed() const { return computed_; }

  private:
    static constexpr int kNowhere = -(1 << 30);

    struct Extent {
        int first, last; // columns of the strip between which all that was computed lies
    };

    float *place(int row, int column) const {
        return memory_ + (int64_t{row - row_} * columns_ + column - column_) * expansion_.channels;
    }

    // Drops the rows above y.
    void move_to(int y) {
        const int dropped = std::min(y - row_, rows_);
        for (int row = 0; row < rows_; ++row) {
            Extent &extent = extents_[static_cast<size_t>(row)];
            uint8_t *done = done_.data() + int64_t{row} * columns_;
            std::fill(done + extent.first, done + extent.last, 0);
            if (row + dropped >= rows_) {
                extent = {0, 0};
                continue;
            }
            extent = extents_[static_cast<size_t>(row + dropped)];
            const int64_t from = int64_t{row + dropped} * columns_ + extent.first;
            const auto size = static_cast<size_t>(extent.last - extent.first);
            std::memcpy(done + extent.first, done_.data() + from, size);
            std::memcpy(memory_ + (int64_t{row} * columns_ + extent.first) * expansion_.channels,
                        memory_ + from * expansion_.channels,
                        sizeof(float) * size * static_cast<size_t>(expansion_.channels));
        }
        row_ = y;
    }

    // Adds what is missing of a row's columns [first, last).
    void complete(int row, int first, int last) {
        first -= column_;
        last -= column_;
        uint8_t *done = done_.data() + int64_t{row - row_} * columns_;
        Extent &extent = extents_[static_cast<size_t>(row - row_)];
        extent = extent.first == extent.last ? Extent{first, last}
                                             : Extent{std::min(extent.first, first), std::max(extent.last, last)};
        while (first < last) {
            const auto *begin =
                static_cast<const uint8_t *>(std::memchr(done + first, 0, static_cast<size_t>(last - first)));
            if (begin == nullptr) {
                return;
            }
            first = static_cast<int>(begin - done);
            const auto *end = static_cast<const uint8_t *>(std::memchr(begin, 1, static_cast<size_t>(last - first)));
            const int stop = end == nullptr ? last : static_cast<int>(end - done);
            add(row, first + column_, stop + column_);
            std::fill(done + first, done + stop, 1);
            first = stop;
        }
    }

    void add(int row, int first, int last) {
        const int begin = row < 0 || row >= expansion_.height ? last : std::clamp(0, first, last);
        const int end = std::clamp(expansion_.width, begin, last);
        pad(row, first, begin);
        pad(row, end, last);
        const ConvolutionShape &shape = expansion_.shape;
        const float *source = input_.at(image_, int64_t{row} * shape.stride_y - shape.pad_top,
                                        int64_t{begin} * shape.stride_x - shape.pad_left);
        float *target = place(row, begin);
        for (int column = begin; column < end; ++column) {
            if (count_ == kernels_.block_pixels) {
                compute();
            }
            sources_[static_cast<size_t>(count_)] = source;
            targets_[static_cast<size_t>(count_++)] = target;
            source += shape.stride_x * input_.pixel_stride;
            target += expansion_.channels;
        }
    }

    // The padding of the layer of windows.
    void pad(int row, int first, int last) {
        std::fill_n(place(row, first), int64_t{last - first} * expansion_.channels, 0.0f);
    }

    void compute() {
        if (count_ > 0) {
            kernels_.convolution(expansion_.packed.arguments(), sources_.data(), targets_.data(), nullptr, count_, 0,
                                 expansion_.packed.panels(), scratch_, ahead_);
        }
        computed_ += count_;
        count_ = 0;
    }

    const Expansion &expansion_;
    const KernelTable &kernels_;
    WeightsAhead *ahead_;
    const View &input_;
    int columns_, rows_;
    float *memory_, *scratch_;
    std::vector<uint8_t> done_; // 1 for each place of the rows that is there
    std::vector<Extent> extents_;
    int image_ = 0, column_ = 0, row_ = kNowhere;
    int64_t computed_ = 0;
    int32_t count_ = 0; // places found missing
    std::array<const float *, kMostPlaces> sources_;
    std::array<float *, kMostPlaces> targets_;
};

} // namespace saccade
