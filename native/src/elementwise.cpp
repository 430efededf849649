// Functions of one or two tensors with broadcasting, constants, joins, channel gathers, padding.
#include <cstring>

#include "active_places.h"
#include "saccade/operators.h"

namespace saccade {

namespace {

class Elementwise final : public Operator {
  public:
    Elementwise(const Program &program, std::string name, int first, int second, int output, BinaryFunction function,
                const float *scale, const float *shift, Activation activation)
        : Operator(std::move(name), second < 0 ? std::vector<int>{first} : std::vector<int>{first, second}, output) {
        const int channels = program.tensors[static_cast<size_t>(output)].c;
        if (scale != nullptr) {
            scale_ = padded(*program.kernels, scale, channels);
            shift_ = padded(*program.kernels, shift, channels);
        }
        arguments_.scale = scale != nullptr ? scale_.data() : nullptr;
        arguments_.shift = scale != nullptr ? shift_.data() : nullptr;
        arguments_.has_second = second >= 0;
        arguments_.first_broadcasts_channels = program.tensors[static_cast<size_t>(first)].c == 1 && channels > 1;
        arguments_.second_broadcasts_channels =
            second >= 0 && program.tensors[static_cast<size_t>(second)].c == 1 && channels > 1;
        arguments_.function = function;
        arguments_.activation = activation;
    }

    void propagate(Session &session) const override {
        const View &target = session.view(output);
        const auto whole = [&](int tensor) {
            const View &view = session.view(tensor);
            return view.n == target.n && view.h == target.h && view.w == target.w;
        };
        if (inputs.size() == 1 && whole(inputs[0])) {
            session.share_map(output, inputs[0]);
            return;
        }
        std::vector<ChangeMap> stretched;
        stretched.reserve(inputs.size());
        std::vector<const ChangeMap *> maps;
        for (const int input : inputs) {
            const ChangeMap &map = session.map(input);
            if (whole(input)) {
                maps.push_back(&map);
                continue;
            }
            ChangeMap &wide = stretched.emplace_back(target.n, target.h, target.w);
            stretch(map, wide);
            maps.push_back(&wide);
        }
        session.own_map(output).set_union(maps);
    }

    void run(Session &session) const override {
        const View target = session.view(output);
        const View first = session.view(inputs[0]);
        const View second = arguments_.has_second ? session.view(inputs[1]) : View{};
        const auto place = [](const View &view, const Run &run) {
            return view.at(view.n == 1 ? 0 : run.image, view.h == 1 ? 0 : run.y, view.w == 1 ? 0 : run.first_x);
        };
        // Where a run is the same floats in the same order everywhere, its channels are no concern.
        const auto whole = [&](const View &view) {
            return view.pixel_stride == target.c && view.c == target.c && view.w == target.w;
        };
        const bool flat =
            arguments_.scale == nullptr && whole(target) && whole(first) && (!arguments_.has_second || whole(second));
        parallel_runs(session, session.map(output), target.c, [&](const Run &run) {
            const int32_t places = run.last_x - run.first_x;
            session.kernels().elementwise(arguments_, place(first, run), first.w == 1 ? 0 : first.pixel_stride,
                                          arguments_.has_second ? place(second, run) : nullptr,
                                          second.w == 1 ? 0 : second.pixel_stride,
                                          target.at(run.image, run.y, run.first_x), target.pixel_stride,
                                          flat ? places * target.c : target.c, flat ? 1 : places);
        });
    }

  private:
    static void stretch(const ChangeMap &map, ChangeMap &wide) {
        if (wide.set_if_uniform(map)) {
            return;
        }
        uint8_t *bytes = wide.edit();
        for (int image = 0; image < wide.images(); ++image) {
            for (int y = 0; y < wide.height(); ++y) {
                for (int x = 0; x < wide.width(); ++x) {
                    *bytes++ =
                        map.at(map.images() == 1 ? 0 : image, map.height() == 1 ? 0 : y, map.width() == 1 ? 0 : x);
                }
            }
        }
        wide.count();
    }

    std::vector<float> scale_, shift_;
    ElementwiseArguments arguments_{};
};

class Constant final : public Operator {
  public:
    Constant(const Program &program, std::string name, int output, const float *value)
        : Operator(std::move(name), {}, output) {
        const TensorPlan &plan = program.tensors[static_cast<size_t>(output)];
        value_.assign(value, value + int64_t{plan.n} * plan.c * plan.h * plan.w);
    }

    int64_t state_floats() const override { return 1; }

