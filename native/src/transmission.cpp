#include "transmission.h"

#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "active_places.h"
#include "saccade/operators.h"

namespace saccade {

size_t TransmissionMemory::bytes() const {
    return ranks.size() * sizeof(int32_t) + 2 * changes.capacity() * sizeof(float) +
           counts.capacity() * (sizeof(int32_t) + sizeof(int64_t)) + 2 * thresholds.size() * sizeof(float) +
           rows_of_places.size() + ranked.capacity() * sizeof(int64_t) + bits.size() * sizeof(uint64_t);
}

void TransmissionMemory::set_thresholds(const float *values, size_t rows, size_t columns,
                                        const uint8_t *new_rows_of_places, size_t places) {
    if (rows < 1 || rows > 256 || columns != static_cast<size_t>(channels)) {
        throw std::invalid_argument("a transmission takes one threshold a channel, in at most 256 rows");
    }
    if (places != 0 && places != ranks.size()) {
        throw std::invalid_argument("a transmission takes one row of thresholds a place");
    }
    for (size_t place = 0; place < places; ++place) {
        if (new_rows_of_places[place] >= rows) {
            throw std::invalid_argument("a place asks for a row of thresholds that was not given");
        }
    }
    rows_of_places.assign(new_rows_of_places, new_rows_of_places + places);
    thresholds.assign(rows * static_cast<size_t>(slots), 0.0f);
    weights.assign(rows * static_cast<size_t>(slots), 0.0f);
    for (size_t row = 0; row < rows; ++row) {
        for (size_t channel = 0; channel < columns; ++channel) {
            const size_t slot = row * static_cast<size_t>(slots) + channel;
            const double threshold = std::max(0.0f, values[row * columns + channel]);
            thresholds[slot] = static_cast<float>(threshold);
            const double weight = threshold > 0.0 ? 1.0 / (threshold * threshold) : std::numeric_limits<float>::max();
            weights[slot] = static_cast<float>(std::min<double>(weight, std::numeric_limits<float>::max()));
        }
    }
}

Transmission::Transmission(const Program &program, std::string name, int input, int output, Sending sending)
    : Operator(std::move(name), {input}, output), sending_(sending) {
    const TensorPlan &plan = program.tensors[static_cast<size_t>(output)];
    rows_ = int64_t{plan.n} * plan.h;
    columns_ = plan.w;
    channels_ = plan.c;
    padded_channels_ = (plan.c + program.kernels->lanes - 1) / program.kernels->lanes * program.kernels->lanes;
}

std::unique_ptr<OperatorMemory> Transmission::make_memory() const {
    return std::make_unique<TransmissionMemory>(rows_, columns_, channels_, padded_channels_);
}

void Transmission::propagate(Session &session) const {
    auto &memory = session.memory<TransmissionMemory>(*this);
    const ChangeMap &input = session.map(inputs[0]);
    for (const int64_t place : memory.ranked) {
        memory.ranks[static_cast<size_t>(place)] = -1;
    }
    memory.ranked.clear();
    memory.sent = 0;
    memory.whole = false;
    if (input.empty()) {
        session.own_map(output).set_none();
    } else if (memory.fresh) {
        memory.fresh = false;
        session.own_map(output).set_all();
        copy_changed(session);
        memory.level = largest_value(session);
        memory.whole = true;
    } else if (sending_ == Sending::elements && rests(memory, input)) {
        session.share_map(output, inputs[0]);
        copy_changed(session);
        memory.whole = true;
    } else if (sending_ == Sending::elements) {
        send_elements(session, memory);
    } else {
        send_places(session, memory);
        memory.whole = true;
    }
}

// Weighs what the last frame that was compared saved against what comparing took, and decides about this one.
bool Transmission::rests(TransmissionMemory &memory, const ChangeMap &input) const {
    constexpr double kKept = 0.75; // of the gain of earlier frames
    constexpr double kWorth = 2.0; // what leaves an error has to save more than what it takes
    constexpr int kFrames = 31;
    if (comparing_ == 0) {
        return false;
    }
    if (memory.resting > 0 && --memory.resting > 0) {
        return true;
    }
    if (memory.compared > 0) {
        memory.gain = kKept * memory.gain + memory.saved - kWorth * comparing_ * static_cast<double>(memory.compared);
    }
    memory.saved = 0;
    memory.compared = input.active() * channels_;
    if (memory.gain >= 0) {
        return false;
    }
    memory.gain = 0;
    memory.compared = 0;
    memory.resting = kFrames;
    return true;
}

void Transmission::copy_changed(Session &session) const {
    const View source = session.view(inputs[0]);
    const View target = session.view(output);
    parallel_runs(session, session.map(output), channels_, [&](const Run &run) {
        for (int x = run.first_x; x < run.last_x; ++x) {
            std::memcpy(target.at(run.image, run.y, x), source.at(run.image, run.y, x),
                        sizeof(float) * static_cast<size_t>(channels_));
        }
    });
}

float Transmission::largest_value(Session &session) const {
    const View source = session.view(inputs[0]);
    constexpr int kPlacesApart = 16; // a sample tells how large values are, and takes next to no time
    float largest = 0.0f;
    for_each_run(session.map(output), 0, session.map(output).active(), [&](const Run &run) {
        for (int x = run.first_x; x < run.last_x; x += kPlacesApart) {
            const float *place = source.at(run.image, run.y, x);
            for (int channel = 0; channel < channels_; ++channel) {
                largest = std::max(largest, std::abs(place[channel]));
            }
        }
    });
    return largest;
}

void Transmission::send_elements(Session &session, TransmissionMemory &memory) const {
    const View source = session.view(inputs[0]);
    const View target = session.view(output);
    const ChangeMap &input = session.map(inputs[0]);
    const KernelTable &kernels = session.kernels();
    const int64_t active = input.active();
    if (static_cast<int64_t>(memory.counts.size()) < active) {
        memory.counts.resize(static_cast<size_t>(active));
        memory.starts.resize(static_cast<size_t>(active));
        memory.changes.resize(static_cast<size_t>(active * padded_channels_));
        memory.changed.resize(static_cast<size_t>(active * padded_channels_));
    }
    ChangeMap &map = session.own_map(output);
    uint8_t *bytes = map.edit();
    std::atomic<bool> all_finite{true};
    constexpr int64_t kPlacesATask = 512;
    // Places of few channels are looked at several at a time, since most of them have nothing to tell.
    const bool few = channels_ < kernels.lanes && channels_ * kernels.lanes <= 64;
    const int64_t tasks = (active + kPlacesATask - 1) / kPlacesATask;
    const auto lanes = static_cast<size_t>(kernels.lanes);
    std::vector<float> largest(2 * lanes * static_cast<size_t>(tasks), 0.0f);
    session.pool().parallel_for(tasks, [&](int64_t task, int) {
        const int64_t first = task * kPlacesATask;
        int64_t rank = first;
        int64_t start = first * padded_channels_;
        bool finite = true;
        std::array<uint8_t, kPlacesATask> moved;
        for_each_run(input, first, std::min(active, first + kPlacesATask), [&](const Run &run) {
            const int64_t row = (int64_t{run.image} * target.h + run.y) * target.w;
            const float *value = source.at(run.image, run.y, run.first_x);
            float *copy = target.at(run.image, run.y, run.first_x);
            std::fill_n(moved.data(), run.last_x - run.first_x, uint8_t{1});
            if (few && source.pixel_stride == channels_ && target.pixel_stride == channels_) {
                memory.each_row_of_thresholds(row, run.first_x, run.last_x,
                                              [&](int x, int last_x, const float *row_of) {
                                                  const int64_t offset = int64_t{x - run.first_x} * channels_;
                                                  kernels.moved_places(value + offset, copy + offset, row_of, channels_,
                                                                       last_x - x, moved.data() + (x - run.first_x));
                                              });
            }
            for (int x = run.first_x; x < run.last_x; ++x, ++rank) {
                if (moved[static_cast<size_t>(x - run.first_x)] == 0) {
                    memory.counts[static_cast<size_t>(rank)] = 0;
                    continue;
                }
                const int32_t count = kernels.transmit(
                    value + (x - run.first_x) * source.pixel_stride, copy + (x - run.first_x) * target.pixel_stride,
                    memory.thresholds.data() + memory.row(row + x), channels_, memory.changes.data() + start,
                    memory.changed.data() + start, &finite, largest.data() + 2 * lanes * static_cast<size_t>(task));
                memory.starts[static_cast<size_t>(rank)] = start;
                start += count;
                memory.counts[static_cast<size_t>(rank)] = count;
                if (count > 0) {
                    bytes[row + x] = 1;
                    memory.ranks[static_cast<size_t>(row + x)] = static_cast<int32_t>(rank);
                }
            }
        });
        if (!finite) {
            all_finite = false;
        }
    });
    map.count();
    memory.whole = !all_finite || leaves_rounding(memory, largest, lanes);
    std::fill(memory.bits.begin(), memory.bits.end(), 0);
    int64_t rank = 0;
    for (const Run &run : input.runs()) {
        const int64_t row = (int64_t{run.image} * target.h + run.y) * target.w;
        uint64_t *bits = memory.bits.data() + (int64_t{run.image} * target.h + run.y) * memory.words;
        for (int x = run.first_x; x < run.last_x; ++x, ++rank) {
            if (memory.counts[static_cast<size_t>(rank)] > 0) {
                bits[(x + 64) / 64] |= uint64_t{1} << x % 64;
                memory.ranked.push_back(row + x);
                memory.sent += memory.counts[static_cast<size_t>(rank)];
            }
        }
    }
}

// Whether changes are so much larger than the layer's values that what sums lose to rounding would be seen when they
// are back: a glitch that is over. How large values are follows what is told slowly, since a glitch tells much.
bool Transmission::leaves_rounding(TransmissionMemory &memory, const std::vector<float> &largest, size_t lanes) const {
    constexpr float kMost = 1 << 14; // times a float's rounding, that is a thousandth
    constexpr float kFastest = 2.0f;
    float change = 0.0f, value = 0.0f;
    for (size_t first = 0; first < largest.size(); first += 2 * lanes) {
        for (size_t lane = 0; lane < lanes; ++lane) {
            change = std::max(change, largest[first + lane]);
            value = std::max(value, largest[first + lanes + lane]);
        }
    }
    memory.level = std::min(std::max(memory.level, value), memory.level > 0.0f ? kFastest * memory.level : value);
    return change > kMost * memory.level;
}

void Transmission::send_places(Session &session, TransmissionMemory &memory) const {
    const View source = session.view(inputs[0]);
    const View target = session.view(output);
    const ChangeMap &input = session.map(inputs[0]);
    const KernelTable &kernels = session.kernels();
    ChangeMap &map = session.own_map(output);
    uint8_t *bytes = map.edit();
    parallel_runs(session, input, channels_, [&](const Run &run) {
        const int64_t row = (int64_t{run.image} * target.h + run.y) * target.w;
        for (int x = run.first_x; x < run.last_x; ++x) {
            const float *value = source.at(run.image, run.y, x);
            float *copy = target.at(run.image, run.y, x);
            const float difference = kernels.place_difference(value, copy, memory.weights.data() + memory.row(row + x),
                                                              channels_, sending_ == Sending::places_by_largest);
            if (!(difference <= 1.0f)) { // NaN is sent
                std::memcpy(copy, value, sizeof(float) * static_cast<size_t>(channels_));
                bytes[row + x] = 1;
            }
        }
    });
    map.count();
    memory.sent = map.active() * channels_;
}

std::unique_ptr<Operator> make_transmission(const Program &program, std::string name, int input, int output,
                                            Sending sending) {
    return std::make_unique<Transmission>(program, std::move(name), input, output, sending);
}

} // namespace saccade
