// As many multiply-adds as the processor does at most: what a benchmark holds a kernel's speed against.
#pragma once

#include "vector.h"

namespace saccade::SACCADE_ISA {

// Runs `rounds` rounds and returns how many multiply-adds that were.
static int64_t multiply_adds(int64_t rounds, float *sink) {
    constexpr int chains = 10; // each waits four or five steps for itself, on two units
    Vector sums[chains];       // that differ, or the compiler would make one of them
#pragma GCC unroll 10
    for (int chain = 0; chain < chains; ++chain) {
        sums[chain] = splat(static_cast<float>(chain));
    }
    Vector factor = splat(sink[0]);
    keep_in_register(factor);
    for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 10
        for (int chain = 0; chain < chains; ++chain) {
            sums[chain] += factor * factor;
        }
    }
    Vector total = {};
#pragma GCC unroll 10
    for (int chain = 0; chain < chains; ++chain) {
        total += sums[chain];
    }
    sink[0] = total[0];
    return rounds * chains * kLanes;
}

} // namespace saccade::SACCADE_ISA
