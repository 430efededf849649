// Softmax and layer normalization over the channels of one place.
#pragma once

#include <cmath>

#include "pooling.h"

namespace saccade::SACCADE_ISA {

static float sum_of_lanes(Vector value) {
    float sum = 0.0f;
    for (int lane = 0; lane < kLanes; ++lane) {
        sum += value[lane];
    }
    return sum;
}

// The last, partial vector of a row with `filler` in the lanes beyond it.
static SACCADE_INLINE Vector load_filled(const float *source, int count, float filler) {
    if (count >= kLanes) {
        return load(source);
    }
    Vector value = load_partial(source, count);
    for (int lane = count; lane < kLanes; ++lane) {
        value[lane] = filler;
    }
    return value;
}

static void softmax(const float *input, float *output, int32_t channels, bool logarithmic) {
    const float infinity = __builtin_inff();
    Vector highest = splat(-infinity);
    for (int channel = 0; channel < channels; channel += kLanes) {
        const Vector value = load_filled(input + channel, channels - channel, -infinity);
        highest = value > highest ? value : highest; // a NaN is left out here and reaches the sum below
    }
    float largest = -infinity;
    for (int lane = 0; lane < kLanes; ++lane) {
        largest = highest[lane] > largest ? highest[lane] : largest;
    }
    Vector sums = {};
    for (int channel = 0; channel < channels; channel += kLanes) {
        sums += exponential(load_filled(input + channel, channels - channel, -infinity) - splat(largest));
    }
    const float total = sum_of_lanes(sums);
    const float shift = logarithmic ? largest + logf(total) : 0.0f;
    for (int channel = 0; channel < channels; channel += kLanes) {
        const Vector value = load_filled(input + channel, channels - channel, 0.0f);
        store_channels(output, channel, channels,
                       logarithmic ? value - splat(shift) : exponential(value - splat(largest)) / splat(total));
    }
}

static void layer_normalization(const LayerNormalizationArguments &arguments, const float *input, float *output,
                                int32_t channels) {
    Vector sums = {};
    for (int channel = 0; channel < channels; channel += kLanes) {
        const int left = channels - channel < kLanes ? channels - channel : kLanes;
        sums += load_partial(input + channel, left);
    }
    const float mean = sum_of_lanes(sums) / static_cast<float>(channels);
    Vector squares = {};
    for (int channel = 0; channel < channels; channel += kLanes) {
        const int left = channels - channel < kLanes ? channels - channel : kLanes;
        Vector difference = load_partial(input + channel, left) - splat(mean);
        for (int lane = left; lane < kLanes; ++lane) {
            difference[lane] = 0.0f;
        }
        squares += difference * difference;
    }
    const float variance = sum_of_lanes(squares) / static_cast<float>(channels);
    const float scale = 1.0f / sqrtf(variance + arguments.epsilon);
    for (int channel = 0; channel < channels; channel += kLanes) {
        const int left = channels - channel < kLanes ? channels - channel : kLanes;
        Vector value = (load_partial(input + channel, left) - splat(mean)) * scale;
        if (arguments.weight != nullptr) { // padded to whole vectors
            value = value * load(arguments.weight + channel);
        }
        if (arguments.bias != nullptr) {
            value = value + load(arguments.bias + channel);
        }
        store_channels(output, channel, channels, value);
    }
}

} // namespace saccade::SACCADE_ISA
