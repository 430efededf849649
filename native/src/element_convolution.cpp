// Convolution that keeps its sums and adds to them what single elements of its input changed, or recomputes the places
// that they reach, whichever takes less time.
#include <array>

#include "packed_convolution.h"
#include "transmission.h"

namespace saccade {

namespace {

class ElementMemory final : public OperatorMemory {
  public:
    ElementMemory(int images, int height, int width) : windows(images, height, width) {}

    std::unique_ptr<OperatorMemory> clone() const override { return std::make_unique<ElementMemory>(*this); }
    size_t bytes() const override { return static_cast<size_t>(windows.places()); }
    void forget() override {}

    ChangeMap windows; // places whose sums change
    int64_t macs = 0;  // of the last run
};

class ElementConvolution final : public Operator {
  public:
    ElementConvolution(const Program &program, std::string name, int input, int output, int residual,
                       const Transmission &source, const float *weight, const float *bias,
                       const ConvolutionShape &shape, Activation activation, double delta_cost)
        : Operator(std::move(name), residual < 0 ? std::vector<int>{input} : std::vector<int>{input, residual}, output),
          source_(source), shape_(shape), delta_cost_(delta_cost),
          packed_(*program.kernels, weight, bias, program.tensors[static_cast<size_t>(output)].c,
                  program.tensors[static_cast<size_t>(input)].c, 1, tap_offsets(layout_of(program, input), shape),
                  {Function::identity, 0.0f, 0.0f}) {
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        const int lanes = program.kernels->lanes;
        channels_in_ = program.tensors[static_cast<size_t>(input)].c;
        channels_out_ = target.c;
        taps_ = shape.kernel_height * shape.kernel_width;
        vectors_ = (target.c + lanes - 1) / lanes;
        width_ = vectors_ * lanes;
        images_ = target.n;
        height_ = target.h;
        columns_ = target.w;
        places_ = int64_t{target.n} * target.h * target.w;
        macs = places_ * channels_out_ * channels_in_ * taps_;
        finish_.function = BinaryFunction::add;
        finish_.has_second = residual >= 0;
        finish_.activation = activation;
        weights_ = std::make_unique<Memory>(static_cast<size_t>(int64_t{taps_} * channels_in_ * width_ + lanes));
        for (int out = 0; out < channels_out_; ++out) {
            for (int in = 0; in < channels_in_; ++in) {
                for (int tap = 0; tap < taps_; ++tap) {
                    weights_->data()[(int64_t{tap} * channels_in_ + in) * width_ + out] =
                        weight[(int64_t{out} * channels_in_ + in) * taps_ + tap];
                }
            }
        }
    }

    int64_t state_floats() const override { return places_ * width_; }

    std::unique_ptr<OperatorMemory> make_memory() const override {
        return std::make_unique<ElementMemory>(images_, height_, columns_);
    }

    void propagate(Session &session) const override {
        auto &memory = session.memory<ElementMemory>(*this);
        const ChangeMap &input = session.map(inputs[0]);
        memory.windows.set_windows(input, shape_.kernel_height, shape_.kernel_width, shape_.stride_y, shape_.stride_x,
                                   shape_.pad_top, shape_.pad_left, shape_.dilation_y, shape_.dilation_x);
        memory.macs = 0;
        if (inputs.size() > 1) {
            session.own_map(output).set_union({&memory.windows, &session.map(inputs[1])});
        } else {
            session.own_map(output) = memory.windows;
        }
    }

    void run(Session &session) const override {
        auto &memory = session.memory<ElementMemory>(*this);
        const auto &sent = session.memory<TransmissionMemory>(source_);
        if (!memory.windows.empty()) {
            const int64_t by_deltas = sent.sent * taps_ / (shape_.stride_y * shape_.stride_x) * channels_out_;
            const int64_t by_places = memory.windows.active() * channels_in_ * taps_ * channels_out_;
            if (!sent.whole && static_cast<double>(by_deltas) * delta_cost_ < static_cast<double>(by_places)) {
                add_deltas(session, memory.windows, sent);
                memory.macs = by_deltas;
            } else {
                recompute(session, memory.windows);
                memory.macs = by_places;
            }
        }
        finish(session);
    }

    int64_t work(const Session &session) const override { return session.memory<ElementMemory>(*this).macs; }

  private:
    void recompute(Session &session, const ChangeMap &map) const {
        const View input = session.view(inputs[0]);
        float *sums = session.state(*this);
        const auto locate = [&](int64_t first, int64_t last, const float **sources, float **targets, const float **) {
            for_each_run(map, first, last, [&](const Run &run) {
                const float *source = input.at(run.image, run.y * shape_.stride_y - shape_.pad_top,
                                               int64_t{run.first_x} * shape_.stride_x - shape_.pad_left);
                float *place = sums + place_of(run) * width_;
                for (int x = run.first_x; x < run.last_x; ++x) {
                    *sources++ = source;
                    *targets++ = place;
                    source += shape_.stride_x * input.pixel_stride;
                    place += width_;
                }
            });
        };
        packed_.run(session, map.active(), false, locate);
    }

