// Softmax and layer normalization over the channels of each place.
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

static void softmax_of_place(const float *input, float *output, int32_t channels, bool logarithmic) {
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

// Up to so many channels, vectors across places take less than vectors across channels, most of whose lanes are idle.
constexpr int kNarrowSoftmax = 3 * kLanes;

// At most as many places as a vector has lanes. Each is computed within its lane, so that it has the same bits whatever
// its neighbours are.
static void softmax_of_places(const float *input, int64_t input_stride, float *output, int64_t output_stride,
                              int32_t channels, int32_t count, bool logarithmic) {
    float columns[kNarrowSoftmax * kLanes] = {};
    for (int place = 0; place < count; ++place) {
        for (int channel = 0; channel < channels; ++channel) {
            columns[channel * kLanes + place] = input[place * input_stride + channel];
        }
    }
    Vector largest = splat(-__builtin_inff());
    for (int channel = 0; channel < channels; ++channel) {
        const Vector value = load(columns + channel * kLanes);
        largest = value > largest ? value : largest; // a NaN is left out here and reaches the sum below
    }
    Vector total = {};
    for (int channel = 0; channel < channels; ++channel) {
        const Vector power = exponential(load(columns + channel * kLanes) - largest);
        total += power;
        if (!logarithmic) {
            store(columns + channel * kLanes, power);
        }
    }
    const Vector shift = largest + logarithm(total);
    for (int channel = 0; channel < channels; ++channel) {
        const Vector value = load(columns + channel * kLanes);
        store(columns + channel * kLanes, logarithmic ? value - shift : value / total);
    }
    for (int place = 0; place < count; ++place) {
        for (int channel = 0; channel < channels; ++channel) {
            output[place * output_stride + channel] = columns[channel * kLanes + place];
        }
    }
}

static void softmax(const float *input, int64_t input_stride, float *output, int64_t output_stride, int32_t channels,
                    int32_t count, bool logarithmic) {
    const int step = channels <= kNarrowSoftmax ? kLanes : 1;
    for (int place = 0; place < count; place += step) {
        const float *source = input + place * input_stride;
        float *target = output + place * output_stride;
        if (step == 1) {
            softmax_of_place(source, target, channels, logarithmic);
            continue;
        }
        const int32_t places = count - place < step ? count - place : step;
        softmax_of_places(source, input_stride, target, output_stride, channels, places, logarithmic);
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
