// A copy of numbers that follows them, and tells how far they had gone from it.
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

} // namespace saccade::SACCADE_ISA
