// A copy of numbers that follows them, and tells how far they had gone from it; and whether numbers are finite.
#pragma once

#include <algorithm>

#include "vector.h"

namespace saccade::SACCADE_ISA {

// Adds up in runs short enough for a float.
static void take_over(const float *values, float *copy, int64_t count, double *difference, double *norm) {
    constexpr int kVectors = 4;
    constexpr int64_t kRun = 64 * kVectors * kLanes;
    for (int64_t start = 0; start < count; start += kRun) {
        const int64_t end = std::min(count, start + kRun);
        Vector differences[kVectors] = {}, squares[kVectors] = {};
        int64_t index = start;
        for (; index + kVectors * kLanes <= end; index += kVectors * kLanes) {
            for (int vector = 0; vector < kVectors; ++vector) {
                const Vector value = load(values + index + vector * kLanes);
                const Vector away = value - load(copy + index + vector * kLanes);
                differences[vector] += away * away;
                squares[vector] += value * value;
                store(copy + index + vector * kLanes, value);
            }
        }
        for (; index < end; ++index) {
            const float away = values[index] - copy[index];
            *difference += static_cast<double>(away) * away;
            *norm += static_cast<double>(values[index]) * values[index];
            copy[index] = values[index];
        }
        const Vector away = (differences[0] + differences[1]) + (differences[2] + differences[3]);
        const Vector square = (squares[0] + squares[1]) + (squares[2] + squares[3]);
        for (int lane = 0; lane < kLanes; ++lane) {
            *difference += away[lane];
            *norm += square[lane];
        }
    }
}

static bool are_finite(const float *values, int64_t count) {
    Vector doubt[4] = {}; // NaN where a value is not finite
    int64_t index = 0;
    for (; index + 4 * kLanes <= count; index += 4 * kLanes) {
        for (int vector = 0; vector < 4; ++vector) {
            doubt[vector] += load(values + index + vector * kLanes) * 0.0f;
        }
    }
    for (; index < count; ++index) {
        doubt[0] += splat(values[index] * 0.0f);
    }
    return all_ordered((doubt[0] + doubt[1]) + (doubt[2] + doubt[3]));
}

} // namespace saccade::SACCADE_ISA
