// Winograd's F(2 x 2, 3 x 3): four neighbouring places share 16 products a pair of channels, where a direct convolution
// takes 36. Whatever else is computed, a place at one position of its tile runs through one fixed sequence of
// operations that reads its own 3 x 3 window and nothing else: it has the same bits alone as in a dense pass.
// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, section 4.1.
#pragma once

#include "convolution.h"

namespace saccade::SACCADE_ISA {

constexpr int kWinogradPoints = 16;
constexpr int kWinogradTiles = 48; // at most, that share one pass over a panel's weights

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

// Which of the 16 points some chosen places need, by WinogradTile::places: bit 4 * row + column. The place at (y, x)
// needs the points y .. y + 2 by x .. x + 2, so that a place alone costs no more products than a direct convolution.
struct WinogradNeeds {
    uint16_t points[16] = {};

    constexpr WinogradNeeds() {
        for (int places = 0; places < 16; ++places) {
            for (int place = 0; place < 4; ++place) {
                if ((places >> place & 1) != 0) {
                    points[places] = static_cast<uint16_t>(points[places] | (0x777 << (place / 2 * 4 + place % 2)));
                }
            }
        }
    }
};

// Which rows of the transformed input each point multiplies, and where a tile's product of a point then lies.
struct WinogradRows {
    const float *sources[kWinogradPoints][kWinogradTiles];
    int counts[kWinogradPoints] = {};
    uint8_t slots[kWinogradTiles][kWinogradPoints];

