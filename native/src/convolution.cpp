// Dense, grouped, dilated and strided convolution; depthwise convolution; transposed convolution.
#include "convolution_shape.h"
#include "packed_convolution.h"
#include "winograd_convolution.h"

namespace saccade {

namespace {

class Convolution final : public Operator {
  public:
    Convolution(const Program &program, std::string name, int input, int output, int residual, const float *weight,
                const float *bias, const ConvolutionShape &shape, Activation activation)
        : Operator(std::move(name), with_residual(input, residual), output), shape_(shape),
          packed_(*program.kernels, weight, bias, program.tensors[static_cast<size_t>(output)].c,
                  program.tensors[static_cast<size_t>(input)].c, shape.groups,
                  tap_offsets(layout_of(program, input), shape), activation) {
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        macs = int64_t{target.n} * target.h * target.w * target.c * shape.kernel_height * shape.kernel_width *
               (program.tensors[static_cast<size_t>(input)].c / shape.groups);
    }

    // Pointwise, of the channels `length` from each of `firsts` on, `step` apart.
    Convolution(const Program &program, std::string name, int input, int output, int residual, const float *weight,
                const float *bias, const std::vector<int64_t> &firsts, int length, int step, Activation activation)
        : Operator(std::move(name), with_residual(input, residual), output), shape_({1, 1, 1, 1, 0, 0, 1, 1, 1}),
          packed_(*program.kernels, weight, bias, program.tensors[static_cast<size_t>(output)].c, length, 1, firsts,
                  activation, step) {
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        macs = int64_t{target.n} * target.h * target.w * target.c * length * static_cast<int64_t>(firsts.size());
    }

    void propagate(Session &session) const override { propagate_windows(session, *this, shape_); }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        const View residual = inputs.size() > 1 ? session.view(inputs[1]) : View{};
        const ChangeMap &map = session.map(output);
        const auto locate = [&](int64_t first, int64_t last, const float **sources, float **targets,
                                const float **residuals) {
            for_each_run(map, first, last, [&](const Run &run) {
                const float *source = input.at(run.image, run.y * shape_.stride_y - shape_.pad_top,
                                               int64_t{run.first_x} * shape_.stride_x - shape_.pad_left);
                float *place = target.at(run.image, run.y, run.first_x);
                const float *added = residual.at(run.image, run.y, run.first_x);
                for (int x = run.first_x; x < run.last_x; ++x) {
                    *sources++ = source;
                    *targets++ = place;
                    *residuals++ = added;
                    source += shape_.stride_x * input.pixel_stride;
                    place += target.pixel_stride;
                    added += residual.pixel_stride;
                }
            });
        };
        packed_.run(session, map.active(), inputs.size() > 1, locate);
    }

    void list_weights(std::vector<WeightStretch> &stretches) const override { stretches.push_back(packed_.weights()); }

  private:
    ConvolutionShape shape_;
    PackedConvolution packed_;
};

class Depthwise final : public Operator {
  public:
    Depthwise(const Program &program, std::string name, int input, int output, int residual, const float *weight,
              const float *bias, const ConvolutionShape &shape, Activation activation)
        : Operator(std::move(name), with_residual(input, residual), output), shape_(shape),
          packed_(*program.kernels, weight, bias, program.tensors[static_cast<size_t>(output)].c, shape, activation) {
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        const int taps = shape.kernel_height * shape.kernel_width;
        macs = int64_t{target.n} * target.h * target.w * target.c * taps;
    }

