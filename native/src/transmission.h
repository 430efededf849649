// What a tensor's consumers were told: a copy that follows the tensor where it has moved by more than a threshold.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "saccade/program.h"

namespace saccade {

enum class Sending : int32_t { elements, places_by_largest, places_by_mean_square };

class TransmissionMemory final : public OperatorMemory {
  public:
    TransmissionMemory(int64_t rows, int32_t columns, int32_t channels, int32_t padded_channels)
        : ranks(static_cast<size_t>(rows * columns), -1), words((columns + 63) / 64 + 3),
          bits(static_cast<size_t>(rows * words), 0), thresholds(static_cast<size_t>(padded_channels), 0.0f),
          weights(static_cast<size_t>(padded_channels), 0.0f), channels(channels), slots(padded_channels) {}

    std::unique_ptr<OperatorMemory> clone() const override { return std::make_unique<TransmissionMemory>(*this); }
    size_t bytes() const override;
    void forget() override { fresh = true; }
    void reset() override {
        forget();
        compared = 0;
        saved = gain = 0;
        resting = 0;
    }

    // The deltas of an input place, or none: ranks[place] is -1 where nothing was sent.
    DeltaList list(int64_t place, int32_t row) const {
        const int32_t rank = ranks[static_cast<size_t>(place)];
        if (rank < 0) {
            return {nullptr, nullptr, 0, row};
        }
        const int64_t start = starts[static_cast<size_t>(rank)];
        return {changes.data() + start, changed.data() + start, counts[static_cast<size_t>(rank)], row};
    }

    // Which of the 64 places of an input row from `x` on (from -63 to its end) have deltas, the first in the lowest
    // bit.
    uint64_t deltas_from(int64_t row, int x) const {
        const uint64_t *word = bits.data() + row * words + ((x + 64) >> 6);
        const int shift = x & 63;
        return shift == 0 ? word[0] : word[0] >> shift | word[1] << (64 - shift);
    }

    std::vector<int32_t> ranks;
    int64_t words;                // of a row of bits: its places, 64 before them and 64 or more behind
    std::vector<uint64_t> bits;   // the places with deltas
    std::vector<float> changes;   // one place's behind the other's, within a task
    std::vector<int32_t> changed; // their channels
    std::vector<int64_t> starts;  // of a rank's changes
    std::vector<int32_t> counts;
    // Sets `rows` rows of thresholds, one a channel each, and for each place which row counts; no places: the first.
    void set_thresholds(const float *values, size_t rows, size_t columns, const uint8_t *rows_of_places, size_t places);

    // Where the thresholds, or the weights, of a place begin.
    int64_t row(int64_t place) const {
        return rows_of_places.empty() ? 0 : int64_t{rows_of_places[static_cast<size_t>(place)]} * slots;
    }

    // Calls visit(first, last, thresholds) for the stretches of [first_x, last_x) that have the same thresholds, in the
    // row of places that begins at `place`.
    template <typename Visit>
    void each_row_of_thresholds(int64_t place, int first_x, int last_x, const Visit &visit) const {
        for (int first = first_x, last; first < last_x; first = last) {
            const int64_t begin = row(place + first);
            for (last = first + 1; last < last_x && row(place + last) == begin;) {
                last = rows_of_places.empty() ? last_x : last + 1;
            }
            visit(first, last, thresholds.data() + begin);
        }
    }

    std::vector<float> thresholds; // `slots` a row
    std::vector<float> weights;    // 1 / threshold squared, finite
    std::vector<uint8_t> rows_of_places;
    std::vector<int64_t> ranked; // the places with a rank
    int32_t channels, slots;
    int64_t sent = 0;     // deltas of this frame
    int64_t compared = 0; // elements of the last frame that was compared
    double saved = 0;     // time that consumers saved by them, as they reckon
    double gain = 0;      // of late, what was saved over what comparing took
    int resting = 0;      // frames for which everything is told
    float level = 0;      // how large values are, about
    bool fresh = true;    // nothing was told yet
    bool whole = true;    // this frame's copy was not told by deltas: consumers recompute
};

class Transmission final : public Operator {
  public:
    Transmission(const Program &program, std::string name, int input, int output, Sending sending);

    std::unique_ptr<OperatorMemory> make_memory() const override;
    // Compares and copies; the map of the output is known only then.
    void propagate(Session &session) const override;
    void run(Session &) const override {}
    // What comparing an element takes: where consumers save less than that, they are told everything for a while.
    void set_comparing(double cost) { comparing_ = std::max(comparing_, cost); }

  private:
    void send_elements(Session &session, TransmissionMemory &memory) const;
    void send_places(Session &session, TransmissionMemory &memory) const;
    bool leaves_rounding(TransmissionMemory &memory, const std::vector<float> &largest, size_t lanes) const;
    float largest_value(Session &session) const;

    bool rests(TransmissionMemory &memory, const ChangeMap &input) const;
    // Copies the places of the output's map.
    void copy_changed(Session &session) const;

    Sending sending_;
    double comparing_ = 0; // an element, in the unit of what consumers save; 0 for never resting
    int64_t rows_;         // of all images
    int32_t columns_, channels_, padded_channels_;
};

} // namespace saccade
