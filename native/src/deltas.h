// Changes of single elements: which of them are passed on, and what they add to a consumer's sums.
#pragma once

#include "vector.h"

namespace saccade::SACCADE_ISA {

#if defined(__AVX2__) || defined(__aarch64__)
constexpr int kDeltaVectors = 12;
#else
constexpr int kDeltaVectors = 8;
#endif

static int32_t transmit(const float *values, float *copy, const float *thresholds, int32_t channels, Delta *deltas,
                        bool *finite) {
    int32_t count = 0;
    for (int channel = 0; channel < channels; channel += kLanes) {
        const int left = channels - channel;
        const Vector value = left < kLanes ? load_partial(values + channel, left) : load(values + channel);
        const Vector told = left < kLanes ? load_partial(copy + channel, left) : load(copy + channel);
        const Vector change = value - told;
        // Bits that agree are no change, whatever their difference is: infinity stays infinity.
        Mask value_bits, told_bits;
        std::memcpy(&value_bits, &value, sizeof value_bits);
        std::memcpy(&told_bits, &told, sizeof told_bits);
        const Mask small = (absolute(change) <= load(thresholds + channel)) | (value_bits == told_bits);
        uint32_t bits = ~bits_of(small) & ((left < kLanes ? 1u << left : 1u << (kLanes - 1) << 1) - 1u);
        if (bits == 0) {
            continue;
        }
        if (bits_of(change - change != splat(0.0f)) & bits) {
            *finite = false;
        }
        float changes[kLanes];
        store(changes, change);
        for (; bits != 0; bits &= bits - 1) {
            const int lane = __builtin_ctz(bits);
            copy[channel + lane] = values[channel + lane];
            deltas[count].change = changes[lane];
            deltas[count].channel = channel + lane;
            ++count;
        }
    }
    return count;
}

// Of the weighted squared differences of a place's channels the mean or the largest; NaN where a difference is NaN.
static float place_difference(const float *values, const float *copy, const float *weights, int32_t channels,
                              bool largest) {
    Vector sum = {};
    Maximum most;
    most.take(Vector{});
    for (int channel = 0; channel < channels; channel += kLanes) {
        const int left = channels - channel;
        const Vector value = left < kLanes ? load_partial(values + channel, left) : load(values + channel);
        const Vector told = left < kLanes ? load_partial(copy + channel, left) : load(copy + channel);
        const Vector square = (value - told) * (value - told) * load(weights + channel);
        sum += square;
        most.take(square);
    }
    const Vector lanes = largest ? most.value() : sum;
    float result = 0.0f;
    for (int lane = 0; lane < kLanes; ++lane) {
        if (!largest) {
            result += lanes[lane];
        } else if (!(lanes[lane] <= result) && result == result) {
            result = lanes[lane];
        }
    }
    return largest ? result : result / static_cast<float>(channels);
}

template <int Vectors>
static void accumulate_row(const float *weights, int64_t row_stride, const DeltaList *lists, int32_t count,
                           float *target) {
    // A chain of additions to one register waits for each of them: a narrow row keeps several sums and joins them.
    constexpr int chains = Vectors <= 2 ? 4 : Vectors <= 4 ? 2 : 1;
    Vector sums[chains][Vectors];
#pragma GCC unroll 4
    for (int chain = 0; chain < chains; ++chain) {
#pragma GCC unroll 12
        for (int vector = 0; vector < Vectors; ++vector) {
            sums[chain][vector] = chain == 0 ? load(target + vector * kLanes) : Vector{};
        }
    }
    for (int list = 0; list < count; ++list) {
        const float *base = weights + lists[list].row * row_stride;
        const Delta *delta = lists[list].deltas;
        int left = lists[list].count;
        for (; left >= chains; left -= chains, delta += chains) {
#pragma GCC unroll 4
            for (int chain = 0; chain < chains; ++chain) {
                const Vector change = splat(delta[chain].change);
                const float *row = base + delta[chain].channel * row_stride;
#pragma GCC unroll 12
                for (int vector = 0; vector < Vectors; ++vector) {
                    sums[chain][vector] += change * load(row + vector * kLanes);
                }
            }
        }
        for (; left > 0; --left, ++delta) {
            const Vector change = splat(delta->change);
            const float *row = base + delta->channel * row_stride;
#pragma GCC unroll 12
            for (int vector = 0; vector < Vectors; ++vector) {
                sums[0][vector] += change * load(row + vector * kLanes);
            }
        }
    }
#pragma GCC unroll 12
    for (int vector = 0; vector < Vectors; ++vector) {
        Vector total = sums[0][vector];
#pragma GCC unroll 4
        for (int chain = 1; chain < chains; ++chain) {
            total += sums[chain][vector];
        }
        store(target + vector * kLanes, total);
    }
}

using AccumulateRow = void (*)(const float *, int64_t, const DeltaList *, int32_t, float *);

template <int Vectors> static void fill_rows(AccumulateRow *rows) {
    rows[Vectors] = accumulate_row<Vectors>;
    if constexpr (Vectors > 1) {
        fill_rows<Vectors - 1>(rows);
    }
}

static void accumulate(const float *weights, int64_t row_stride, const DeltaList *lists, int32_t count, int32_t vectors,
                       float *sums) {
    static const struct Rows {
        AccumulateRow entry[kDeltaVectors + 1];
        Rows() { fill_rows<kDeltaVectors>(entry); }
    } rows;
    rows.entry[vectors](weights, row_stride, lists, count, sums);
}

} // namespace saccade::SACCADE_ISA