    void propagate(Session &session) const override { propagate_windows(session, *this, shape_); }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        const bool added = inputs.size() > 1;
        const View residual = added ? session.view(inputs[1]) : View{};
        const KernelTable &kernels = session.kernels();
        const int64_t cost = int64_t{target.c} * shape_.kernel_height * shape_.kernel_width;
        const int block = channel_block(session.map(output), input);
        parallel_ranges(session, session.map(output), cost, [&](int64_t first, int64_t last, int) {
            for (int channel = 0; channel < target.c; channel += block) {
                DepthwiseArguments arguments = packed_.arguments();
                arguments.weights += channel;
                arguments.bias += channel;
                const int channels = std::min(block, target.c - channel);
                for_each_stretch(session.map(output), first, last, kGap, [&](const Run &run) {
                    kernels.depthwise(arguments,
                                      input.at(run.image, run.y * shape_.stride_y - shape_.pad_top,
                                               int64_t{run.first_x} * shape_.stride_x - shape_.pad_left) +
                                          channel,
                                      input.pixel_stride, input.row_stride,
                                      target.at(run.image, run.y, run.first_x) + channel, target.pixel_stride,
                                      added ? residual.at(run.image, run.y, run.first_x) + channel : nullptr,
                                      residual.pixel_stride, channels, run.last_x - run.first_x);
                });
            }
        });
    }

  private:
    // Channels that go through all places together. A row of places is read again for each row of its window: where the
    // rows of a window do not fit the first cache with all their channels, they do with a line's or two.
    int channel_block(const ChangeMap &map, const View &input) const {
        constexpr int kLine = 16;
        const auto runs = static_cast<int64_t>(map.runs().size());
        if (shape_.stride_x != 1 || input.c < 4 * kLine || map.active() < kLongRun * runs) {
            return input.c;
        }
        const int64_t rows = int64_t{shape_.kernel_height} * input.w * input.c;
        if (rows > kManyFloats && input.w >= 48) {
            return kLine;
        }
        return shape_.kernel_height >= 5 ? 2 * kLine : input.c;
    }

    static constexpr int kGap = 4;
    static constexpr int64_t kLongRun = 20;
    static constexpr int64_t kManyFloats = 32 * 1024;

    ConvolutionShape shape_;
    PackedDepthwise packed_;
};

// The output places of one remainder (y mod stride, x mod stride) are a plain convolution with some of the taps.
class TransposedConvolution final : public Operator {
  public:
    TransposedConvolution(const Program &program, std::string name, int input, int output, const float *weight,
                          const float *bias, const ConvolutionShape &shape, Activation activation)
        : Operator(std::move(name), {input}, output), shape_(shape) {
        const TensorPlan &source = program.tensors[static_cast<size_t>(input)];
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        const View layout = layout_of(program, input);
        const int taps = shape.kernel_height * shape.kernel_width;
        const int outputs_each = target.c / shape.groups;
        const int inputs_each = source.c / shape.groups;
        for (int phase_y = 0; phase_y < shape.stride_y; ++phase_y) {
            for (int phase_x = 0; phase_x < shape.stride_x; ++phase_x) {
                std::vector<int64_t> offsets;
                std::vector<int> chosen;
                for (int y = 0; y < shape.kernel_height; ++y) {
                    const int shift_y = phase_y + shape.pad_top - y * shape.dilation_y;
                    for (int x = 0; x < shape.kernel_width; ++x) {
                        const int shift_x = phase_x + shape.pad_left - x * shape.dilation_x;
                        if (shift_y % shape.stride_y == 0 && shift_x % shape.stride_x == 0) {
                            offsets.push_back(shift_y / shape.stride_y * layout.row_stride +
                                              shift_x / shape.stride_x * layout.pixel_stride);
                            chosen.push_back(y * shape.kernel_width + x);
                        }
                    }
                }
                // (input, output / groups, taps) -> (output, input / groups, chosen taps)
                std::vector<float> part;
                for (int channel = 0; channel < target.c; ++channel) {
                    const int group = channel / outputs_each;
                    for (int in = 0; in < inputs_each; ++in) {
                        for (const int tap : chosen) {
                            const int64_t row = int64_t{group} * inputs_each + in;
                            part.push_back(weight[(row * outputs_each + channel % outputs_each) * taps + tap]);
                        }
                    }
                }
                phases_.push_back(std::make_unique<PackedConvolution>(*program.kernels, part.data(), bias, target.c,
                                                                      source.c, shape.groups, offsets, activation));
            }
        }
        macs = int64_t{source.n} * source.h * source.w * source.c * outputs_each * taps;
    }

