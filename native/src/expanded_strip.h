// What a convolution makes of a strip of columns, a few rows at a time, for a depthwise convolution that goes down the
// strip: each place is computed when a window first needs it, stays in the cache, and is not kept.
#pragma once

#include <array>
#include <cstring>

#include "packed_convolution.h"

namespace saccade {

// A convolution whose output is not kept.
struct Expansion {
    PackedConvolution packed;
    ConvolutionShape shape;
    int height, width, channels; // of the output
    int64_t place_macs;
};

class ExpandedStrip {
  public:
    // Windows are at most `columns` wide and `rows` high. `memory` holds `floats(columns, rows, channels)`; `scratch`
    // is the kernel's.
    ExpandedStrip(const Expansion &expansion, Session &session, const View &input, int columns, int rows, float *memory,
                  float *scratch)
        : expansion_(expansion), kernels_(session.kernels()), ahead_(session.weights_ahead()), input_(input),
          columns_(columns), rows_(rows), memory_(memory), scratch_(scratch),
          done_(static_cast<size_t>(rows) * static_cast<size_t>(columns)), extents_(static_cast<size_t>(rows)) {}

    static int64_t floats(int columns, int rows, int channels) { return int64_t{columns} * rows * channels; }

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

    // The depthwise layer's padding.
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
