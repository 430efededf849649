// Places of several tensors one after the other, in one row: what the heads of a detector are joined by.
#include <cstring>

#include "active_places.h"
#include "saccade/operators.h"

namespace saccade {

namespace {

// What an input's place becomes: one place of the output for each of its anchors.
struct Anchor {
    int64_t place;                // of the output, for the input's first place
    std::vector<int32_t> indices; // the input's channel for each channel of the output
    int32_t step;                 // from each index to the next; 0 where it is not always the same
};

struct Part {
    int64_t step_y, step_x; // places of the output from one of the input to the one below, and to its right
    std::vector<Anchor> anchors;
    bool straight; // a row is the same floats in the same order
};

Part make_part(const TensorPlan &input, int64_t first, const PlacePart &given, int channels) {
    Part part{given.step_y, given.step_x, {}, given.step_x * channels == input.c};
    for (int channel = 0; channel < input.c; ++channel) {
        const auto source = static_cast<size_t>(channel);
        const int64_t place = first + given.places[source];
        const auto found = std::find_if(part.anchors.begin(), part.anchors.end(),
                                        [&](const Anchor &anchor) { return anchor.place == place; });
        Anchor &anchor = found != part.anchors.end() ? *found : part.anchors.emplace_back();
        anchor.place = place;
        anchor.indices.resize(static_cast<size_t>(channels));
        anchor.indices[static_cast<size_t>(given.channels[source])] = channel;
        part.straight &= given.places[source] * channels + given.channels[source] == channel;
    }
    for (Anchor &anchor : part.anchors) {
        const std::vector<int32_t> &indices = anchor.indices;
        anchor.step = indices.size() > 1 ? indices[1] - indices[0] : 1;
        for (size_t index = 1; index < indices.size(); ++index) {
            anchor.step = indices[index] == indices[index - 1] + anchor.step ? anchor.step : 0;
        }
    }
    return part;
}

class PlaceConcatenation final : public Operator {
  public:
    PlaceConcatenation(const Program &program, std::string name, std::vector<int> inputs, int output,
                       const std::vector<PlacePart> &parts)
        : Operator(std::move(name), std::move(inputs), output) {
        const int channels = program.tensors[static_cast<size_t>(output)].c;
        int64_t first = 0;
        for (size_t index = 0; index < parts.size(); ++index) {
            const TensorPlan &input = program.tensors[static_cast<size_t>(this->inputs[index])];
            parts_.push_back(make_part(input, first, parts[index], channels));
            first += int64_t{input.h} * input.w * input.c / channels;
        }
    }

    void propagate(Session &session) const override {
        ChangeMap &map = session.own_map(output);
        const auto every = [&](ChangeMap::State state) {
            return std::all_of(inputs.begin(), inputs.end(),
                               [&](int input) { return session.map(input).state() == state; });
        };
        if (every(ChangeMap::State::none)) {
            map.set_none();
            return;
        }
        if (every(ChangeMap::State::all)) {
            map.set_all();
            return;
        }
        uint8_t *bytes = map.edit();
        for (size_t index = 0; index < parts_.size(); ++index) {
            for (const Run &run : session.map(inputs[index]).runs()) {
                mark(parts_[index], run, bytes + int64_t{run.image} * map.width());
            }
        }
        map.count();
    }

    void run(Session &session) const override {
        const View target = session.view(output);
        for (size_t index = 0; index < parts_.size(); ++index) {
            const View input = session.view(inputs[index]);
            const bool straight =
                parts_[index].straight && input.pixel_stride == input.c && target.pixel_stride == target.c;
            parallel_runs(session, session.map(inputs[index]), input.c, [&](const Run &run) {
                straight ? copy_straight(parts_[index], run, input, target)
                         : copy(session.kernels(), parts_[index], run, input, target);
            });
        }
    }

  private:
    static int64_t offset(const Part &part, const Run &run) { return run.y * part.step_y + run.first_x * part.step_x; }

    static void mark(const Part &part, const Run &run, uint8_t *bytes) {
        const int64_t first = offset(part, run);
        const int64_t count = run.last_x - run.first_x;
        if (part.straight) {
            std::memset(bytes + part.anchors[0].place + first, 1, static_cast<size_t>(count * part.step_x));
            return;
        }
        for (const Anchor &anchor : part.anchors) {
            for (int64_t x = 0; x < count; ++x) {
                bytes[anchor.place + first + x * part.step_x] = 1;
            }
        }
    }

    static void copy_straight(const Part &part, const Run &run, const View &input, const View &target) {
        std::memcpy(target.at(run.image, 0, part.anchors[0].place + offset(part, run)),
                    input.at(run.image, run.y, run.first_x),
                    static_cast<size_t>((run.last_x - run.first_x) * input.pixel_stride) * sizeof(float));
    }

    static void copy(const KernelTable &kernels, const Part &part, const Run &run, const View &input,
                     const View &target) {
        for (const Anchor &anchor : part.anchors) {
            kernels.gather({anchor.indices.data(), anchor.step}, input.at(run.image, run.y, run.first_x),
                           input.pixel_stride, target.at(run.image, 0, anchor.place + offset(part, run)),
                           part.step_x * target.pixel_stride, target.c, run.last_x - run.first_x);
        }
    }

    std::vector<Part> parts_;
};

} // namespace

std::unique_ptr<Operator> make_place_concatenation(const Program &program, std::string name, std::vector<int> inputs,
                                                   int output, const std::vector<PlacePart> &parts) {
    return std::make_unique<PlaceConcatenation>(program, std::move(name), std::move(inputs), output, parts);
}

} // namespace saccade
