// Functions of one or two tensors, place by place: activations, batch norm on its own, sums, products, and channels in
// another order.
#pragma once

#include <utility>

#include "activation.h"

namespace saccade::SACCADE_ISA {

static SACCADE_INLINE Vector combine(BinaryFunction function, Vector first, Vector second) {
    switch (function) {
    case BinaryFunction::add:
        return first + second;
    case BinaryFunction::subtract:
        return first - second;
    case BinaryFunction::multiply:
        return first * second;
    case BinaryFunction::divide:
        return first / second;
    case BinaryFunction::maximum: {
        const Vector larger = first > second ? first : second;
        return first != first ? first : larger;
    }
    default: {
        const Vector smaller = first < second ? first : second;
        return first != first ? first : smaller;
    }
    }
}

// Sums or products of two tensors, or one alone, behind bounds: most of what layers end with.
template <bool HasSecond, BinaryFunction Combine>
static SACCADE_INLINE void elementwise_plain(Bounds bounds, const float *first, const float *second, float *output,
                                             int32_t channels) {
    int channel = 0;
    for (; channel + kLanes <= channels; channel += kLanes) {
        const Vector value =
            HasSecond ? combine(Combine, load(first + channel), load(second + channel)) : load(first + channel);
        store(output + channel, at_most(at_least(value, bounds.low), bounds.high));
    }
    if (const int left = channels - channel; left > 0) {
        Vector value = load_partial(first + channel, left);
        value = HasSecond ? combine(Combine, value, load_partial(second + channel, left)) : value;
        store_partial(output + channel, at_most(at_least(value, bounds.low), bounds.high), left);
    }
}

static SACCADE_INLINE Vector elementwise_value(const ElementwiseArguments &arguments, const float *first,
                                               const float *second, int channel, int left) {
    const bool partial = left < kLanes;
    Vector value = arguments.first_broadcasts_channels ? splat(*first)
                   : partial                           ? load_partial(first + channel, left)
                                                       : load(first + channel);
    if (arguments.has_second) {
        const Vector other = arguments.second_broadcasts_channels ? splat(*second)
                             : partial                            ? load_partial(second + channel, left)
                                                                  : load(second + channel);
        value = combine(arguments.function, value, other);
    }
    if (arguments.scale != nullptr) { // padded to whole vectors
        value = value * load(arguments.scale + channel) + load(arguments.shift + channel);
    }
    return value;
}

static SACCADE_INLINE void elementwise_place(const ElementwiseArguments &arguments, Bounds bounds, const float *first,
                                             const float *second, float *output, int32_t channels) {
    constexpr int kTogether = 8;
    for (int channel = 0; channel < channels; channel += kTogether * kLanes) {
        const int count =
            channels - channel < kTogether * kLanes ? (channels - channel + kLanes - 1) / kLanes : kTogether;
        Vector values[kTogether];
        for (int index = 0; index < count; ++index) {
            const int at = channel + index * kLanes;
            values[index] = elementwise_value(arguments, first, second, at, channels - at);
            values[index] = at_most(at_least(values[index], bounds.low), bounds.high);
        }
        if (!bounds.enough) {
            activate_all(values, count, arguments.activation);
        }
        for (int index = 0; index < count; ++index) {
            const int at = channel + index * kLanes;
            if (channels - at < kLanes) {
                store_partial(output + at, values[index], channels - at);
            } else {
                store(output + at, values[index]);
            }
        }
    }
}

static void elementwise(const ElementwiseArguments &arguments, const float *first, int64_t first_stride,
                        const float *second, int64_t second_stride, float *output, int64_t output_stride,
                        int32_t channels, int32_t count) {
    const Bounds bounds = bounds_of(arguments.activation);
    const bool plain = bounds.enough && arguments.scale == nullptr && !arguments.first_broadcasts_channels &&
                       !arguments.second_broadcasts_channels &&
                       (!arguments.has_second || arguments.function == BinaryFunction::add ||
                        arguments.function == BinaryFunction::multiply);
    for (int place = 0; place < count; ++place) {
        if (plain && !arguments.has_second) {
            elementwise_plain<false, BinaryFunction::add>(bounds, first, second, output, channels);
        } else if (plain && arguments.function == BinaryFunction::add) {
            elementwise_plain<true, BinaryFunction::add>(bounds, first, second, output, channels);
        } else if (plain) {
            elementwise_plain<true, BinaryFunction::multiply>(bounds, first, second, output, channels);
        } else {
            elementwise_place(arguments, bounds, first, second, output, channels);
        }
        first += first_stride;
        second += second_stride;
        output += output_stride;
    }
}

template <int... Lanes>
static SACCADE_INLINE Vector every_second(Vector first, Vector second, std::integer_sequence<int, Lanes...>) {
    return __builtin_shufflevector(first, second, (2 * Lanes)...);
}

static SACCADE_INLINE void gather_every_second(const float *input, int32_t channels, float *output) {
    constexpr std::make_integer_sequence<int, kLanes> lanes;
    int channel = 0;
    for (; channel + kLanes < channels; channel += kLanes) { // not the last ones, behind which may lie nothing
        const float *source = input + 2 * channel;
        store(output + channel, every_second(load(source), load(source + kLanes), lanes));
    }
    const float *source = input + 2 * channel;
    const int left = channels - channel, values = 2 * left - 1;
    const Vector first = values < kLanes ? load_partial(source, values) : load(source);
    const Vector second = values > kLanes ? load_partial(source + kLanes, values - kLanes) : Vector{};
    store_partial(output + channel, every_second(first, second, lanes), left);
}

static void gather(const ChannelOrder &order, const float *input, int64_t input_stride, float *output,
                   int64_t output_stride, int32_t channels, int32_t count) {
    const int32_t *indices = order.indices;
    for (int place = 0; place < count; ++place) {
        if (order.step == 1) {
            std::memcpy(output, input + indices[0], sizeof(float) * static_cast<size_t>(channels));
        } else if (order.step == 2) {
            gather_every_second(input + indices[0], channels, output);
        } else {
            for (int channel = 0; channel < channels; ++channel) {
                output[channel] = input[indices[channel]];
            }
        }
        input += input_stride;
        output += output_stride;
    }
}

} // namespace saccade::SACCADE_ISA