    void propagate(Session &session) const override {
        mark_changes(session, inputs[0], output, [&](const ChangeMap &input, const ChangeMap &map, uint8_t *bytes) {
            for (const Run &run : input.runs()) {
                for (int tap = 0; tap < shape_.kernel_height; ++tap) {
                    const int y = run.y * shape_.stride_y - shape_.pad_top + tap * shape_.dilation_y;
                    if (y < 0 || y >= map.height()) {
                        continue;
                    }
                    uint8_t *row = bytes + (int64_t{run.image} * map.height() + y) * map.width();
                    for (int source_x = run.first_x; source_x < run.last_x; ++source_x) {
                        for (int column = 0; column < shape_.kernel_width; ++column) {
                            const int x = source_x * shape_.stride_x - shape_.pad_left + column * shape_.dilation_x;
                            if (x >= 0 && x < map.width()) {
                                row[x] = 1;
                            }
                        }
                    }
                }
            }
        });
    }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        const ChangeMap &map = session.map(output);
        for (int phase_y = 0; phase_y < shape_.stride_y; ++phase_y) {
            for (int phase_x = 0; phase_x < shape_.stride_x; ++phase_x) {
                std::vector<const float *> sources;
                std::vector<float *> targets;
                for (const Run &run : map.runs()) {
                    if (run.y % shape_.stride_y != phase_y) {
                        continue;
                    }
                    for (int x = run.first_x; x < run.last_x; ++x) {
                        if (x % shape_.stride_x == phase_x) {
                            sources.push_back(input.at(run.image, run.y / shape_.stride_y, x / shape_.stride_x));
                            targets.push_back(target.at(run.image, run.y, x));
                        }
                    }
                }
                const auto &packed = *phases_[static_cast<size_t>(phase_y * shape_.stride_x + phase_x)];
                packed.run(session, static_cast<int64_t>(sources.size()), false,
                           [&](int64_t first, int64_t last, const float **from, float **to, const float **) {
                               std::copy(sources.begin() + first, sources.begin() + last, from);
                               std::copy(targets.begin() + first, targets.begin() + last, to);
                           });
            }
        }
    }

  private:
    ConvolutionShape shape_;
    std::vector<std::unique_ptr<PackedConvolution>> phases_;
};

} // namespace

std::unique_ptr<Operator> make_convolution(const Program &program, std::string name, int input, int output,
                                           int residual, const float *weight, const float *bias,
                                           const ConvolutionShape &shape, Activation activation) {
    if (winograd_fits(program, input, output, shape)) {
        return make_winograd(program, std::move(name), input, output, residual, weight, bias, shape, activation);
    }
    return std::make_unique<Convolution>(program, std::move(name), input, output, residual, weight, bias, shape,
                                         activation);
}

std::unique_ptr<Operator> make_gathered_convolution(const Program &program, std::string name, int input, int output,
                                                    int residual, const float *weight, const float *bias,
                                                    const std::vector<int64_t> &firsts, int length, int step,
                                                    Activation activation) {
    return std::make_unique<Convolution>(program, std::move(name), input, output, residual, weight, bias, firsts,
                                         length, step, activation);
}

std::unique_ptr<Operator> make_depthwise(const Program &program, std::string name, int input, int output, int residual,
                                         const float *weight, const float *bias, const ConvolutionShape &shape,
                                         Activation activation) {
    return std::make_unique<Depthwise>(program, std::move(name), input, output, residual, weight, bias, shape,
                                       activation);
}

std::unique_ptr<Operator> make_transposed_convolution(const Program &program, std::string name, int input, int output,
                                                      const float *weight, const float *bias,
                                                      const ConvolutionShape &shape, Activation activation) {
    return std::make_unique<TransposedConvolution>(program, std::move(name), input, output, weight, bias, shape,
                                                   activation);
}

} // namespace saccade
