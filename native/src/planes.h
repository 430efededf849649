// Places of many channels become planes of one channel each, as torch has them.
#pragma once

#include "vector.h"

namespace saccade::SACCADE_ISA {

typedef float Eight __attribute__((vector_size(32)));

// Lane i of row k becomes lane k of row i.
static SACCADE_INLINE void transpose(Eight (&rows)[8]) {
    Eight pairs[8], fours[8];
#pragma GCC unroll 4
    for (int row = 0; row < 8; row += 2) {
        pairs[row] = __builtin_shufflevector(rows[row], rows[row + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        pairs[row + 1] = __builtin_shufflevector(rows[row], rows[row + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
#pragma GCC unroll 2
    for (int row = 0; row < 8; row += 4) {
#pragma GCC unroll 2
        for (int odd = 0; odd < 2; ++odd) {
            const Eight first = pairs[row + odd], second = pairs[row + 2 + odd];
            fours[row + 2 * odd] = __builtin_shufflevector(first, second, 0, 1, 8, 9, 4, 5, 12, 13);
            fours[row + 2 * odd + 1] = __builtin_shufflevector(first, second, 2, 3, 10, 11, 6, 7, 14, 15);
        }
    }
#pragma GCC unroll 4
    for (int row = 0; row < 4; ++row) {
        rows[row] = __builtin_shufflevector(fours[row], fours[row + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        rows[row + 4] = __builtin_shufflevector(fours[row], fours[row + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

// `count` places of a row. A vector may be read past the last place.
static void to_planes(const float *places, int64_t pixel_stride, int32_t channels, int32_t count, float *target,
                      int64_t plane) {
    if (count < 8) {
        for (int place = 0; place < count; ++place) {
            for (int channel = 0; channel < channels; ++channel) {
                target[channel * plane + place] = places[place * pixel_stride + channel];
            }
        }
        return;
    }
    for (int next = 0; next < count; next += 8) {
        const int first = next + 8 <= count ? next : count - 8; // the last eight overlap the ones before
        for (int channel = 0; channel < channels; channel += 8) {
            Eight rows[8];
#pragma GCC unroll 8
            for (int place = 0; place < 8; ++place) {
                std::memcpy(&rows[place], places + (first + place) * pixel_stride + channel, sizeof rows[place]);
            }
            transpose(rows);
            float *planes = target + channel * plane + first;
            for (int row = 0; row < 8 && row < channels - channel; ++row) {
                std::memcpy(planes + row * plane, &rows[row], sizeof rows[row]);
            }
        }
    }
}

} // namespace saccade::SACCADE_ISA
