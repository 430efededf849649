// Convolution over a list of places: a register block of places x output channels, one pass over the packed weights.
//
// The additions of one output run over the taps and the input channels in one fixed order that depends neither on the
// block's size nor on the other places in it: a place computed alone and a place computed in a dense pass agree bit
// for bit. Between chunks of the reduction the sums rest in memory as float32, which changes no bit either.
#pragma once

#include "activation.h"
#include "ahead.h"

namespace saccade::SACCADE_ISA {

constexpr int kBlockPixels = 192;
// Weights of one chunk: about this many floats, so that they stay in the first or second level of cache while all
// places of a block pass over them.
constexpr int kChunkFloats = 24 * 1024;
// Few places pass over weights faster than memory delivers them: with chunks this short, the rows that are asked for
// ahead of time belong to the next chunk while all places pass over this one. Measured with AVX2 only.
constexpr int kFewPlaces = kLanes == 8 ? 48 : 0;
constexpr int kShortChunkFloats = 2048;

template <int Vectors> constexpr int tile_pixels() {
    if constexpr (kLanes == 16 || kMaxVectors == 4) {
        return Vectors == 4 ? 6 : Vectors == 3 ? 8 : 12;
    } else {
        return Vectors == 3 ? 4 : Vectors == 2 ? 6 : 10;
    }
}

// Rows of weights that are asked for ahead of time. With AVX-512 none are: tiles are so wide that the processor
// foresees what comes next, and reads a third faster when it is let alone.
constexpr int kPrefetchRows = kLanes == 8 ? 64 : kLanes == 16 ? 0 : 16;

struct Chunk {
    int first_segment, last_segment; // whole segments, or a part of one:
    int first, last;                 // floats [first, last) of each
    int64_t weights;                 // rows of the panel before this chunk
    bool is_first, is_last;
};

// Vectors of 16 are wide: where half of a panel's last one is enough for its channels, two places share it.
constexpr bool kPairs = kLanes == 16;
constexpr int kHalf = kLanes / 2;

// What a tile adds up: vectors of channels for each place, and the last ones by pairs of places where they are paired.
template <int Pixels, int Vectors, bool Paired> struct Sums {
    static constexpr int kWhole = Vectors - (Paired ? 1 : 0);

    Vector whole[Pixels][kWhole > 0 ? kWhole : 1];
    Vector pairs[Paired ? (Pixels + 1) / 2 : 1];

    SACCADE_INLINE explicit Sums(const Vector (&sums)[Pixels][Vectors]) {
#pragma GCC unroll 16
        for (int pixel = 0; pixel < Pixels; ++pixel) {
#pragma GCC unroll 4
            for (int vector = 0; vector < kWhole; ++vector) {
                whole[pixel][vector] = sums[pixel][vector];
            }
        }
#pragma GCC unroll 8
        for (int pixel = 0; Paired && pixel < Pixels; pixel += 2) {
            const int other = pixel + 1 < Pixels ? pixel + 1 : pixel;
            pairs[pixel / 2] = halves(sums[pixel][kWhole], swapped(sums[other][kWhole]));
        }
    }

    SACCADE_INLINE void write_to(Vector (&sums)[Pixels][Vectors]) const {
#pragma GCC unroll 16
        for (int pixel = 0; pixel < Pixels; ++pixel) {
#pragma GCC unroll 4
            for (int vector = 0; vector < kWhole; ++vector) {
                sums[pixel][vector] = whole[pixel][vector];
            }
            if (Paired) {
                sums[pixel][kWhole] = pixel % 2 == 0 ? pairs[pixel / 2] : swapped(pairs[pixel / 2]);
            }
        }
    }
};

// One row of weights, for one input value of each place.
template <int Pixels, int Vectors, bool Paired>
static SACCADE_INLINE void add_products(const float *weights, const float *const (&pointers)[Pixels], int64_t k,
                                        Sums<Pixels, Vectors, Paired> &sums) {
    constexpr int width = Vectors * kLanes;
    constexpr int whole = Sums<Pixels, Vectors, Paired>::kWhole;
    Vector row[Vectors];
#pragma GCC unroll 4
    for (int vector = 0; vector < Vectors; ++vector) {
        row[vector] = vector < whole ? load(weights + vector * kLanes) : load_half_twice(weights + vector * kLanes);
        keep_in_register(row[vector]);
    }
#pragma GCC unroll 4
    for (int line = 0; kPrefetchRows > 0 && line < width; line += 16) {
        __builtin_prefetch(weights + kPrefetchRows * width + line);
    }
    Vector values[Pixels];
#pragma GCC unroll 16
    for (int pixel = 0; pixel < Pixels; ++pixel) {
        values[pixel] = splat(pointers[pixel][k]);
        if (Paired) { // or it is read twice from memory
            keep_in_register(values[pixel]);
        }
#pragma GCC unroll 4
        for (int vector = 0; vector < whole; ++vector) {
            sums.whole[pixel][vector] += values[pixel] * row[vector];
        }
        if (Paired && (pixel % 2 == 1 || pixel == Pixels - 1)) {
            sums.pairs[pixel / 2] += halves(values[pixel - pixel % 2], values[pixel]) * row[whole];
        }
    }
}

template <int Pixels, int Vectors, bool Whole, bool Simple>
static SACCADE_INLINE void finish_as(const ConvolutionArguments &arguments, const Panel &panel,
                                     Vector (&sums)[Pixels][Vectors], float *const *outputs,
                                     const float *const *residuals, Bounds bounds) {
    const int tail = panel.channels - (Vectors - 1) * kLanes;
    Vector values[Pixels * Vectors];
#pragma GCC unroll 16
    for (int pixel = 0; pixel < Pixels; ++pixel) {
#pragma GCC unroll 4
        for (int vector = 0; vector < Vectors; ++vector) {
            Vector &value = values[pixel * Vectors + vector];
            value = sums[pixel][vector];
            if (residuals != nullptr) {
                const float *residual = residuals[pixel] + panel.channel + vector * kLanes;
                value += !Whole && vector == Vectors - 1 ? load_partial(residual, tail) : load(residual);
            }
            if (Simple) {
                value = at_most(at_least(value, bounds.low), bounds.high);
            }
        }
    }
    if (!Simple) {
        activate_slowly(values, arguments.activation);
    }
#pragma GCC unroll 16
    for (int pixel = 0; pixel < Pixels; ++pixel) {
        float *output = outputs[pixel] + panel.channel;
#pragma GCC unroll 4
        for (int vector = 0; vector < Vectors; ++vector) {
            const Vector value = values[pixel * Vectors + vector];
            if (!Whole && vector == Vectors - 1) {
                store_partial(output + vector * kLanes, value, tail);
            } else {
                store(output + vector * kLanes, value);
            }
        }
    }
}

template <int Pixels, int Vectors>
static SACCADE_INLINE void finish(const ConvolutionArguments &arguments, const Panel &panel,
                                  Vector (&sums)[Pixels][Vectors], float *const *outputs,
                                  const float *const *residuals) {
    const Bounds bounds = bounds_of(arguments.activation);
    const bool whole = panel.channels == Vectors * kLanes;
    if (whole && bounds.enough && residuals == nullptr) {
        finish_as<Pixels, Vectors, true, true>(arguments, panel, sums, outputs, nullptr, bounds);
    } else if (whole && bounds.enough) {
        finish_as<Pixels, Vectors, true, true>(arguments, panel, sums, outputs, residuals, bounds);
    } else if (bounds.enough) {
        finish_as<Pixels, Vectors, false, true>(arguments, panel, sums, outputs, residuals, bounds);
    } else {
        finish_as<Pixels, Vectors, false, false>(arguments, panel, sums, outputs, residuals, bounds);
    }
}

// `count` rows of weights, and beside each of them some weights of later layers.
template <bool Ahead, int Pixels, int Vectors, bool Paired>
static SACCADE_INLINE void add_rows(const float *&weights, const float *const (&pointers)[Pixels], int64_t count,
                                    int64_t step, Sums<Pixels, Vectors, Paired> &sums, const float *&later) {
    for (int64_t k = 0; k < count * step; k += step) {
        add_products(weights, pointers, k, sums);
        weights += Vectors * kLanes;
        if (Ahead) {
            ask_ahead(later);
            later += kFloatsAhead;
        }
    }
}

template <bool Ahead, bool Paired, int Pixels, int Vectors>
static SACCADE_INLINE void add_chunk(const ConvolutionArguments &arguments, const Panel &panel, const Chunk &chunk,
                                     const float *const *inputs, Vector (&sums)[Pixels][Vectors], const float *later) {
    Sums<Pixels, Vectors, Paired> added(sums);
    constexpr int width = Vectors * kLanes;
    const float *weights = arguments.weights + panel.weights + chunk.weights * width;
    for (int segment = chunk.first_segment; segment < chunk.last_segment; ++segment) {
        const int64_t offset =
            arguments.segment_offsets[segment] + panel.input_offset + int64_t{chunk.first} * arguments.input_step;
        const float *pointers[Pixels];
#pragma GCC unroll 16
        for (int pixel = 0; pixel < Pixels; ++pixel) {
            pointers[pixel] = inputs[pixel] + offset;
        }
        add_rows<Ahead>(weights, pointers, chunk.last - chunk.first, arguments.input_step, added, later);
    }
    added.write_to(sums);
}

template <int Pixels, int Vectors, bool Paired>
static void tile(const ConvolutionArguments &arguments, const Panel &panel, const Chunk &chunk, const float *bias,
                 const float *const *inputs, float *const *outputs, const float *const *residuals, float *scratch,
                 WeightsAhead *weights_ahead) {
    constexpr int width = Vectors * kLanes;
    Vector sums[Pixels][Vectors];
#pragma GCC unroll 16
    for (int pixel = 0; pixel < Pixels; ++pixel) {
#pragma GCC unroll 4
        for (int vector = 0; vector < Vectors; ++vector) {
            sums[pixel][vector] =
                chunk.is_first ? load(bias + vector * kLanes) : load(scratch + pixel * width + vector * kLanes);
        }
    }
    // In short sums there is no time for it.
    const bool ahead = kPrefetchPlaces && chunk.is_last && arguments.segments * arguments.segment_length >= 48;
    for (int pixel = 0; ahead && pixel < Pixels; ++pixel) {
        prefetch_output(outputs[pixel] + panel.channel, width);
        if (residuals != nullptr) {
            prefetch(residuals[pixel] + panel.channel, width);
        }
    }
    const int64_t rows = int64_t{chunk.last - chunk.first} * (chunk.last_segment - chunk.first_segment);
    if (const float *later = take_ahead(weights_ahead, rows)) {
        add_chunk<true, Paired>(arguments, panel, chunk, inputs, sums, later);
    } else {
        add_chunk<false, Paired>(arguments, panel, chunk, inputs, sums, nullptr);
    }
    if (chunk.is_last) {
        finish<Pixels, Vectors>(arguments, panel, sums, outputs, residuals);
        return;
    }
#pragma GCC unroll 16
    for (int pixel = 0; pixel < Pixels; ++pixel) {
#pragma GCC unroll 4
        for (int vector = 0; vector < Vectors; ++vector) {
            store(scratch + pixel * width + vector * kLanes, sums[pixel][vector]);
        }
    }
}

using Tile = void (*)(const ConvolutionArguments &, const Panel &, const Chunk &, const float *, const float *const *,
                      float *const *, const float *const *, float *, WeightsAhead *);

template <int Vectors, bool Paired, int Pixels> static void fill_tiles(Tile *tiles) {
    tiles[Pixels] = tile<Pixels, Vectors, Paired>;
    if constexpr (Pixels > 1) {
        fill_tiles<Vectors, Paired, Pixels - 1>(tiles);
    }
}

template <int Vectors, bool Paired>
static void panel_pass(const ConvolutionArguments &arguments, const Panel &panel, const Chunk &chunk, const float *bias,
                       const float *const *inputs, float *const *outputs, const float *const *residuals, int count,
                       float *scratch, WeightsAhead *weights_ahead) {
    constexpr int pixels = tile_pixels<Vectors>();
    static const struct Tiles {
        Tile entry[pixels + 1];
        Tiles() { fill_tiles<Vectors, Paired, pixels>(entry); }
    } tiles;
    // Where one stretch is all that a place needs, it is asked for while the tile before is computed.
    const bool ahead = kPrefetchPlaces && arguments.segments == 1 && panel.channel == 0;
    for (int first = 0; first < count; first += pixels) {
        const int size = count - first < pixels ? count - first : pixels;
        for (int next = first + pixels; ahead && next < first + 2 * pixels && next < count; ++next) {
            prefetch(inputs[next] + arguments.segment_offsets[0] + int64_t{chunk.first} * arguments.input_step,
                     int64_t{chunk.last - chunk.first} * arguments.input_step);
        }
        tiles.entry[size](arguments, panel, chunk, bias, inputs + first, outputs + first,
                          residuals == nullptr ? nullptr : residuals + first,
                          scratch + static_cast<int64_t>(first) * Vectors * kLanes, weights_ahead);
    }
}

template <int Vectors>
static void chunk_pass_of(const ConvolutionArguments &arguments, const Panel &panel, const Chunk &chunk,
                          const float *bias, const float *const *inputs, float *const *outputs,
                          const float *const *residuals, int count, float *scratch, WeightsAhead *weights_ahead) {
    if constexpr (Vectors <= kMaxVectors) {
        if constexpr (kPairs) {
            if (panel.channels <= Vectors * kLanes - kHalf) {
                panel_pass<Vectors, true>(arguments, panel, chunk, bias, inputs, outputs, residuals, count, scratch,
                                          weights_ahead);
                return;
            }
        }
        panel_pass<Vectors, false>(arguments, panel, chunk, bias, inputs, outputs, residuals, count, scratch,
                                   weights_ahead);
    }
}

static void chunk_pass(const ConvolutionArguments &arguments, const Panel &panel, const Chunk &chunk, const float *bias,
                       const float *const *inputs, float *const *outputs, const float *const *residuals, int count,
                       float *scratch, WeightsAhead *weights_ahead) {
    using Pass = void (*)(const ConvolutionArguments &, const Panel &, const Chunk &, const float *,
                          const float *const *, float *const *, const float *const *, int, float *, WeightsAhead *);
    static constexpr Pass passes[] = {chunk_pass_of<1>, chunk_pass_of<2>, chunk_pass_of<3>, chunk_pass_of<4>};
    passes[panel.vectors - 1](arguments, panel, chunk, bias, inputs, outputs, residuals, count, scratch, weights_ahead);
}

static void convolution(const ConvolutionArguments &arguments, const float *const *inputs, float *const *outputs,
                        const float *const *residuals, int32_t count, int32_t first_panel, int32_t last_panel,
                        float *scratch, WeightsAhead *weights_ahead) {
    int64_t bias_offset = 0;
    for (int panel = 0; panel < first_panel; ++panel) {
        bias_offset += arguments.panels[panel].vectors * kLanes;
    }
    for (int index = first_panel; index < last_panel; ++index) {
        const Panel &panel = arguments.panels[index];
        const float *bias = arguments.bias + bias_offset;
        const int width = panel.vectors * kLanes;
        bias_offset += width;
        const int rows = (count <= kFewPlaces ? kShortChunkFloats : kChunkFloats) / width;
        const int length = arguments.segment_length;
        if (arguments.segments == 0) { // a place that no tap reaches, in a transposed convolution
            chunk_pass(arguments, panel, {0, 0, 0, 0, 0, true, true}, bias, inputs, outputs, residuals, count, scratch,
                       weights_ahead);
            continue;
        }
        if (length > rows) { // parts of a segment
            for (int segment = 0; segment < arguments.segments; ++segment) {
                for (int first = 0; first < length; first += rows) {
                    const int last = length - first < rows ? length : first + rows;
                    const Chunk chunk = {segment,
                                         segment + 1,
                                         first,
                                         last,
                                         static_cast<int64_t>(segment) * length + first,
                                         segment == 0 && first == 0,
                                         segment + 1 == arguments.segments && last == length};
                    chunk_pass(arguments, panel, chunk, bias, inputs, outputs, residuals, count, scratch,
                               weights_ahead);
                }
            }
            continue;
        }
        const int step = rows / length; // whole segments
        for (int first = 0; first < arguments.segments; first += step) {
            const int last = arguments.segments - first < step ? arguments.segments : first + step;
            const Chunk chunk = {
                first, last, 0, length, static_cast<int64_t>(first) * length, first == 0, last == arguments.segments};
            chunk_pass(arguments, panel, chunk, bias, inputs, outputs, residuals, count, scratch, weights_ahead);
        }
    }
}

} // namespace saccade::SACCADE_ISA
