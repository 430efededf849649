// One vector type per instruction set, in the compilers' own vector extension. Compiled once per instruction set:
// everything lives in a namespace of that name.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "saccade/types.h"

#if !defined(SACCADE_ISA)
#error "SACCADE_ISA names the namespace of the instruction set that this file is compiled for"
#endif

#define SACCADE_INLINE inline __attribute__((always_inline))

namespace saccade::SACCADE_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kMaxVectors = 4;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kMaxVectors = 3;
#elif defined(__aarch64__)
constexpr int kLanes = 4;
constexpr int kMaxVectors = 4;
#else // products take a register of their own
constexpr int kLanes = 4;
constexpr int kMaxVectors = 2;
#endif

typedef float Vector __attribute__((vector_size(kLanes * 4)));
typedef int32_t Mask __attribute__((vector_size(kLanes * 4)));

static SACCADE_INLINE Vector load(const float *source) {
    Vector value;
    std::memcpy(&value, source, sizeof value);
    return value;
}

static SACCADE_INLINE void store(float *target, Vector value) { std::memcpy(target, &value, sizeof value); }

static SACCADE_INLINE Vector splat(float value) { return value - Vector{}; }

// The first `count` floats only; the other lanes of a load are zero.
#if defined(__AVX512F__)
static SACCADE_INLINE void store_partial(float *target, Vector value, int count) {
    _mm512_mask_storeu_ps(target, static_cast<__mmask16>((1u << count) - 1u), reinterpret_cast<__m512>(value));
}

