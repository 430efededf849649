// What a frame goes through before the first operator: where it differs from the one before, bit by bit (NaN equals
// itself, and no rounding is involved), and its planes laid out by places.
#pragma once

#include "vector.h"

namespace saccade::SACCADE_ISA {

static SACCADE_INLINE bool any_bit(Mask bits) {
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask(reinterpret_cast<__m512i>(bits), reinterpret_cast<__m512i>(bits)) != 0;
#elif defined(__AVX2__)
    return _mm256_testz_si256(reinterpret_cast<__m256i>(bits), reinterpret_cast<__m256i>(bits)) == 0;
#else
    uint64_t words[sizeof(Mask) / 8];
    std::memcpy(words, &bits, sizeof words);
    uint64_t all = 0;
    for (unsigned word = 0; word < sizeof(Mask) / 8; ++word) {
        all |= words[word];
    }
    return all != 0;
#endif
}

typedef uint8_t Bytes __attribute__((vector_size(kLanes)));

static SACCADE_INLINE void mark(Mask difference, uint8_t *changed) {
    Bytes marks;
    std::memcpy(&marks, changed, sizeof marks);
    marks |= __builtin_convertvector(difference != 0, Bytes) & 1;
    std::memcpy(changed, &marks, sizeof marks);
}

static bool compare(const float *frame, const float *reference, int64_t count, uint8_t *changed) {
    constexpr int step = 4 * kLanes;
    constexpr int kAhead = 512;
    bool any = false;
    int64_t first = 0;
    for (; first + step <= count; first += step) {
        // The processor's own prefetching stops at every page.
        for (int line = 0; line < step; line += 16) {
            __builtin_prefetch(frame + first + kAhead + line);
            __builtin_prefetch(reference + first + kAhead + line);
        }
        Mask difference[4], all = {};
        for (int vector = 0; vector < 4; ++vector) {
            Mask left, right;
            std::memcpy(&left, frame + first + vector * kLanes, sizeof left);
            std::memcpy(&right, reference + first + vector * kLanes, sizeof right);
            difference[vector] = left ^ right;
            all |= difference[vector];
        }
        if (any_bit(all)) {
            if (changed == nullptr) {
                return true;
            }
            any = true;
            for (int vector = 0; vector < 4; ++vector) {
                mark(difference[vector], changed + first + vector * kLanes);
            }
        }
    }
    for (; first < count; ++first) {
        const bool differs = std::memcmp(frame + first, reference + first, sizeof(float)) != 0;
        any |= differs;
        if (changed != nullptr) {
            changed[first] |= differs;
        }
    }
    return any;
}

// Compilers turn this into whole loads and shuffles.
template <typename Element>
static void interleave(const Element *planes, int64_t plane, int64_t count, float *__restrict target) {
    const Element *__restrict first = planes;
    const Element *__restrict second = planes + plane;
    const Element *__restrict third = planes + 2 * plane;
    for (int64_t place = 0; place < count; ++place) {
        target[3 * place] = static_cast<float>(first[place]);
        target[3 * place + 1] = static_cast<float>(second[place]);
        target[3 * place + 2] = static_cast<float>(third[place]);
    }
}

} // namespace saccade::SACCADE_ISA
