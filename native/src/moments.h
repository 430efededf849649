// Means and variances over the places of a tensor, by a tree: each row's own mean and squared deviations, then those of
// the rows together. A row that did not change keeps its part, so that nothing drifts.
#pragma once

#include <cmath>

#include "pooling.h"

namespace saccade::SACCADE_ISA {

// `vectors` times as many channels as a vector holds; the second pass reads the row from cache.
template <int vectors>
static void row_moments_block(const float *row, int64_t pixel_stride, int32_t count, float *means, float *squares) {
    Vector sums[vectors] = {};
    for (int x = 0; x < count; ++x) {
        for (int vector = 0; vector < vectors; ++vector) {
            sums[vector] += load(row + x * pixel_stride + vector * kLanes);
        }
    }
    Vector deviations[vectors] = {};
    for (int vector = 0; vector < vectors; ++vector) {
        sums[vector] = sums[vector] / static_cast<float>(count);
        store(means + vector * kLanes, sums[vector]);
    }
    for (int x = 0; x < count; ++x) {
        for (int vector = 0; vector < vectors; ++vector) {
            const Vector difference = load(row + x * pixel_stride + vector * kLanes) - sums[vector];
            deviations[vector] += difference * difference;
        }
    }
    for (int vector = 0; vector < vectors; ++vector) {
        store(squares + vector * kLanes, deviations[vector]);
    }
}

static void row_moments(const float *row, int64_t pixel_stride, int32_t count, int32_t channels, float *means,
                        float *squares) {
    int channel = 0;
    for (; channel + 4 * kLanes <= channels; channel += 4 * kLanes) {
        row_moments_block<4>(row + channel, pixel_stride, count, means + channel, squares + channel);
    }
    for (; channel < channels; channel += kLanes) {
        row_moments_block<1>(row + channel, pixel_stride, count, means + channel, squares + channel);
    }
}

static void join_moments(const float *rows, int64_t stride, int32_t count, int32_t places, int32_t channels,
                         float *means, float *squares) {
    for (int channel = 0; channel < channels; channel += kLanes) {
        Vector sum = {};
        for (int row = 0; row < count; ++row) {
            sum += load(rows + row * 2 * stride + channel);
        }
        const Vector mean = sum / static_cast<float>(count);
        Vector within = {}, between = {};
        for (int row = 0; row < count; ++row) {
            const Vector difference = load(rows + row * 2 * stride + channel) - mean;
            within += load(rows + row * 2 * stride + stride + channel);
            between += difference * difference;
        }
        store(means + channel, mean);
        store(squares + channel, within + between * static_cast<float>(places));
    }
}

static void standardize(const StandardizationArguments &arguments, const float *moments, const float *input,
                        int64_t input_stride, float *output, int64_t output_stride, int32_t channels, int32_t count) {
    for (int place = 0; place < count; ++place) {
        for (int channel = 0; channel < channels; channel += kLanes) {
            const int left = channels - channel;
            const Vector given = left < kLanes ? load_partial(input + channel, left) : load(input + channel);
            // The reciprocal deviations follow the means; lanes beyond the last channel are not stored.
            Vector scale = load(moments + channels + channel);
            if (arguments.weight != nullptr) { // padded to whole vectors
                scale = scale * load(arguments.weight + channel);
            }
            Vector value = (given - load(moments + channel)) * scale;
            if (arguments.bias != nullptr) {
                value = value + load(arguments.bias + channel);
            }
            store_channels(output, channel, channels, activate(value, arguments.activation));
        }
        input += input_stride;
        output += output_stride;
    }
}

} // namespace saccade::SACCADE_ISA
