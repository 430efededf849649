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
// reads of them is too scattered for the processor to foresee. Measured with AVX2 only.
constexpr bool kPrefetchPlaces = kLanes == 8;

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

// Comparisons are written so that NaN passes through, as in torch.
static SACCADE_INLINE Vector at_least(Vector value, float bound) { return value < splat(bound) ? splat(bound) : value; }

static SACCADE_INLINE Vector at_most(Vector value, float bound) { return value > splat(bound) ? splat(bound) : value; }

// e^x, relative error below 2e-7 between the limits of float32.
static SACCADE_INLINE Vector exponential(Vector x) {
    const Vector input = x;
    x = at_most(at_least(x, -87.3f), 88.7f);
    const Vector scaled = x * 1.44269504088896341f;
    const Vector rounded = scaled + (scaled < splat(0.0f) ? splat(-0.5f) : splat(0.5f));
    Mask exponent = __builtin_convertvector(rounded, Mask);
    const Vector whole = __builtin_convertvector(exponent, Vector);
    const Vector rest = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
    Vector series = splat(1.9875691500e-4f);
    series = series * rest + 1.3981999507e-3f;
    series = series * rest + 8.3334519073e-3f;
    series = series * rest + 4.1665795894e-2f;
    series = series * rest + 1.6666665459e-1f;
    series = series * rest + 5.0000001201e-1f;
    series = series * rest * rest + rest + 1.0f;
    // Two steps, because 2^128 is not a float.
    const Mask half = exponent >> 1;
    const Mask first_bits = (half + 127) << 23;
    const Mask second_bits = (exponent - half + 127) << 23;
    Vector first, second;
    std::memcpy(&first, &first_bits, sizeof first);
    std::memcpy(&second, &second_bits, sizeof second);
    Vector result = series * first * second;
    result = input > splat(88.72284f) ? splat(__builtin_inff()) : result;
    result = input < splat(-103.97f) ? splat(0.0f) : result;
    return input != input ? input : result;
}

// ln(x) for x >= 1, which is all that softplus and the logarithm of a softmax's sum need.
static SACCADE_INLINE Vector logarithm(Vector x) {
    Mask bits;
    std::memcpy(&bits, &x, sizeof bits);
    Mask exponent = ((bits >> 23) & 255) - 126;
    Mask mantissa_bits = (bits & 0x007fffff) | 0x3f000000;
    Vector mantissa;
    std::memcpy(&mantissa, &mantissa_bits, sizeof mantissa);
    const Mask small = mantissa < splat(0.707106781186547524f);
    exponent = small ? exponent - 1 : exponent;
    mantissa = small ? mantissa + mantissa - 1.0f : mantissa - 1.0f;
    const Vector square = mantissa * mantissa;
    Vector series = splat(7.0376836292e-2f);
    series = series * mantissa - 1.1514610310e-1f;
    series = series * mantissa + 1.1676998740e-1f;
    series = series * mantissa - 1.2420140846e-1f;
    series = series * mantissa + 1.4249322787e-1f;
    series = series * mantissa - 1.6668057665e-1f;
    series = series * mantissa + 2.0000714765e-1f;
    series = series * mantissa - 2.4999993993e-1f;
    series = series * mantissa + 3.3333331174e-1f;
    Vector result = series * mantissa * square - square * 0.5f + mantissa;
    result = result + __builtin_convertvector(exponent, Vector) * 0.693147180559945f;
    result = x == splat(__builtin_inff()) ? x : result;
    return x != x ? x : result;
}

