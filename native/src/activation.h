// What layers end with: bounds, and functions of single values. Relative errors are below 1e-6 but in the far tails.
#pragma once

#include "vector.h"

namespace saccade::SACCADE_ISA {

// e^x for |x| <= ln(2) / 2.
static SACCADE_INLINE Vector exponential_series(Vector x) { // in few steps, which wait for each other
    const Vector square = x * x;
    const Vector low = 1.6666665459e-1f * x + 5.0000001201e-1f;
    const Vector middle = 8.3334519073e-3f * x + 4.1665795894e-2f;
    const Vector high = 1.9875691500e-4f * x + 1.3981999507e-3f;
    return ((high * square + middle) * square + low) * square + (x + 1.0f);
}

// e^x, relative error below 2e-7 between the limits of float32.
static SACCADE_INLINE Vector exponential(Vector x) {
    const Vector input = x;
    x = at_most(at_least(x, -87.3f), 88.7f);
    const Vector scaled = x * 1.44269504088896341f;
    const Vector rounded = scaled + (scaled < splat(0.0f) ? splat(-0.5f) : splat(0.5f));
    Mask exponent = __builtin_convertvector(rounded, Mask);
    const Vector whole = __builtin_convertvector(exponent, Vector);
    const Vector rest = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
    const Vector series = exponential_series(rest);
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

// A power of 2 and a rest of at most ln(2) / 2 in size, whose exponential times that power is e^x.
struct Split {
    Vector power, rest;
};

// Of x, kept between -87.3 and 88.
static SACCADE_INLINE Split split(Vector x) {
    constexpr float kWhole = 12582912.0f; // 1.5 * 2^23: a sum with it has the nearest whole number in its last bits
    x = at_most(at_least(x, -87.3f), 88.0f);
    const Vector shifted = x * 1.44269504088896341f + kWhole;
    const Vector whole = shifted - kWhole;
    Mask bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + (127 << 23);
    Split result;
    std::memcpy(&result.power, &bits, sizeof bits);
    result.rest = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
    return result;
}

// e^x as above with x kept between -87.3 and 88, in half the time.
static SACCADE_INLINE Vector bounded_exponential(Vector x) {
    const Split parts = split(x);
    return parts.power * exponential_series(parts.rest);
}

static SACCADE_INLINE Vector hyperbolic_tangent(Vector x) {
    const Vector large = 1.0f - 2.0f / (bounded_exponential(x + x) + 1.0f);
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
    const Vector value = 1.0f - series * t * bounded_exponential(-size * size);
    return x < splat(0.0f) ? -value : value;
}

static SACCADE_INLINE Vector softplus(Vector x) {
    const Vector value = logarithm(1.0f + bounded_exponential(at_most(x, 20.0f)));
    return x > splat(20.0f) ? x : value;
}

static Vector square_root(Vector x) {
    for (int lane = 0; lane < kLanes; ++lane) {
        x[lane] = __builtin_sqrtf(x[lane]);
    }
    return x;
}

static SACCADE_INLINE Vector hardswish(Vector x) { return x * at_most(at_least(x + 3.0f, 0.0f), 6.0f) * (1.0f / 6.0f); }

template <typename Function>
static SACCADE_INLINE void replace_each(Vector *values, int count, const Function &function) {
    for (int index = 0; index < count; ++index) {
        values[index] = function(values[index]);
    }
}

// By stages, each for several vectors: one vector after the other would wait for its own sums.
template <bool TimesInput> static SACCADE_INLINE void replace_by_sigmoids(Vector *values, int count) {
    constexpr int kTogether = 12;
    for (int first = 0; first < count; first += kTogether) {
        Split parts[kTogether];
        const int size = count - first < kTogether ? count - first : kTogether;
        for (int index = 0; index < size; ++index) {
            parts[index] = split(-values[first + index]);
        }
        for (int index = 0; index < size; ++index) {
            parts[index].rest = exponential_series(parts[index].rest);
        }
        for (int index = 0; index < size; ++index) {
            Vector &x = values[first + index];
            Vector value = 1.0f / (1.0f + parts[index].power * parts[index].rest);
            value = x < splat(-88.0f) ? splat(0.0f) : value;
            x = TimesInput ? x * value : value;
        }
    }
}

// The slower functions, out of line and of many vectors at once: neither do the kernels grow that use them, nor does
// one vector wait for the one before. There is one loop for all kernels, so that a value's bits do not depend on its
// place.
static __attribute__((noinline)) void activate_all(Vector *values, int count, Activation activation) {
    const float a = activation.a;
    switch (activation.function) {
    case Function::leaky_relu:
        return replace_each(values, count, [a](Vector x) { return x < splat(0.0f) ? x * a : x; });
    case Function::hardswish:
        return replace_each(values, count, [](Vector x) { return hardswish(x); });
    case Function::hardsigmoid:
        return replace_each(values, count,
                            [](Vector x) { return at_most(at_least(x + 3.0f, 0.0f), 6.0f) * (1.0f / 6.0f); });
    case Function::silu:
        return replace_by_sigmoids<true>(values, count);
    case Function::gelu:
        return replace_each(values, count,
                            [](Vector x) { return 0.5f * x * (1.0f + error_function(x * 0.70710678118654752f)); });
    case Function::gelu_tanh:
        return replace_each(values, count, [](Vector x) {
            return 0.5f * x * (1.0f + hyperbolic_tangent(0.7978845608028654f * (x + 0.044715f * x * x * x)));
        });
    case Function::sigmoid:
        return replace_by_sigmoids<false>(values, count);
    case Function::tanh:
        return replace_each(values, count, [](Vector x) { return hyperbolic_tangent(x); });
    case Function::elu:
        return replace_each(values, count,
                            [a](Vector x) { return x > splat(0.0f) ? x : a * (bounded_exponential(x) - 1.0f); });
    case Function::mish:
        return replace_each(values, count, [](Vector x) { return x * hyperbolic_tangent(softplus(x)); });
    case Function::softplus:
        return replace_each(values, count, [](Vector x) { return softplus(x); });
    case Function::exp:
        return replace_each(values, count, [](Vector x) { return exponential(x); });
    case Function::sqrt:
        return replace_each(values, count, [](Vector x) { return square_root(x); });
    case Function::abs:
        return replace_each(values, count, [](Vector x) { return absolute(x); });
    default:
        return;
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

// A copy goes out of line, so that the kernel's own values may stay in registers.
template <int Count> static SACCADE_INLINE void activate_slowly(Vector (&values)[Count], Activation activation) {
    Vector copy[Count];
#pragma GCC unroll 32
    for (int index = 0; index < Count; ++index) {
        copy[index] = values[index];
    }
    activate_all(copy, Count, activation);
#pragma GCC unroll 32
    for (int index = 0; index < Count; ++index) {
        values[index] = copy[index];
    }
}

// Takes no longer than to go out of line.
template <int Count> static SACCADE_INLINE void activate_by_hardswish(Vector (&values)[Count]) {
#pragma GCC unroll 32
    for (int index = 0; index < Count; ++index) {
        values[index] = hardswish(values[index]);
    }
}

template <int Count>
static SACCADE_INLINE void activate(Vector (&values)[Count], Bounds bounds, Activation activation) {
    if (!__builtin_expect(bounds.enough, 1)) {
        activation.function == Function::hardswish ? activate_by_hardswish(values)
                                                   : activate_slowly(values, activation);
        return;
    }
#pragma GCC unroll 32
    for (int index = 0; index < Count; ++index) {
        values[index] = at_most(at_least(values[index], bounds.low), bounds.high);
    }
}

static SACCADE_INLINE Vector activate(Vector x, Activation activation) {
    Vector values[1] = {x};
    activate(values, bounds_of(activation), activation);
    return values[0];
}

} // namespace saccade::SACCADE_ISA