    // Written once; a constant's own state remembers that.
    void propagate(Session &session) const override {
        float *written = session.state(*this);
        ChangeMap &map = session.own_map(output);
        *written == 1.0f ? map.set_none() : map.set_all();
        *written = 1.0f;
    }

    void run(Session &session) const override {
        const View view = session.view(output);
        const float *source = value_.data();
        for (int image = 0; image < view.n; ++image) {
            for (int channel = 0; channel < view.c; ++channel) {
                for (int y = 0; y < view.h; ++y) {
                    for (int x = 0; x < view.w; ++x) {
                        view.at(image, y, x)[channel] = *source++;
                    }
                }
            }
        }
    }

  private:
    std::vector<float> value_;
};

class Join final : public Operator {
  public:
    using Operator::Operator;

    void propagate(Session &session) const override {
        std::vector<const ChangeMap *> maps;
        for (const int input : inputs) {
            maps.push_back(&session.map(input));
        }
        session.own_map(output).set_union(maps);
    }

    void run(Session &) const override {}
};

class ChannelGather final : public Operator {
  public:
    ChannelGather(std::string name, int input, int output, std::vector<int> indices)
        : Operator(std::move(name), {input}, output), indices_(std::move(indices)) {
        step_ = indices_.size() > 1 ? indices_[1] - indices_[0] : 1;
        for (size_t index = 1; index < indices_.size(); ++index) {
            step_ = indices_[index] == indices_[index - 1] + step_ ? step_ : 0;
        }
    }

    void propagate(Session &session) const override { session.share_map(output, inputs[0]); }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        const KernelTable &kernels = session.kernels();
        parallel_runs(session, session.map(output), target.c, [&](const Run &run) {
            kernels.gather({indices_.data(), step_}, input.at(run.image, run.y, run.first_x), input.pixel_stride,
                           target.at(run.image, run.y, run.first_x), target.pixel_stride, target.c,
                           run.last_x - run.first_x);
        });
    }

  private:
    std::vector<int32_t> indices_;
    int32_t step_;
};

class Pad final : public Operator {
  public:
    Pad(std::string name, int input, int output, int top, int left, int channels_before, float value)
        : Operator(std::move(name), {input}, output), top_(top), left_(left), before_(channels_before), value_(value) {}

    void propagate(Session &session) const override {
        session.own_map(output).set_windows(session.map(inputs[0]), 1, 1, 1, 1, top_, left_, 1, 1);
    }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        // With negative channel widths the first `before_` channels of the input are cut.
        const int skipped = before_ < 0 ? -before_ : 0;
        const int first = before_ > 0 ? before_ : 0;
        const int copied = std::max(0, std::min(target.c - first, input.c - skipped));
        parallel_runs(session, session.map(output), target.c, [&](const Run &run) {
            for (int x = run.first_x; x < run.last_x; ++x) {
                float *place = target.at(run.image, run.y, x);
                const int source_y = run.y - top_;
                const int source_x = x - left_;
                const bool inside = source_y >= 0 && source_y < input.h && source_x >= 0 && source_x < input.w;
                if (!inside || copied < target.c) {
                    std::fill_n(place, target.c, value_);
                }
                if (inside) {
                    std::memcpy(place + first, input.at(run.image, source_y, source_x) + skipped,
                                static_cast<size_t>(copied) * sizeof(float));
                }
            }
        });
    }

  private:
    int top_, left_, before_;
    float value_;
};

} // namespace

std::unique_ptr<Operator> make_elementwise(const Program &program, std::string name, int first, int second, int output,
                                           BinaryFunction function, const float *scale, const float *shift,
                                           Activation activation) {
    return std::make_unique<Elementwise>(program, std::move(name), first, second, output, function, scale, shift,
                                         activation);
}

std::unique_ptr<Operator> make_constant(const Program &program, std::string name, int output, const float *value) {
    return std::make_unique<Constant>(program, std::move(name), output, value);
}

std::unique_ptr<Operator> make_join(std::string name, std::vector<int> inputs, int output) {
    return std::make_unique<Join>(std::move(name), std::move(inputs), output);
}

std::unique_ptr<Operator> make_channel_gather(const Program &, std::string name, int input, int output,
                                              std::vector<int> indices) {
    return std::make_unique<ChannelGather>(std::move(name), input, output, std::move(indices));
}

std::unique_ptr<Operator> make_pad(const Program &, std::string name, int input, int output, int top, int left,
                                   int channels_before, float value) {
    return std::make_unique<Pad>(std::move(name), input, output, top, left, channels_before, value);
}

} // namespace saccade