static SACCADE_INLINE Vector load_partial(const float *source, int count) {
    return reinterpret_cast<Vector>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1u), source));
}
#elif defined(__AVX2__)
static SACCADE_INLINE __m256i first_lanes(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static SACCADE_INLINE void store_partial(float *target, Vector value, int count) {
    _mm256_maskstore_ps(target, first_lanes(count), reinterpret_cast<__m256>(value));
}

static SACCADE_INLINE Vector load_partial(const float *source, int count) {
    return reinterpret_cast<Vector>(_mm256_maskload_ps(source, first_lanes(count)));
}
#else
static SACCADE_INLINE void store_partial(float *target, Vector value, int count) {
    std::memcpy(target, &value, static_cast<unsigned>(count) * sizeof(float));
}

static SACCADE_INLINE Vector load_partial(const float *source, int count) {
    Vector value = {};
    std::memcpy(&value, source, static_cast<unsigned>(count) * sizeof(float));
    return value;
}
#endif

// Two halves of a vector: where two places share one.
#if defined(__AVX512F__)
static SACCADE_INLINE Vector load_half_twice(const float *source) {
    return reinterpret_cast<Vector>(_mm512_broadcast_f32x8(_mm256_loadu_ps(source)));
}

static SACCADE_INLINE Vector swapped(Vector value) {
    return __builtin_shufflevector(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
}

// The lower half of one and the upper half of another.
static SACCADE_INLINE Vector halves(Vector lower, Vector upper) {
    return reinterpret_cast<Vector>(
        _mm512_mask_blend_ps(0xff00, reinterpret_cast<__m512>(lower), reinterpret_cast<__m512>(upper)));
}
#else // never taken
static SACCADE_INLINE Vector load_half_twice(const float *source) { return load(source); }
static SACCADE_INLINE Vector swapped(Vector value) { return value; }
static SACCADE_INLINE Vector halves(Vector lower, Vector) { return lower; }
#endif

// A maximum over many vectors. NaN wins, as in torch; it is kept apart because the processors' own maximum drops it.
struct Maximum {
    Vector largest = splat(-__builtin_inff());
#if defined(__AVX512F__)
    __mmask16 unordered = 0;

    SACCADE_INLINE void take(Vector value) {
        const auto raw = reinterpret_cast<__m512>(value);
        unordered = static_cast<__mmask16>(unordered | _mm512_cmp_ps_mask(raw, raw, _CMP_UNORD_Q));
        largest = reinterpret_cast<Vector>(_mm512_max_ps(raw, reinterpret_cast<__m512>(largest)));
    }

    SACCADE_INLINE Vector value() const {
        const __m512 nan = _mm512_set1_ps(__builtin_nanf(""));
        return reinterpret_cast<Vector>(_mm512_mask_mov_ps(reinterpret_cast<__m512>(largest), unordered, nan));
    }
#elif defined(__AVX2__)
    __m256 unordered = {};

    SACCADE_INLINE void take(Vector value) {
        const auto raw = reinterpret_cast<__m256>(value);
        unordered = _mm256_or_ps(unordered, _mm256_cmp_ps(raw, raw, _CMP_UNORD_Q));
        largest = reinterpret_cast<Vector>(_mm256_max_ps(raw, reinterpret_cast<__m256>(largest)));
    }

    SACCADE_INLINE Vector value() const {
        const __m256 nan = _mm256_set1_ps(__builtin_nanf(""));
        return reinterpret_cast<Vector>(_mm256_blendv_ps(reinterpret_cast<__m256>(largest), nan, unordered));
    }
#else
    Mask unordered = {};

    SACCADE_INLINE void take(Vector value) {
        unordered |= value != value;
        largest = value > largest ? value : largest;
    }

    SACCADE_INLINE Vector value() const { return unordered ? splat(__builtin_nanf("")) : largest; }
#endif
};

// One bit a lane of a comparison's result.
static SACCADE_INLINE uint32_t bits_of(Mask mask) {
#if defined(__AVX512F__)
    return _mm512_movepi32_mask(reinterpret_cast<__m512i>(mask));
#elif defined(__AVX2__)
    return static_cast<uint32_t>(_mm256_movemask_ps(reinterpret_cast<__m256>(mask)));
#else
    uint32_t bits = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
        bits |= (mask[lane] != 0 ? 1u : 0u) << lane;
    }
    return bits;
#endif
}

// Whether no lane is NaN.
static SACCADE_INLINE bool all_ordered(Vector value) {
    const Mask same = value == value;
    int64_t words[sizeof(Mask) / 8];
    std::memcpy(words, &same, sizeof words);
    int64_t all = -1;
    for (unsigned word = 0; word < sizeof(Mask) / 8; ++word) {
        all &= words[word];
    }
    return all == -1;
}

// Stops the compiler from spilling a value that every step of an inner loop reads.
static SACCADE_INLINE void keep_in_register(Vector &value) {
#if defined(__x86_64__)
    __asm__("" : "+v"(value));
#elif defined(__aarch64__)
    __asm__("" : "+w"(value));
#else
    (void)value;
#endif
}

// Whether places are asked for before they are needed: most layers' activations come from memory, and what a kernel
// reads of them is too scattered for the processor to foresee. Measured with AVX2 and AVX-512.
constexpr bool kPrefetchPlaces = kLanes >= 8;

static SACCADE_INLINE void prefetch(const float *source, int64_t floats) {
    for (int64_t line = 0; line < floats; line += 16) {
        __builtin_prefetch(source + line);
    }
}

static SACCADE_INLINE void prefetch_output(const float *target, int64_t floats) {
    for (int64_t line = 0; line < floats; line += 16) {
        __builtin_prefetch(target + line, 1);
    }
}

// NaN passes through, as in torch: the processors' maximum and minimum return the second operand where either is NaN.
#if defined(__AVX512F__)
static SACCADE_INLINE Vector at_least(Vector value, float bound) {
    return reinterpret_cast<Vector>(_mm512_max_ps(_mm512_set1_ps(bound), reinterpret_cast<__m512>(value)));
}

static SACCADE_INLINE Vector at_most(Vector value, float bound) {
    return reinterpret_cast<Vector>(_mm512_min_ps(_mm512_set1_ps(bound), reinterpret_cast<__m512>(value)));
}
#elif defined(__AVX2__)
static SACCADE_INLINE Vector at_least(Vector value, float bound) {
    return reinterpret_cast<Vector>(_mm256_max_ps(_mm256_set1_ps(bound), reinterpret_cast<__m256>(value)));
}

static SACCADE_INLINE Vector at_most(Vector value, float bound) {
    return reinterpret_cast<Vector>(_mm256_min_ps(_mm256_set1_ps(bound), reinterpret_cast<__m256>(value)));
}
#else
static SACCADE_INLINE Vector at_least(Vector value, float bound) { return value < splat(bound) ? splat(bound) : value; }

static SACCADE_INLINE Vector at_most(Vector value, float bound) { return value > splat(bound) ? splat(bound) : value; }
#endif

} // namespace saccade::SACCADE_ISA
