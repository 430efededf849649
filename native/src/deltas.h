// Changes of single elements: which of them are passed on, and what they add to a consumer's sums.
#pragma once

#include "vector.h"

namespace saccade::SACCADE_ISA {

#if defined(__AVX2__) || defined(__aarch64__)
constexpr int kDeltaVectors = 12;
#else
constexpr int kDeltaVectors = 8;
#endif

// Writes the lanes of `values` that `bits` names, and their numbers from `first` on, to the front of two vectors.
#if defined(__AVX512F__)
static SACCADE_INLINE void compress(uint32_t bits, Vector values, int32_t first, float *kept, int32_t *numbers) {
    const auto mask = static_cast<__mmask16>(bits);
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    _mm512_storeu_ps(kept, _mm512_maskz_compress_ps(mask, reinterpret_cast<__m512>(values)));
    _mm512_storeu_si512(numbers, _mm512_maskz_compress_epi32(mask, _mm512_add_epi32(lanes, _mm512_set1_epi32(first))));
}
#elif defined(__AVX2__)
struct LaneTable {
    alignas(32) int32_t lanes[256][8];

    constexpr LaneTable() : lanes() {
        for (int bits = 0; bits < 256; ++bits) {
            int count = 0;
            for (int lane = 0; lane < 8; ++lane) {
                if (bits >> lane & 1) {
                    lanes[bits][count++] = lane;
                }
            }
        }
    }
};
static constexpr LaneTable kLaneTable;

static SACCADE_INLINE void compress(uint32_t bits, Vector values, int32_t first, float *kept, int32_t *numbers) {
    const __m256i order = _mm256_load_si256(reinterpret_cast<const __m256i *>(kLaneTable.lanes[bits]));
    _mm256_storeu_ps(kept, _mm256_permutevar8x32_ps(reinterpret_cast<__m256>(values), order));
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(numbers), _mm256_add_epi32(order, _mm256_set1_epi32(first)));
}
#else
static SACCADE_INLINE void compress(uint32_t bits, Vector values, int32_t first, float *kept, int32_t *numbers) {
    int count = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
        if (bits >> lane & 1) {
            kept[count] = values[lane];
            numbers[count++] = first + lane;
        }
    }
}
#endif

// What is told of a place so far.
struct Told {
    float *changes;
    int32_t *changed;
    int32_t count;
    Mask broken; // lanes of changes that are no finite number
    Vector largest_change, largest_value;
};

constexpr uint32_t kAllLanes = (1u << (kLanes - 1) << 1) - 1u;

// Lanes that are not told. Bits that agree are no change, whatever their difference is: infinity stays infinity.
static SACCADE_INLINE Mask is_small(Vector value, Vector copy, const float *thresholds) {
    Mask value_bits, copy_bits;
    std::memcpy(&value_bits, &value, sizeof value_bits);
    std::memcpy(&copy_bits, &copy, sizeof copy_bits);
    return (absolute(value - copy) <= load(thresholds)) | (value_bits == copy_bits);
}

static SACCADE_INLINE void tell(Told &told, Vector value, Vector before, Mask small, int32_t channel) {
    const Vector change = value - before;
    const Vector change_size = small ? Vector{} : absolute(change), value_size = small ? Vector{} : absolute(value);
    told.largest_change = change_size > told.largest_change ? change_size : told.largest_change;
    told.largest_value = value_size > told.largest_value ? value_size : told.largest_value;
    const uint32_t bits = ~bits_of(small) & kAllLanes;
    told.broken |= (change - change != splat(0.0f)) & ~small;
    compress(bits, change, channel, told.changes + told.count, told.changed + told.count);
    told.count += __builtin_popcount(bits);
}