    void add_deltas(Session &session, const ChangeMap &map, const TransmissionMemory &sent) const {
        const KernelTable &kernels = session.kernels();
        const View input = session.view(inputs[0]);
        float *sums = session.state(*this);
        const int panels = (vectors_ + kernels.delta_vectors - 1) / kernels.delta_vectors;
        // Weights that do not stay in the second cache are gone through tap by tap, by all places of a task.
        const int64_t panel_bytes = int64_t{taps_} * channels_in_ * width_ / panels * int64_t{sizeof(float)};
        const bool tap_by_tap = panel_bytes > kWeightsInCache && taps_ > 1;
        const int passes = tap_by_tap ? taps_ : 1;
        const int64_t cost = sent.sent * taps_ * width_ / std::max<int64_t>(map.active(), 1);
        parallel_ranges(session, map, cost, [&](int64_t first, int64_t last) {
            std::vector<DeltaList> lists(static_cast<size_t>(taps_));
            for (int panel = 0; panel < panels; ++panel) {
                const int first_vector = vectors_ * panel / panels;
                const int vectors = vectors_ * (panel + 1) / panels - first_vector;
                const int offset = first_vector * kernels.lanes;
                for (int pass = 0; pass < passes; ++pass) {
                    const int first_tap = tap_by_tap ? pass : 0;
                    const int last_tap = tap_by_tap ? pass + 1 : taps_;
                    for_each_run(map, first, last, [&](const Run &run) {
                        float *target = sums + place_of(run) * width_ + offset;
                        for (int x = run.first_x; x < run.last_x; ++x, target += width_) {
                            const int count = gather(input, sent, run, x, first_tap, last_tap, lists.data());
                            if (count > 0) {
                                kernels.accumulate(weights_->data() + offset, width_, lists.data(), count, vectors,
                                                   target);
                            }
                        }
                    });
                }
            }
        });
    }

    // The deltas that reach one output place by the taps [first_tap, last_tap).
    int gather(const View &input, const TransmissionMemory &sent, const Run &run, int x, int first_tap, int last_tap,
               DeltaList *lists) const {
        int count = 0;
        for (int tap = first_tap; tap < last_tap; ++tap) {
            const int source_y = run.y * shape_.stride_y - shape_.pad_top + tap / shape_.kernel_width * shape_.dilation_y;
            const int source_x = x * shape_.stride_x - shape_.pad_left + tap % shape_.kernel_width * shape_.dilation_x;
            if (source_y < 0 || source_y >= input.h || source_x < 0 || source_x >= input.w) {
                continue;
            }
            const int64_t place = (int64_t{run.image} * input.h + source_y) * input.w + source_x;
            const DeltaList list = sent.list(place, tap * channels_in_);
            if (list.count > 0) {
                lists[count++] = list;
            }
        }
        return count;
    }

    void finish(Session &session) const {
        const View target = session.view(output);
        const View residual = inputs.size() > 1 ? session.view(inputs[1]) : View{};
        const float *sums = session.state(*this);
        const KernelTable &kernels = session.kernels();
        parallel_runs(session, session.map(output), channels_out_, [&](const Run &run) {
            kernels.elementwise(finish_, sums + place_of(run) * width_, width_,
                                inputs.size() > 1 ? residual.at(run.image, run.y, run.first_x) : nullptr,
                                residual.pixel_stride, target.at(run.image, run.y, run.first_x), target.pixel_stride,
                                channels_out_, run.last_x - run.first_x);
        });
    }

    int64_t place_of(const Run &run) const {
        return (int64_t{run.image} * height_ + run.y) * columns_ + run.first_x;
    }

    static constexpr int64_t kWeightsInCache = 256 * 1024;

    const Transmission &source_;
    ConvolutionShape shape_;
    double delta_cost_;
    PackedConvolution packed_;
    ElementwiseArguments finish_{};
    std::unique_ptr<Memory> weights_; // [taps][input channels][output channels rounded up to whole vectors]
    int channels_in_, channels_out_, taps_, vectors_, images_, height_, columns_;
    int64_t width_, places_;
};

} // namespace

std::unique_ptr<Operator> make_element_convolution(const Program &program, std::string name, int input, int output,
                                                   int residual, int transmission, const float *weight,
                                                   const float *bias, const ConvolutionShape &shape,
                                                   Activation activation, double delta_cost) {
    const auto &source =
        dynamic_cast<const Transmission &>(*program.operators.at(static_cast<size_t>(transmission)));
    return std::make_unique<ElementConvolution>(program, std::move(name), input, output, residual, source, weight, bias,
                                                shape, activation, delta_cost);
}

} // namespace saccade
