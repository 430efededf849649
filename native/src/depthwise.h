// Depthwise convolution over a stretch of one row: eight neighbouring places share the weights and, at stride 1, the
// columns that their windows have in common. Taps are added by rows, then columns, whatever the stretch's length.
#pragma once

#include "activation.h"

namespace saccade::SACCADE_ISA {

struct DepthwisePlace {
    const float *input;
    int64_t input_pixel_stride, input_row_stride;
    float *output;
    int64_t output_pixel_stride;
    const float *residual;
    int64_t residual_pixel_stride;
};

template <int Places>
static SACCADE_INLINE void depthwise_finish(const DepthwiseArguments &arguments, const DepthwisePlace &place,
                                            Vector (&sums)[Places], int channel, int channels, Bounds bounds) {
    const int left = channels - channel;
    if (left >= kLanes && bounds.enough && place.residual == nullptr) {
#pragma GCC unroll 8
        for (int index = 0; index < Places; ++index) {
            store(place.output + index * place.output_pixel_stride + channel,
                  at_most(at_least(sums[index], bounds.low), bounds.high));
        }
        return;
    }
#pragma GCC unroll 8
    for (int index = 0; place.residual != nullptr && index < Places; ++index) {
        const float *residual = place.residual + index * place.residual_pixel_stride + channel;
        sums[index] += left < kLanes ? load_partial(residual, left) : load(residual);
    }
    activate(sums, bounds, arguments.activation);
#pragma GCC unroll 8
    for (int index = 0; index < Places; ++index) {
        float *output = place.output + index * place.output_pixel_stride + channel;
        if (left < kLanes) {
            store_partial(output, sums[index], left);
        } else {
            store(output, sums[index]);
        }
    }
}

template <int Height, int Width, int Stride, int Places>
static __attribute__((noinline)) void depthwise_tile(const DepthwiseArguments &arguments, const DepthwisePlace &place,
                                                     int channels) {
    constexpr int columns = (Places - 1) * Stride + Width;
    const Bounds bounds = bounds_of(arguments.activation);
    const int64_t pixel_stride = place.input_pixel_stride, row_stride = place.input_row_stride;
    const int64_t tap_stride = arguments.tap_stride;
    for (int channel = 0; channel < channels; channel += kLanes) {
        Vector sums[Places];
#pragma GCC unroll 8
        for (int index = 0; index < Places; ++index) {
            sums[index] = load(arguments.bias + channel);
        }
        const float *row = place.input + channel;
        const float *taps = arguments.weights + channel;
        // Rows one by one: with all of them unrolled, weights and addresses are spilled to the stack.
#pragma GCC unroll 1
        for (int y = 0; y < Height; ++y) {
            Vector weights[Width];
#pragma GCC unroll 7
            for (int x = 0; x < Width; ++x) {
                weights[x] = load(taps + x * tap_stride);
            }
            const float *source = row;
#pragma GCC unroll 32
            for (int column = 0; column < columns; ++column) {
                const Vector value = load(source);
                source += pixel_stride;
#pragma GCC unroll 8
                for (int index = 0; index < Places; ++index) {
                    const int x = column - index * Stride;
                    if (x >= 0 && x < Width) {
                        sums[index] += value * weights[x];
                    }
                }
            }
            row += row_stride;
            taps += Width * tap_stride;
        }
        depthwise_finish<Places>(arguments, place, sums, channel, channels, bounds);
    }
}

static void depthwise_place(const DepthwiseArguments &arguments, const DepthwisePlace &place, int channels) {
    const Bounds bounds = bounds_of(arguments.activation);
    for (int channel = 0; channel < channels; channel += kLanes) {
        Vector sums[1] = {load(arguments.bias + channel)};
        const float *weights = arguments.weights + channel;
        for (int y = 0; y < arguments.kernel_height; ++y) {
            const float *row = place.input + y * arguments.dilation_y * place.input_row_stride + channel;
            for (int x = 0; x < arguments.kernel_width; ++x) {
                sums[0] += load(row + x * arguments.dilation_x * place.input_pixel_stride) * load(weights);
                weights += arguments.tap_stride;
            }
        }
        depthwise_finish<1>(arguments, place, sums, channel, channels, bounds);
    }
}

// Asks for what the next tile of a row reads and the one before did not, and for what it writes.
template <int Size, int Stride, int Places>
static SACCADE_INLINE void depthwise_prefetch(const DepthwiseArguments &arguments, const DepthwisePlace &place,
                                              int channels) {
    constexpr int read = (Places - 1) * Stride + Size;
    for (int row = Size - Stride; !arguments.inputs_cached && row < Size; ++row) { // rows above were read before
        const float *source = place.input + row * place.input_row_stride + read * place.input_pixel_stride;
        for (int column = 0; column < Places * Stride; ++column) {
            prefetch(source + column * place.input_pixel_stride, channels);
        }
    }
    for (int index = Places; !arguments.outputs_cached && index < 2 * Places; ++index) {
        prefetch_output(place.output + index * place.output_pixel_stride, channels);
    }
}

static SACCADE_INLINE void depthwise_step(DepthwisePlace &place, int64_t places, int stride) {
    place.input += places * stride * place.input_pixel_stride;
    place.output += places * place.output_pixel_stride;
    place.residual += place.residual == nullptr ? 0 : places * place.residual_pixel_stride;
}

// At least `Places` places. The last tile ends where they do: what it has in common with the one before is written
// twice with the same bits, which takes less time than place by place.
template <int Size, int Stride, int Places>
static SACCADE_INLINE void depthwise_tiles(const DepthwiseArguments &arguments, DepthwisePlace place, int channels,
                                           int count) {
    for (int done = 0; done < count; done += Places) {
        const int beyond = done + Places - count;
        if (beyond > 0) {
            depthwise_step(place, -beyond, Stride);
        } else if (kPrefetchPlaces) {
            depthwise_prefetch<Size, Stride, Places>(arguments, place, channels);
        }
        depthwise_tile<Size, Size, Stride, Places>(arguments, place, channels);
        depthwise_step(place, Places, Stride);
    }
}

// Fewer than eight places: a tile of just as many.
template <int Size, int Stride, int Places>
static SACCADE_INLINE void depthwise_short(const DepthwiseArguments &arguments, const DepthwisePlace &place,
                                           int channels, int count) {
    if (count == Places) {
        depthwise_tile<Size, Size, Stride, Places>(arguments, place, channels);
    } else if constexpr (Places > 1) {
        depthwise_short<Size, Stride, Places - 1>(arguments, place, channels, count);
    }
}

template <int Size, int Stride>
static void depthwise_row(const DepthwiseArguments &arguments, const DepthwisePlace &place, int channels, int count) {
    if (count >= 8) {
        depthwise_tiles<Size, Stride, 8>(arguments, place, channels, count);
    } else {
        depthwise_short<Size, Stride, 7>(arguments, place, channels, count);
    }
}

static void depthwise(const DepthwiseArguments &arguments, const float *input, int64_t input_pixel_stride,
                      int64_t input_row_stride, float *output, int64_t output_pixel_stride, const float *residual,
                      int64_t residual_pixel_stride, int32_t channels, int32_t count) {
    DepthwisePlace place = {input,    input_pixel_stride,   input_row_stride, output, output_pixel_stride,
                            residual, residual_pixel_stride};
    const bool plain =
        arguments.dilation_x == 1 && arguments.dilation_y == 1 && arguments.kernel_height == arguments.kernel_width;
    if (plain && arguments.kernel_height == 3 && arguments.stride_x == 1) {
        depthwise_row<3, 1>(arguments, place, channels, count);
    } else if (plain && arguments.kernel_height == 3 && arguments.stride_x == 2) {
        depthwise_row<3, 2>(arguments, place, channels, count);
    } else if (plain && arguments.kernel_height == 5 && arguments.stride_x == 1) {
        depthwise_row<5, 1>(arguments, place, channels, count);
    } else if (plain && arguments.kernel_height == 5 && arguments.stride_x == 2) {
        depthwise_row<5, 2>(arguments, place, channels, count);
    } else if (plain && arguments.kernel_height == 7 && arguments.stride_x == 1) {
        depthwise_row<7, 1>(arguments, place, channels, count);
    } else {
        for (int done = 0; done < count; ++done) {
            depthwise_place(arguments, place, channels);
            depthwise_step(place, 1, arguments.stride_x);
        }
    }
}

} // namespace saccade::SACCADE_ISA