// Whole vectors of channels: passed by together where none is told, since each has some too often to be foreseen.
template <int Vectors>
static SACCADE_INLINE void transmit_vectors(const float *values, float *copy, const float *thresholds, int32_t channel,
                                            Told &told) {
    Mask small[Vectors];
    Mask all = ~Mask{};
#pragma GCC unroll 4
    for (int vector = 0; vector < Vectors; ++vector) {
        const int32_t first = channel + vector * kLanes;
        small[vector] = is_small(load(values + first), load(copy + first), thresholds + first);
        all &= small[vector];
    }
    if (bits_of(all) == kAllLanes) {
        return;
    }
#pragma GCC unroll 4
    for (int vector = 0; vector < Vectors; ++vector) {
        const int32_t first = channel + vector * kLanes;
        const Vector value = load(values + first), before = load(copy + first);
        store(copy + first, small[vector] ? before : value);
        tell(told, value, before, small[vector], first);
    }
}

static int32_t transmit(const float *values, float *copy, const float *thresholds, int32_t channels, float *changes,
                        int32_t *changed, bool *finite, float *largest) {
    Told told = {changes, changed, 0, {}, load(largest), load(largest + kLanes)};
    int32_t channel = 0;
    for (; channel + 4 * kLanes <= channels; channel += 4 * kLanes) {
        transmit_vectors<4>(values, copy, thresholds, channel, told);
    }
    if (channel + 2 * kLanes <= channels) {
        transmit_vectors<2>(values, copy, thresholds, channel, told);
        channel += 2 * kLanes;
    }
    if (channel + kLanes <= channels) {
        transmit_vectors<1>(values, copy, thresholds, channel, told);
        channel += kLanes;
    }
    if (const int left = channels - channel; left > 0) {
        const Vector value = load_partial(values + channel, left), before = load_partial(copy + channel, left);
        const Mask small = is_small(value, before, thresholds + channel); // lanes past the last agree
        if (bits_of(small) != kAllLanes) {
            store_partial(copy + channel, small ? before : value, left);
            tell(told, value, before, small, channel);
        }
    }
    if (bits_of(told.broken) != 0) {
        *finite = false;
    }
    store(largest, told.largest_change);
    store(largest + kLanes, told.largest_value);
    return told.count;
}

// Which of 64 floats, from `values` and `copy` on, moved by more than their thresholds; `vectors` of them count.
static SACCADE_INLINE uint64_t moved_floats(const float *values, const float *copy, const float *thresholds,
                                            int32_t vectors) {
    uint64_t moved = 0;
    for (int vector = 0; vector < vectors; ++vector) {
        const int32_t first = vector * kLanes;
        const Mask small = is_small(load(values + first), load(copy + first), thresholds + first);
        moved |= uint64_t{~bits_of(small) & kAllLanes} << first;
    }
    return moved;
}

// The places of a row, packed one behind the other with few channels each, at which something is to be told.
static void moved_places(const float *values, const float *copy, const float *thresholds, int32_t channels,
                         int32_t count, uint8_t *moved) {
    constexpr int most = 64;
    float repeated[most];
    for (int index = 0; index < kLanes * channels; ++index) {
        repeated[index] = thresholds[index % channels];
    }
    const uint64_t place = (uint64_t{1} << channels) - 1;
    int first = 0;
    for (; first + kLanes <= count; first += kLanes) { // as many places as a vector has lanes are whole vectors
        uint64_t bits = moved_floats(values + first * channels, copy + first * channels, repeated, channels);
        if (bits == 0) {
            std::memset(moved + first, 0, kLanes);
            continue;
        }
        for (int index = 0; index < kLanes; ++index, bits >>= channels) {
            moved[first + index] = (bits & place) != 0;
        }
    }
    std::memset(moved + first, 1, static_cast<size_t>(count - first)); // one by one
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
        const float *changes = lists[list].changes;
        const int32_t *channels = lists[list].channels;
        const int size = lists[list].count;
        int delta = 0;
        for (; delta + chains <= size; delta += chains) {
#pragma GCC unroll 4
            for (int chain = 0; chain < chains; ++chain) {
                const Vector change = splat(changes[delta + chain]);
                const float *row = base + channels[delta + chain] * row_stride;
#pragma GCC unroll 12
                for (int vector = 0; vector < Vectors; ++vector) {
                    sums[chain][vector] += change * load(row + vector * kLanes);
                }
            }
        }
        for (; delta < size; ++delta) {
            const Vector change = splat(changes[delta]);
            const float *row = base + channels[delta] * row_stride;
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
