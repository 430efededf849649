// Windows of places: maximum, mean, and the sums that global pooling and flattened linear layers keep.
#pragma once

#include "activation.h"

namespace saccade::SACCADE_ISA {

static SACCADE_INLINE void store_channels(float *output, int channel, int channels, Vector value) {
    if (channels - channel < kLanes) {
        store_partial(output + channel, value, channels - channel);
    } else {
        store(output + channel, value);
    }
}

// The taps first <= tap < last that lie inside `size` places, for a window that begins at `origin`.
static SACCADE_INLINE void clip(int origin, int taps, int dilation, int size, int &first, int &last) {
    first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    last = origin + (taps - 1) * dilation < size ? taps : (size - origin + dilation - 1) / dilation;
}

// The part of a window that lies inside the input: its first place, and how many rows and columns it has.
struct Window {
    const float *origin;
    int64_t row_step, column_step;
    int rows, columns;
};

template <int Vectors>
static SACCADE_INLINE void max_pool_channels(const Window &window, int channel, int channels, float *output) {
    Maximum largest[Vectors];
    for (int row = 0; row < window.rows; ++row) {
        const float *source = window.origin + row * window.row_step + channel;
        for (int column = 0; column < window.columns; ++column) {
#pragma GCC unroll 4
            for (int vector = 0; vector < Vectors; ++vector) {
                largest[vector].take(load(source + vector * kLanes));
            }
            source += window.column_step;
        }
    }
#pragma GCC unroll 4
    for (int vector = 0; vector < Vectors; ++vector) {
        store_channels(output, channel + vector * kLanes, channels, largest[vector].value());
    }
}

static SACCADE_INLINE void max_pool_window(const Window &window, int channels, float *output) {
    int channel = 0;
    for (; channels - channel > 3 * kLanes; channel += 4 * kLanes) {
        max_pool_channels<4>(window, channel, channels, output);
    }
    const int left_over = channels - channel;
    if (left_over > 2 * kLanes) {
        max_pool_channels<3>(window, channel, channels, output);
    } else if (left_over > kLanes) {
        max_pool_channels<2>(window, channel, channels, output);
    } else if (left_over > 0) {
        max_pool_channels<1>(window, channel, channels, output);
    }
}

static void max_pool(const PoolArguments &arguments, const View &input, const View &output, const Run &run) {
    const int64_t row_step = arguments.dilation_y * input.row_stride;
    const int64_t column_step = arguments.dilation_x * input.pixel_stride;
    const int top = run.y * arguments.stride_y - arguments.pad_top;
    int first_row, last_row;
    clip(top, arguments.kernel_height, arguments.dilation_y, input.h, first_row, last_row);
    for (int x = run.first_x; x < run.last_x; ++x) {
        const int left = x * arguments.stride_x - arguments.pad_left;
        int first_column, last_column;
        clip(left, arguments.kernel_width, arguments.dilation_x, input.w, first_column, last_column);
        const Window window = {input.at(run.image, top, left) + first_row * row_step + first_column * column_step,
                               row_step, column_step, last_row - first_row, last_column - first_column};
        max_pool_window(window, input.c, output.at(run.image, run.y, x));
    }
}

static SACCADE_INLINE void average_pool_window(const PoolArguments &arguments, const View &input, float *output,
                                               int32_t image, int32_t y, int32_t x) {
    int top = y * arguments.stride_y - arguments.pad_top;
    int left = x * arguments.stride_x - arguments.pad_left;
    int bottom = top + arguments.kernel_height;
    int right = left + arguments.kernel_width;
    bottom = bottom < input.h + arguments.pad_bottom ? bottom : input.h + arguments.pad_bottom;
    right = right < input.w + arguments.pad_right ? right : input.w + arguments.pad_right;
    int divisor = (bottom - top) * (right - left);
    top = top > 0 ? top : 0;
    left = left > 0 ? left : 0;
    bottom = bottom < input.h ? bottom : input.h;
    right = right < input.w ? right : input.w;
    if (!arguments.count_include_pad) {
        divisor = (bottom - top) * (right - left);
    }
    if (arguments.divisor != 0) {
        divisor = arguments.divisor;
    }
    for (int channel = 0; channel < input.c; channel += kLanes) {
        Vector sum = {};
        for (int source_y = top; source_y < bottom; ++source_y) {
            for (int source_x = left; source_x < right; ++source_x) {
                sum += load(input.at(image, source_y, source_x) + channel);
            }
        }
        store_channels(output, channel, input.c, sum / static_cast<float>(divisor));
    }
}

static void average_pool(const PoolArguments &arguments, const View &input, const View &output, const Run &run) {
    for (int x = run.first_x; x < run.last_x; ++x) {
        average_pool_window(arguments, input, output.at(run.image, run.y, x), run.image, run.y, x);
    }
}

// The largest of a place's channels; NaN wins.
static float channel_maximum(const float *input, int32_t channels) {
    Maximum largest;
    int channel = 0;
    for (; channel + kLanes <= channels; channel += kLanes) {
        largest.take(load(input + channel));
    }
    const Vector lanes = largest.value();
    float result = -__builtin_inff();
    for (int lane = 0; lane < kLanes; ++lane) {
        result = lanes[lane] > result || lanes[lane] != lanes[lane] ? lanes[lane] : result;
    }
    for (; channel < channels; ++channel) {
        result = input[channel] > result || input[channel] != input[channel] ? input[channel] : result;
    }
    return result;
}

static void window_sum(const View &input, int32_t image, int32_t y0, int32_t y1, int32_t x0, int32_t x1, float divisor,
                       float *output) {
    for (int channel = 0; channel < input.c; channel += kLanes) {
        Vector sum = {};
        for (int y = y0; y < y1; ++y) {
            Vector row = {};
            for (int x = x0; x < x1; ++x) {
                row += load(input.at(image, y, x) + channel);
            }
            sum += row;
        }
        store_channels(output, channel, input.c, sum / divisor);
    }
}

static void vector_sum(const float *vectors, int64_t stride, int32_t count, int32_t channels, float divisor,
                       const float *bias, Activation activation, float *output) {
    for (int channel = 0; channel < channels; channel += kLanes) {
        Vector sum = {};
        for (int index = 0; index < count; ++index) {
            sum += load(vectors + index * stride + channel);
        }
        sum = sum / divisor;
        if (bias != nullptr) { // padded to whole vectors
            sum += load(bias + channel);
        }
        store_channels(output, channel, channels, activate(sum, activation));
    }
}

// The products of one place's channels with `vectors` times as many features as a vector holds. Weights are read from
// first to last where all features fit in one call, which is what the memory is fastest at.
template <int vectors>
static void partial_linear_block(const float *input, int32_t channels, const float *weights, int64_t weight_stride,
                                 float *output) {
    Vector sums[vectors] = {};
    for (int channel = 0; channel < channels; ++channel) {
        // Weights are most of the traffic, and behind a ReLU many values are zero: those add +0 to a sum that is never
        // -0, which changes no bit. (Of infinite weights, which would make NaN, no trained network consists.)
        if (input[channel] == 0.0f) {
            continue;
        }
        const float *row = weights + channel * weight_stride;
        const Vector value = splat(input[channel]);
        for (int vector = 0; vector < vectors; ++vector) {
            sums[vector] += value * load(row + vector * kLanes);
        }
    }
    for (int vector = 0; vector < vectors; ++vector) {
        store(output + vector * kLanes, sums[vector]);
    }
}

static void partial_linear(const float *input, int32_t channels, const float *weights, int64_t weight_stride,
                           int32_t features, float *output) {
    int feature = 0;
    for (; feature + 8 * kLanes <= weight_stride; feature += 8 * kLanes) {
        partial_linear_block<8>(input, channels, weights + feature, weight_stride, output + feature);
    }
    for (; feature + 4 * kLanes <= weight_stride; feature += 4 * kLanes) {
        partial_linear_block<4>(input, channels, weights + feature, weight_stride, output + feature);
    }
    for (; feature < features; feature += kLanes) {
        partial_linear_block<1>(input, channels, weights + feature, weight_stride, output + feature);
    }
}

static void bilinear(const float *const corners[4], float weight_y, float weight_x, int32_t channels, float *output) {
    for (int channel = 0; channel < channels; channel += kLanes) {
        const Vector top = load(corners[0] + channel) * (1.0f - weight_x) + load(corners[1] + channel) * weight_x;
        const Vector bottom = load(corners[2] + channel) * (1.0f - weight_x) + load(corners[3] + channel) * weight_x;
        store_channels(output, channel, channels, top * (1.0f - weight_y) + bottom * weight_y);
    }
}

} // namespace saccade::SACCADE_ISA
