// Bilinear samples of a place's channels, for deformable convolutions.
#pragma once

#include "pooling.h"

namespace saccade::SACCADE_ISA {

static void sample(const float *const corners[4], const float weights[4], float factor, int32_t channels,
                   float *output) {
    for (int channel = 0; channel < channels; channel += kLanes) {
        const Vector top = load(corners[0] + channel) * weights[0] + load(corners[1] + channel) * weights[1];
        const Vector bottom = load(corners[2] + channel) * weights[2] + load(corners[3] + channel) * weights[3];
        store_channels(output, channel, channels, (top + bottom) * factor);
    }
}

} // namespace saccade::SACCADE_ISA
