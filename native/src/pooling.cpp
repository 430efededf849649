// Max, average, adaptive and global pooling, and the linear layer behind a flatten. The last two keep partial sums: by
// place or row, then in total, always added in the same order, so that nothing drifts.
#include "active_places.h"
#include "saccade/operators.h"

namespace saccade {

namespace {

constexpr Activation kIdentity = {Function::identity, 0.0f, 0.0f};

class WindowPool final : public Operator {
  public:
    WindowPool(std::string name, int input, int output, const PoolArguments &arguments, bool largest)
        : Operator(std::move(name), {input}, output), arguments_(arguments), largest_(largest) {}

    void propagate(Session &session) const override {
        session.own_map(output).set_windows(session.map(inputs[0]), arguments_.kernel_height, arguments_.kernel_width,
                                            arguments_.stride_y, arguments_.stride_x, arguments_.pad_top,
                                            arguments_.pad_left, arguments_.dilation_y, arguments_.dilation_x);
    }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        const auto kernel = largest_ ? session.kernels().max_pool : session.kernels().average_pool;
        const int64_t cost = int64_t{target.c} * arguments_.kernel_height * arguments_.kernel_width;
        parallel_runs(session, session.map(output), cost,
                      [&](const Run &run) { kernel(arguments_, input, target, run); });
    }

  private:
    PoolArguments arguments_;
    bool largest_;
};

int window_begin(int index, int outputs, int inputs) { return static_cast<int>(int64_t{index} * inputs / outputs); }

int window_end(int index, int outputs, int inputs) {
    return static_cast<int>((int64_t{index + 1} * inputs + outputs - 1) / outputs);
}

class AdaptiveAveragePool final : public Operator {
  public:
    using Operator::Operator;

    void propagate(Session &session) const override {
        mark_changes(session, inputs[0], output, [&](const ChangeMap &input, const ChangeMap &map, uint8_t *bytes) {
            const auto reaches = [](int index, int outputs, int inputs, int first, int last) {
                return window_begin(index, outputs, inputs) < last && window_end(index, outputs, inputs) > first;
            };
            for (const Run &run : input.runs()) {
                for (int y = 0; y < map.height(); ++y) {
                    if (!reaches(y, map.height(), input.height(), run.y, run.y + 1)) {
                        continue;
                    }
                    for (int x = 0; x < map.width(); ++x) {
                        if (reaches(x, map.width(), input.width(), run.first_x, run.last_x)) {
                            bytes[(int64_t{run.image} * map.height() + y) * map.width() + x] = 1;
                        }
                    }
                }
            }
        });
    }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        const int64_t cost = int64_t{input.h} * input.w * input.c / (int64_t{target.h} * target.w);
        parallel_runs(session, session.map(output), cost, [&](const Run &run) {
            for (int x = run.first_x; x < run.last_x; ++x) {
                const int y0 = window_begin(run.y, target.h, input.h), y1 = window_end(run.y, target.h, input.h);
                const int x0 = window_begin(x, target.w, input.w), x1 = window_end(x, target.w, input.w);
                session.kernels().window_sum(input, run.image, y0, y1, x0, x1,
                                             static_cast<float>((y1 - y0) * (x1 - x0)), target.at(run.image, run.y, x));
            }
        });
    }
};

// Which rows of the input must be added up again: those with an active place, or all when the output was forced or is
// computed for the first time.
class GlobalAveragePool final : public Operator {
  public:
    GlobalAveragePool(const Program &program, std::string name, int input, int output)
        : Operator(std::move(name), {input}, output) {
        const TensorPlan &plan = program.tensors[static_cast<size_t>(input)];
        rows_ = int64_t{plan.n} * plan.h;
        width_ = (plan.c + program.kernels->lanes - 1) / program.kernels->lanes * program.kernels->lanes;
    }

    int64_t state_floats() const override { return rows_ * width_; }

    void propagate(Session &session) const override { mark_changed_images(session, inputs[0], output); }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        float *sums = session.state(*this);
        const KernelTable &kernels = session.kernels();
        for_each_active_row(session, session.map(inputs[0]), int64_t{input.w} * input.c, [&](int image, int y) {
            kernels.window_sum(input, image, y, y + 1, 0, input.w, 1.0f,
                               sums + (int64_t{image} * input.h + y) * width_);
        });
        for (const Run &run : session.map(output).runs()) {
            kernels.vector_sum(sums + int64_t{run.image} * input.h * width_, width_, input.h, input.c,
                               static_cast<float>(int64_t{input.h} * input.w), nullptr, kIdentity,
                               target.at(run.image, 0, 0));
        }
    }

  private:
    int64_t rows_, width_;
};

