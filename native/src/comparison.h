// Where two frames differ, bit by bit: NaN equals itself, and no rounding is involved.
#pragma once

#include "vector.h"

namespace saccade::SACCADE_ISA {

static bool compare_planes(const float *frame, const float *reference, int64_t plane_stride, int32_t planes,
                           int32_t width, uint8_t *changed) {
    constexpr int step = 4 * kLanes;
    bool any = false;
    std::memset(changed, 0, static_cast<unsigned>(width));
    for (int plane = 0; plane < planes; ++plane) {
        const float *left = frame + plane * plane_stride;
        const float *right = reference + plane * plane_stride;
        for (int first = 0; first < width; first += step) {
            const int size = width - first < step ? width - first : step;
            if (size == step) {
                Mask difference = {};
                for (int vector = 0; vector < 4; ++vector) {
                    Mask a, b;
                    std::memcpy(&a, left + first + vector * kLanes, sizeof a);
                    std::memcpy(&b, right + first + vector * kLanes, sizeof b);
                    difference |= a ^ b;
                }
                uint64_t words[sizeof(Mask) / 8];
                std::memcpy(words, &difference, sizeof words);
                uint64_t all = 0;
                for (unsigned word = 0; word < sizeof(Mask) / 8; ++word) {
                    all |= words[word];
                }
                if (all == 0) {
                    continue;
                }
            }
            for (int x = first; x < first + size; ++x) {
                uint32_t a, b;
                std::memcpy(&a, left + x, sizeof a);
                std::memcpy(&b, right + x, sizeof b);
                changed[x] |= a != b;
                any |= a != b;
            }
        }
    }
    return any;
}

} // namespace saccade::SACCADE_ISA