static SACCADE_INLINE Vector absolute(Vector x) {
    Mask bits;
    std::memcpy(&bits, &x, sizeof bits);
    bits &= 0x7fffffff;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

static SACCADE_INLINE Vector sigmoid(Vector x) { return 1.0f / (1.0f + exponential(-x)); }

static SACCADE_INLINE Vector hyperbolic_tangent(Vector x) {
    const Vector large = 1.0f - 2.0f / (exponential(x + x) + 1.0f);
    const Vector square = x * x;
    Vector series = splat(-5.70498872745e-3f);
    series = series * square + 2.06390887954e-2f;
    series = series * square - 5.37397155531e-2f;
    series = series * square + 1.33314422036e-1f;
    series = series * square - 3.33332819422e-1f;
    const Vector small = series * square * x + x;
    return absolute(x) < splat(0.625f) ? small : large;
}

// The error function, absolute error below 2e-7 (Abramowitz and Stegun, 7.1.26).
static SACCADE_INLINE Vector error_function(Vector x) {
    const Vector size = absolute(x);
    const Vector t = 1.0f / (1.0f + 0.3275911f * size);
    Vector series = splat(1.061405429f);
    series = series * t - 1.453152027f;
    series = series * t + 1.421413741f;
    series = series * t - 0.284496736f;
    series = series * t + 0.254829592f;
    const Vector value = 1.0f - series * t * exponential(-size * size);
    return x < splat(0.0f) ? -value : value;
}

static SACCADE_INLINE Vector softplus(Vector x) {
    const Vector value = logarithm(1.0f + exponential(at_most(x, 20.0f)));
    return x > splat(20.0f) ? x : value;
}

static Vector square_root(Vector x) {
    for (int lane = 0; lane < kLanes; ++lane) {
        x[lane] = __builtin_sqrtf(x[lane]);
    }
    return x;
}

// The slower functions stay out of line, so that the kernels that inline `activate` stay small.
static __attribute__((noinline)) Vector activate_slowly(Vector x, Activation activation) {
    switch (activation.function) {
    case Function::leaky_relu:
        return x < splat(0.0f) ? x * activation.a : x;
    case Function::hardswish:
        return x * at_most(at_least(x + 3.0f, 0.0f), 6.0f) * (1.0f / 6.0f);
    case Function::hardsigmoid:
        return at_most(at_least(x + 3.0f, 0.0f), 6.0f) * (1.0f / 6.0f);
    case Function::silu:
        return x * sigmoid(x);
    case Function::gelu:
        return 0.5f * x * (1.0f + error_function(x * 0.70710678118654752f));
    case Function::gelu_tanh:
        return 0.5f * x * (1.0f + hyperbolic_tangent(0.7978845608028654f * (x + 0.044715f * x * x * x)));
    case Function::sigmoid:
        return sigmoid(x);
    case Function::tanh:
        return hyperbolic_tangent(x);
    case Function::elu:
        return x > splat(0.0f) ? x : activation.a * (exponential(x) - 1.0f);
    case Function::mish:
        return x * hyperbolic_tangent(softplus(x));
    case Function::softplus:
        return softplus(x);
    case Function::exp:
        return exponential(x);
    case Function::sqrt:
        return square_root(x);
    case Function::abs:
        return absolute(x);
    default:
        return x;
    }
}

// Identity, ReLU and clamp are one pair of bounds, so that a kernel's end needs no branch for them.
struct Bounds {
    float low, high;
    bool enough; // the function is no more than these bounds
};

static SACCADE_INLINE Bounds bounds_of(Activation activation) {
    const float infinity = __builtin_inff();
    switch (activation.function) {
    case Function::identity:
        return {-infinity, infinity, true};
    case Function::relu:
        return {0.0f, infinity, true};
    case Function::clamp:
        return {activation.a, activation.b, true};
    default:
        return {-infinity, infinity, false};
    }
}

static SACCADE_INLINE Vector activate(Vector x, Bounds bounds, Activation activation) {
    x = at_most(at_least(x, bounds.low), bounds.high);
    return __builtin_expect(bounds.enough, 1) ? x : activate_slowly(x, activation);
}

static SACCADE_INLINE Vector activate(Vector x, Activation activation) {
    return activate(x, bounds_of(activation), activation);
}

} // namespace saccade::SACCADE_ISA