class FlatLinear final : public Operator {
  public:
    FlatLinear(const Program &program, std::string name, int input, int output, const float *weight, const float *bias,
               Activation activation)
        : Operator(std::move(name), {input}, output), activation_(activation) {
        const TensorPlan &source = program.tensors[static_cast<size_t>(input)];
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        images_ = source.n;
        height_ = source.h;
        columns_ = source.w;
        channels_ = source.c;
        features_ = target.c;
        width_ = (features_ + program.kernels->lanes - 1) / program.kernels->lanes * program.kernels->lanes;
        const int64_t places = int64_t{height_} * columns_;
        weights_ = std::make_unique<Memory>(static_cast<size_t>(places * channels_ * width_ + program.kernels->lanes));
        for (int feature = 0; feature < features_; ++feature) {
            for (int channel = 0; channel < channels_; ++channel) {
                for (int64_t place = 0; place < places; ++place) {
                    weights_->data()[(place * channels_ + channel) * width_ + feature] =
                        weight[(int64_t{feature} * channels_ + channel) * places + place];
                }
            }
        }
        bias_ = padded(*program.kernels, bias, features_);
        macs = images_ * places * channels_ * features_;
    }

    // By place, then by row.
    int64_t state_floats() const override { return int64_t{images_} * height_ * (columns_ + 1) * width_; }

    void propagate(Session &session) const override { mark_changed_images(session, inputs[0], output); }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        const KernelTable &kernels = session.kernels();
        const ChangeMap &map = session.map(inputs[0]);
        float *places = session.state(*this);
        float *rows = places + int64_t{images_} * height_ * columns_ * width_;
        parallel_runs(session, map, int64_t{channels_} * features_, [&](const Run &run) {
            for (int x = run.first_x; x < run.last_x; ++x) {
                const int64_t place = int64_t{run.y} * columns_ + x;
                kernels.partial_linear(input.at(run.image, run.y, x), channels_,
                                       weights_->data() + place * channels_ * width_, width_, features_,
                                       places + (int64_t{run.image} * height_ * columns_ + place) * width_);
            }
        });
        int64_t last = -1;
        for (const Run &run : map.runs()) {
            const int64_t row = int64_t{run.image} * height_ + run.y;
            if (row != last) {
                kernels.vector_sum(places + row * columns_ * width_, width_, columns_, static_cast<int32_t>(width_),
                                   1.0f, nullptr, kIdentity, rows + row * width_);
                last = row;
            }
        }
        for (const Run &run : session.map(output).runs()) {
            kernels.vector_sum(rows + int64_t{run.image} * height_ * width_, width_, height_, features_, 1.0f,
                               bias_.data(), activation_, target.at(run.image, 0, 0));
        }
    }

    int64_t work(const Session &session) const override {
        return session.map(inputs[0]).active() * channels_ * features_;
    }

  private:
    int images_, height_, columns_, channels_, features_;
    int64_t width_;
    std::unique_ptr<Memory> weights_;
    std::vector<float> bias_;
    Activation activation_;
};

} // namespace

std::unique_ptr<Operator> make_max_pool(const Program &, std::string name, int input, int output,
                                        const PoolArguments &arguments) {
    return std::make_unique<WindowPool>(std::move(name), input, output, arguments, true);
}

std::unique_ptr<Operator> make_average_pool(const Program &, std::string name, int input, int output,
                                            const PoolArguments &arguments) {
    return std::make_unique<WindowPool>(std::move(name), input, output, arguments, false);
}

std::unique_ptr<Operator> make_adaptive_average_pool(const Program &program, std::string name, int input, int output) {
    const TensorPlan &plan = program.tensors[static_cast<size_t>(output)];
    if (plan.h == 1 && plan.w == 1) {
        return std::make_unique<GlobalAveragePool>(program, std::move(name), input, output);
    }
    return std::make_unique<AdaptiveAveragePool>(std::move(name), std::vector<int>{input}, output);
}

std::unique_ptr<Operator> make_flat_linear(const Program &program, std::string name, int input, int output,
                                           const float *weight, const float *bias, Activation activation) {
    return std::make_unique<FlatLinear>(program, std::move(name), input, output, weight, bias, activation);
}

} // namespace saccade