    WinogradRows(const WinogradTile *tiles, int count, const float *inputs, int64_t width, int64_t stride) {
        constexpr WinogradNeeds needs;
        for (int tile = 0; tile < count; ++tile) {
            const int needed = needs.points[tiles[tile].places];
            for (int point = 0; point < kWinogradPoints; ++point) {
                const bool wanted = (needed >> point & 1) != 0;
                sources[point][counts[point]] = inputs + point * stride + tile * width;
                slots[tile][point] = static_cast<uint8_t>(wanted ? counts[point] : 0);
                counts[point] += wanted ? 1 : 0;
            }
        }
    }
};

template <int Pixels, int Vectors>
static void winograd_tile(const float *weights, const float *const *inputs, int64_t channels, float *products,
                          WeightsAhead *ahead) {
    constexpr int width = Vectors * kLanes;
    const Vector zeros[Pixels][Vectors] = {};
    Sums<Pixels, Vectors, false> sums(zeros);
    const float *pointers[Pixels];
#pragma GCC unroll 16
    for (int pixel = 0; pixel < Pixels; ++pixel) {
        pointers[pixel] = inputs[pixel];
    }
    if (const float *later = take_ahead(ahead, channels)) {
        add_rows<true>(weights, pointers, channels, 1, sums, later);
    } else {
        add_rows<false>(weights, pointers, channels, 1, sums, later);
    }
#pragma GCC unroll 16
    for (int pixel = 0; pixel < Pixels; ++pixel) {
#pragma GCC unroll 4
        for (int vector = 0; vector < Vectors; ++vector) {
            store(products + pixel * width + vector * kLanes, sums.whole[pixel][vector]);
        }
    }
}

using WinogradTileKernel = void (*)(const float *, const float *const *, int64_t, float *, WeightsAhead *);

template <int Vectors, int Pixels> static void fill_winograd_tiles(WinogradTileKernel *tiles) {
    tiles[Pixels] = winograd_tile<Pixels, Vectors>;
    if constexpr (Pixels > 1) {
        fill_winograd_tiles<Vectors, Pixels - 1>(tiles);
    }
}

template <int Vectors>
static void winograd_products(const float *weights, const float *const *inputs, int count, int64_t channels,
                              float *products, WeightsAhead *ahead) {
    constexpr int pixels = tile_pixels<Vectors>();
    static const struct Tiles {
        WinogradTileKernel entry[pixels + 1];
        Tiles() { fill_winograd_tiles<Vectors, pixels>(entry); }
    } tiles;
    for (int first = 0; first < count; first += pixels) {
        const int size = count - first < pixels ? count - first : pixels;
        tiles.entry[size](weights, inputs + first, channels, products + int64_t{first} * Vectors * kLanes, ahead);
    }
}

static void winograd_products(int vectors, const float *weights, const float *const *inputs, int count,
                              int64_t channels, float *products, WeightsAhead *ahead) {
    switch (vectors) {
    case 1:
        winograd_products<1>(weights, inputs, count, channels, products, ahead);
        break;
    case 2:
        winograd_products<2>(weights, inputs, count, channels, products, ahead);
        break;
    case 3:
        if constexpr (kMaxVectors >= 3) {
            winograd_products<3>(weights, inputs, count, channels, products, ahead);
        }
        break;
    default:
        if constexpr (kMaxVectors == 4) {
            winograd_products<4>(weights, inputs, count, channels, products, ahead);
        }
    }
}

// The four places of a tile from its 16 products; sums of a place are in one order for each position in the tile.
static SACCADE_INLINE void winograd_sums(const float *const (&points)[kWinogradPoints], int offset, Vector bias,
                                         Vector (&sums)[4]) {
    Vector above[4], below[4];
#pragma GCC unroll 4
    for (int column = 0; column < 4; ++column) {
        const Vector middle = load(points[4 + column] + offset), last = load(points[8 + column] + offset);
        above[column] = load(points[column] + offset) + middle + last;
        below[column] = middle - last - load(points[12 + column] + offset);
    }
    sums[0] = above[0] + above[1] + above[2] + bias;
    sums[1] = above[1] - above[2] - above[3] + bias;
    sums[2] = below[0] + below[1] + below[2] + bias;
    sums[3] = below[1] - below[2] - below[3] + bias;
}

// One vector of channels of a tile's chosen places.
template <bool Whole>
static SACCADE_INLINE void winograd_store(const WinogradArguments &arguments, const WinogradTile &tile,
                                          const Vector (&sums)[4], int64_t channel, int left, Bounds bounds) {
    Vector values[4];
#pragma GCC unroll 4
    for (int place = 0; place < 4; ++place) {
        values[place] = sums[place];
        if (tile.residual != nullptr && (Whole || (tile.places >> place & 1) != 0)) {
            const float *residual = tile.residual + place / 2 * arguments.residual_row_stride +
                                    place % 2 * arguments.residual_pixel_stride + channel;
            values[place] += !Whole && left < kLanes ? load_partial(residual, left) : load(residual);
        }
    }
    activate(values, bounds, arguments.activation);
#pragma GCC unroll 4
    for (int place = 0; place < 4; ++place) {
        if (!Whole && (tile.places >> place & 1) == 0) {
            continue;
        }
        float *output =
            tile.output + place / 2 * arguments.output_row_stride + place % 2 * arguments.output_pixel_stride + channel;
        if (!Whole && left < kLanes) {
            store_partial(output, values[place], left);
        } else {
            store(output, values[place]);
        }
    }
}

static void winograd_output(const WinogradArguments &arguments, const Panel &panel, const float *bias,
                            const WinogradTile &tile, const float *const (&points)[kWinogradPoints], Bounds bounds,
                            uint8_t *broken) {
    Vector doubt[4] = {};
    const bool whole = tile.places == 15 && panel.channels == panel.vectors * kLanes;
    for (int vector = 0; vector < panel.vectors; ++vector) {
        const int offset = vector * kLanes;
        Vector sums[4];
        winograd_sums(points, offset, load(bias + offset), sums);
#pragma GCC unroll 4
        for (int place = 0; place < 4; ++place) {
            doubt[place] += sums[place] * 0.0f; // NaN for what is not finite
        }
        if (whole) {
            winograd_store<true>(arguments, tile, sums, panel.channel + offset, kLanes, bounds);
        } else {
            winograd_store<false>(arguments, tile, sums, panel.channel + offset, panel.channels - offset, bounds);
        }
    }
    if (__builtin_expect(all_ordered(doubt[0] + doubt[1] + doubt[2] + doubt[3]), 1)) {
        return;
    }
    for (int place = 0; place < 4; ++place) {
        if (!all_ordered(doubt[place])) {
            __atomic_fetch_or(broken, static_cast<uint8_t>(1u << place), __ATOMIC_RELAXED);
        }
    }
}

// Asks for what a tile's output writes and adds, which is seldom in cache.
static SACCADE_INLINE void winograd_prefetch(const WinogradArguments &arguments, const WinogradTile &tile, int channel,
                                             int channels) {
    for (int place = 0; place < 4; ++place) {
        if ((tile.places >> place & 1) == 0) {
            continue;
        }
        prefetch_output(tile.output + place / 2 * arguments.output_row_stride +
                            place % 2 * arguments.output_pixel_stride + channel,
                        channels);
        if (tile.residual != nullptr) {
            prefetch(tile.residual + place / 2 * arguments.residual_row_stride +
                         place % 2 * arguments.residual_pixel_stride + channel,
                     channels);
        }
    }
}

static void winograd_inputs(const WinogradArguments &arguments, const WinogradTile *tiles, int count, float *inputs,
                            int64_t width, int64_t stride, float *patch) {
    for (int index = 0; index < count; ++index) {
        const WinogradTile &tile = tiles[index];
        float *target = inputs + index * width;
        if (tile.rows == 4 && tile.columns == 4) {
            winograd_input(tile.input, arguments.input_row_stride, arguments.input_pixel_stride, arguments.channels,
                           target, stride);
        } else {
            winograd_edge(arguments, tile, patch, width);
            winograd_input(patch, 4 * width, width, arguments.channels, target, stride);
        }
    }
}

static void winograd(const WinogradArguments &arguments, const WinogradTile *tiles, int32_t count, int32_t first_panel,
                     int32_t last_panel, float *scratch, uint8_t *broken, WeightsAhead *ahead) {
    const int64_t width = (arguments.channels + kLanes - 1) / kLanes * kLanes;
    // The points' rows must not lie a multiple of 4 KiB apart, or they would share the sets of the first cache.
    const int64_t input_stride = count * width + 16;
    const int64_t product_stride = count * kMaxVectors * kLanes + 16;
    float *inputs = scratch;
    float *products = inputs + kWinogradPoints * input_stride;
    winograd_inputs(arguments, tiles, count, inputs, width, input_stride, products + kWinogradPoints * product_stride);
    const WinogradRows rows(tiles, count, inputs, width, input_stride);
    const Bounds bounds = bounds_of(arguments.activation);
    for (int index = first_panel; index < last_panel; ++index) {
        const Panel &panel = arguments.panels[index];
        const int64_t lanes = panel.vectors * kLanes;
        for (int point = 0; point < kWinogradPoints; ++point) {
            winograd_products(panel.vectors, arguments.weights + panel.weights + point * arguments.channels * lanes,
                              rows.sources[point], rows.counts[point], arguments.channels,
                              products + point * product_stride, ahead);
            for (int tile = point * count / kWinogradPoints; tile < (point + 1) * count / kWinogradPoints; ++tile) {
                winograd_prefetch(arguments, tiles[tile], panel.channel, static_cast<int>(lanes));
            }
        }
        const float *bias = arguments.bias + index * kMaxVectors * kLanes;
        for (int tile = 0; tile < count; ++tile) {
            const float *points[kWinogradPoints];
#pragma GCC unroll 16
            for (int point = 0; point < kWinogradPoints; ++point) {
                points[point] = products + point * product_stride + rows.slots[tile][point] * lanes;
            }
            winograd_output(arguments, panel, bias, tiles[tile], points, bounds, broken + tile);
        }
    }
}

} // namespace saccade::SACCADE_ISA
