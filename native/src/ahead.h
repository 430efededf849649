// Asking for the weights of later layers while this one computes.
#pragma once

#include "vector.h"

namespace saccade::SACCADE_ISA {

// Lines of them beside each row of products: about what memory delivers in that time.
constexpr int kLinesAhead = kLanes == 16 ? 2 : 1;
constexpr int64_t kFloatsAhead = kLinesAhead * 16;

// Takes as many as go beside `rows` rows; returns where they begin, or null where nothing is wanted.
static SACCADE_INLINE const float *take_ahead(WeightsAhead *ahead, int64_t rows) {
    const int64_t index = __atomic_load_n(&ahead->index, __ATOMIC_RELAXED);
    const int64_t position = __atomic_load_n(&ahead->position, __ATOMIC_RELAXED);
    if (index >= ahead->count || position >= ahead->end) {
        return nullptr;
    }
    const WeightStretch &stretch = ahead->stretches[index];
    const int64_t next = position + rows * kFloatsAhead;
    const bool last = next >= stretch.before + stretch.floats;
    __atomic_store_n(&ahead->index, last ? index + 1 : index, __ATOMIC_RELAXED);
    __atomic_store_n(&ahead->position, last ? stretch.before + stretch.floats : next, __ATOMIC_RELAXED);
    return stretch.first + (position - stretch.before);
}

// The second cache, as the first one holds what is computed with now.
static SACCADE_INLINE void ask_ahead(const float *weights) {
#pragma GCC unroll 2
    for (int line = 0; line < kLinesAhead; ++line) {
        __builtin_prefetch(weights + 16 * line, 0, 2);
    }
}

} // namespace saccade::SACCADE_ISA
