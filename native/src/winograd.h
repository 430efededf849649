// Winograd's F(2 x 2, 3 x 3): four neighbouring places share 16 products a pair of channels, where a direct convolution
// takes 36. Whatever else is computed, a place at one position of its tile runs through one fixed sequence of
// operations that reads its own 3 x 3 window and nothing else: it has the same bits alone as in a dense pass.
// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, section 4.1.
#pragma once

#include "convolution.h"

namespace saccade::SACCADE_ISA {

constexpr int kWinogradPoints = 16;
constexpr int kWinogradTiles = 48; // at most, that share one pass over a panel's weights

static SACCADE_INLINE Vector not_finite(Vector value) { // zero where finite, NaN elsewhere
    return value - value;
}

// One patch of 4 x 4 places becomes 16 rows of channels, `target_stride` apart.
static SACCADE_INLINE void winograd_input(const float *patch, int64_t row_stride, int64_t pixel_stride, int channels,
                                          float *target, int64_t target_stride) {
    const float *rows[4] = {patch, patch + row_stride, patch + 2 * row_stride, patch + 3 * row_stride};
    for (int channel = 0; channel < channels; channel += kLanes) {
#pragma GCC unroll 4
        for (int row = 0; row < 4; ++row) {
            // d0 - d2, d1 + d2, d2 - d1, d1 - d3
            const float *first = rows[row == 0 ? 0 : row == 2 ? 2 : 1] + channel;
            const float *second = rows[row == 2 ? 1 : row == 3 ? 3 : 2] + channel;
            Vector line[4];
#pragma GCC unroll 4
            for (int column = 0; column < 4; ++column) {
                const Vector one = load(first + column * pixel_stride);
                const Vector other = load(second + column * pixel_stride);
                line[column] = row == 1 ? one + other : one - other;
            }
            float *points = target + 4 * row * target_stride + channel;
            store(points, line[0] - line[2]);
            store(points + target_stride, line[1] + line[2]);
            store(points + 2 * target_stride, line[2] - line[1]);
            store(points + 3 * target_stride, line[1] - line[3]);
        }
    }
}

// A patch that reaches beyond the rows or columns that the convolution may read: zeros take their place.
static void winograd_edge(const WinogradArguments &arguments, const WinogradTile &tile, float *patch, int64_t width) {
    for (int row = 0; row < 4; ++row) {
        for (int column = 0; column < 4; ++column) {
            float *target = patch + (4 * row + column) * width;
            const bool inside = row < tile.rows && column < tile.columns;
            const float *source = tile.input + row * arguments.input_row_stride + column * arguments.input_pixel_stride;
            for (int channel = 0; channel < width; channel += kLanes) {
                store(target + channel, inside ? load(source + channel) : Vector{});
            }
        }
    }
}

// The four places of a tile from its 16 products; sums of a place are in one order for each position in the tile.
static SACCADE_INLINE void winograd_sums(const float *products, int64_t stride, Vector (&sums)[2][2]) {
    Vector above[4], below[4];
#pragma GCC unroll 4
    for (int column = 0; column < 4; ++column) {
        const float *point = products + column * stride;
        const Vector middle = load(point + 4 * stride), last = load(point + 8 * stride);
        above[column] = load(point) + middle + last;
        below[column] = middle - last - load(point + 12 * stride);
    }
    sums[0][0] = above[0] + above[1] + above[2];
    sums[0][1] = above[1] - above[2] - above[3];
    sums[1][0] = below[0] + below[1] + below[2];
    sums[1][1] = below[1] - below[2] - below[3];
}

static SACCADE_INLINE void winograd_output(const WinogradArguments &arguments, const Panel &panel, const float *bias,
                                           const WinogradTile &tile, const float *products, int64_t stride,
                                           Bounds bounds, uint8_t *broken) {
    Vector doubt[4] = {};
    for (int vector = 0; vector < panel.vectors; ++vector) {
        const int left = panel.channels - vector * kLanes;
        Vector sums[2][2];
        winograd_sums(products + vector * kLanes, stride, sums);
        const Vector added = load(bias + vector * kLanes);
#pragma GCC unroll 4
        for (int place = 0; place < 4; ++place) {
            Vector value = sums[place / 2][place % 2] + added;
            doubt[place] += not_finite(value);
            if ((tile.places >> place & 1) == 0) {
                continue;
            }
            const int64_t channel = panel.channel + vector * kLanes;
            if (tile.residual != nullptr) {
                const float *residual = tile.residual + place / 2 * arguments.residual_row_stride +
                                        place % 2 * arguments.residual_pixel_stride + channel;
                value += left < kLanes ? load_partial(residual, left) : load(residual);
            }
            value = activate(value, bounds, arguments.activation);
            float *output = tile.output + place / 2 * arguments.output_row_stride +
                            place % 2 * arguments.output_pixel_stride + channel;
            if (left < kLanes) {
                store_partial(output, value, left);
            } else {
                store(output, value);
            }
        }
    }
    const Vector total = doubt[0] + doubt[1] + doubt[2] + doubt[3];
    const Mask same = total == total;
    bool finite = true;
    for (int lane = 0; lane < kLanes; ++lane) {
        finite = finite && same[lane] != 0;
    }
    if (__builtin_expect(finite, 1)) {
        return;
    }
    for (int place = 0; place < 4; ++place) {
        for (int lane = 0; lane < kLanes; ++lane) {
            if (doubt[place][lane] != doubt[place][lane]) {
                __atomic_fetch_or(broken, static_cast<uint8_t>(1u << place), __ATOMIC_RELAXED);
            }
        }
    }
}

static void winograd(const WinogradArguments &arguments, const WinogradTile *tiles, int32_t count, int32_t first_panel,
                     int32_t last_panel, float *scratch, uint8_t *broken) {
    static const float zeros[kMaxVectors * kLanes] = {};
    const int64_t width = (arguments.channels + kLanes - 1) / kLanes * kLanes;
    // The points' rows must not lie a multiple of 4 KiB apart, or they would share the sets of the first cache.
    const int64_t input_stride = count * width + 16;
    const int64_t product_stride = count * kMaxVectors * kLanes + 16;
    float *inputs = scratch;
    float *products = inputs + kWinogradPoints * input_stride;
    float *patch = products + kWinogradPoints * product_stride;
    for (int index = 0; index < count; ++index) {
        const WinogradTile &tile = tiles[index];
        float *target = inputs + index * width;
        if (tile.rows == 4 && tile.columns == 4) {
            winograd_input(tile.input, arguments.input_row_stride, arguments.input_pixel_stride, arguments.channels,
                           target, input_stride);
        } else {
            winograd_edge(arguments, tile, patch, width);
            winograd_input(patch, 4 * width, width, arguments.channels, target, input_stride);
        }
    }
    const int64_t no_offset = 0;
    float *const nowhere[kWinogradTiles] = {};
    ConvolutionArguments point = {
        arguments.weights, zeros, nullptr, &no_offset, 1, arguments.channels, {Function::identity, 0.0f, 0.0f}};
    const Chunk chunk = {0, 1, 0, arguments.channels, 0, true, false};
    const Bounds bounds = bounds_of(arguments.activation);
    for (int index = first_panel; index < last_panel; ++index) {
        Panel panel = arguments.panels[index];
        const int64_t lanes = panel.vectors * kLanes;
        for (int number = 0; number < kWinogradPoints; ++number) {
            const float *sources[kWinogradTiles];
            for (int tile = 0; tile < count; ++tile) {
                sources[tile] = inputs + number * input_stride + tile * width;
            }
            chunk_pass(point, panel, chunk, zeros, sources, nowhere, nullptr, count,
                       products + number * product_stride);
            panel.weights += arguments.channels * lanes;
        }
        const float *bias = arguments.bias + index * kMaxVectors * kLanes;
        for (int tile = 0; tile < count; ++tile) {
            winograd_output(arguments, panel, bias, tiles[tile], products + tile * lanes, product_stride, bounds,
                            broken + tile);
        }
    }
}

} // namespace saccade::SACCADE_ISA
