// Normalization over the places and the channels of a group: its statistics, which any change of an image may move, and
// their application to every place.
#include <cmath>

#include "active_places.h"
#include "saccade/operators.h"

namespace saccade {

namespace {

class GroupMoments final : public Operator {
  public:
    GroupMoments(const Program &program, std::string name, int input, int output, int groups, float epsilon)
        : Operator(std::move(name), {input}, output), groups_(groups), epsilon_(epsilon) {
        const TensorPlan &plan = program.tensors[static_cast<size_t>(input)];
        rows_ = int64_t{plan.n} * plan.h;
        width_ = (plan.c + program.kernels->lanes - 1) / program.kernels->lanes * program.kernels->lanes;
    }

    // By row: the channels' means, then their squared deviations.
    int64_t state_floats() const override { return rows_ * 2 * width_; }
    int64_t scratch_floats() const override { return 2 * width_; }

    void propagate(Session &session) const override { mark_changed_images(session, inputs[0], output); }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        add_rows(session, input);
        float *means = session.scratch(0), *squares = means + width_;
        for (const Run &run : session.map(output).runs()) {
            session.kernels().join_moments(session.state(*this) + int64_t{run.image} * input.h * 2 * width_, width_,
                                           input.h, input.w, input.c, means, squares);
            write(session.view(output).at(run.image, 0, 0), means, squares, input.c,
                  static_cast<double>(int64_t{input.h} * input.w));
        }
    }

  private:
    void add_rows(Session &session, const View &input) const {
        float *state = session.state(*this);
        for_each_active_row(session, session.map(inputs[0]), int64_t{input.w} * input.c * 2, [&](int image, int y) {
            float *row = state + (int64_t{image} * input.h + y) * 2 * width_;
            session.kernels().row_moments(input.at(image, y, 0), input.pixel_stride, input.w, input.c, row,
                                          row + width_);
        });
    }

    // Joins the channels of each group as the rows were joined.
    void write(float *target, const float *means, const float *squares, int channels, double places) const {
        const int each = channels / groups_;
        for (int first = 0; first < channels; first += each) {
            double sum = 0.0, within = 0.0, between = 0.0;
            for (int channel = first; channel < first + each; ++channel) {
                sum += means[channel];
                within += squares[channel];
            }
            const double mean = sum / each;
            for (int channel = first; channel < first + each; ++channel) {
                between += (means[channel] - mean) * (means[channel] - mean);
            }
            const double variance = (within + places * between) / (places * each);
            const auto scale = static_cast<float>(1.0 / std::sqrt(variance + epsilon_));
            for (int channel = first; channel < first + each; ++channel) {
                target[channel] = static_cast<float>(mean);
                target[channels + channel] = scale;
            }
        }
    }

    int groups_;
    float epsilon_;
    int64_t rows_, width_;
};

class Standardization final : public Operator {
  public:
    Standardization(const Program &program, std::string name, int input, int moments, int output, const float *weight,
                    const float *bias, Activation activation)
        : Operator(std::move(name), {input, moments}, output) {
        const int channels = program.tensors[static_cast<size_t>(output)].c;
        weight_ = padded(*program.kernels, weight, channels);
        bias_ = padded(*program.kernels, bias, channels);
        arguments_ = {weight != nullptr ? weight_.data() : nullptr, bias != nullptr ? bias_.data() : nullptr,
                      activation};
    }

    void propagate(Session &session) const override {
        const ChangeMap &input = session.map(inputs[0]);
        const ChangeMap &moments = session.map(inputs[1]);
        if (moments.empty()) {
            session.share_map(output, inputs[0]);
            return;
        }
        ChangeMap &map = session.own_map(output);
        if (moments.state() == ChangeMap::State::all) {
            map.set_all();
            return;
        }
        uint8_t *bytes = map.edit();
        input.write_bytes(bytes);
        const int64_t places = int64_t{map.height()} * map.width();
        for (const Run &run : moments.runs()) {
            std::fill_n(bytes + run.image * places, places, uint8_t{1});
        }
        map.count();
    }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View moments = session.view(inputs[1]);
        const View target = session.view(output);
        parallel_runs(session, session.map(output), int64_t{target.c} * 2, [&](const Run &run) {
            session.kernels().standardize(
                arguments_, moments.at(run.image, 0, 0), input.at(run.image, run.y, run.first_x), input.pixel_stride,
                target.at(run.image, run.y, run.first_x), target.pixel_stride, target.c, run.last_x - run.first_x);
        });
    }

  private:
    std::vector<float> weight_, bias_;
    StandardizationArguments arguments_{};
};

} // namespace

std::unique_ptr<Operator> make_group_moments(const Program &program, std::string name, int input, int output,
                                             int groups, float epsilon) {
    return std::make_unique<GroupMoments>(program, std::move(name), input, output, groups, epsilon);
}

std::unique_ptr<Operator> make_standardization(const Program &program, std::string name, int input, int moments,
                                               int output, const float *weight, const float *bias,
                                               Activation activation) {
    return std::make_unique<Standardization>(program, std::move(name), input, moments, output, weight, bias,
                                             activation);
}

} // namespace saccade
