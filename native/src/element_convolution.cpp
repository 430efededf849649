// Convolution that keeps its sums and adds to them what single elements of its input changed, or recomputes the places
// that they reach, whichever takes less time.
#include <array>

#include "packed_convolution.h"
#include "transmission.h"
#include "winograd_convolution.h"

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

struct ElementOptions {
    int input, output, residual;
    ConvolutionShape shape;
    Activation activation;
    DeltaCost cost;
};

// What dense and depthwise convolutions share: the windows, the choice, and the end of each place.
class ElementConvolution : public Operator {
  public:
    ElementConvolution(const Program &program, std::string name, const Transmission &source,
                       const ElementOptions &options)
        : Operator(std::move(name),
                   options.residual < 0 ? std::vector<int>{options.input}
                                        : std::vector<int>{options.input, options.residual},
                   options.output),
          shape_(options.shape), source_(source), cost_(options.cost) {
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        const int lanes = program.kernels->lanes;
        channels_in_ = program.tensors[static_cast<size_t>(options.input)].c;
        channels_out_ = target.c;
        taps_ = shape_.kernel_height * shape_.kernel_width;
        vectors_ = (target.c + lanes - 1) / lanes;
        width_ = vectors_ * lanes;
        images_ = target.n;
        height_ = target.h;
        columns_ = target.w;
        places_ = int64_t{target.n} * target.h * target.w;
        const TensorPlan &source_plan = program.tensors[static_cast<size_t>(options.input)];
        pointwise_ = taps_ == 1 && shape_.stride_y == 1 && shape_.stride_x == 1 && shape_.pad_top == 0 &&
                     shape_.pad_left == 0 && source_plan.h == target.h && source_plan.w == target.w;
        finish_.function = BinaryFunction::add;
        finish_.has_second = options.residual >= 0;
        finish_.activation = options.activation;
    }

    int64_t state_floats() const override { return places_ * width_; }

    std::unique_ptr<OperatorMemory> make_memory() const override {
        return std::make_unique<ElementMemory>(images_, height_, columns_);
    }

    void propagate(Session &session) const override {
        auto &memory = session.memory<ElementMemory>(*this);
        memory.macs = 0;
        if (!pointwise_) {
            memory.windows.set_windows(session.map(inputs[0]), shape_.kernel_height, shape_.kernel_width,
                                       shape_.stride_y, shape_.stride_x, shape_.pad_top, shape_.pad_left,
                                       shape_.dilation_y, shape_.dilation_x);
        }
        if (inputs.size() > 1) {
            session.own_map(output).set_union({&windows(session), &session.map(inputs[1])});
        } else if (pointwise_) {
            session.share_map(output, inputs[0]);
        } else {
            session.own_map(output) = memory.windows;
        }
    }

    void run(Session &session) const override {
        auto &memory = session.memory<ElementMemory>(*this);
        auto &sent = session.memory<TransmissionMemory>(source_);
        const ChangeMap &reached = windows(session);
        if (!reached.empty()) {
            const int64_t by_deltas = sent.sent * taps_ * outputs_of_an_element() / (shape_.stride_y * shape_.stride_x);
            const int64_t by_places = macs / places_ * reached.active();
            const double anew = static_cast<double>(by_places) * cost_.by_places;
            const double adding =
                static_cast<double>(by_deltas) * cost_.by_deltas + static_cast<double>(reached.active()) * cost_.place;
            if (!sent.whole && adding < anew) {
                sent.saved += anew - adding;
                add_deltas(session, reached, sent);
                memory.macs = by_deltas;
            } else {
                recompute(session, reached);
                memory.macs = by_places;
            }
        }
        finish(session);
    }

    int64_t work(const Session &session) const override { return session.memory<ElementMemory>(*this).macs; }

  protected:
    // Multiply-adds that one tap makes of one element.
    virtual int64_t outputs_of_an_element() const = 0;
    // Computes the sums of the places of the map from the whole input.
    virtual void recompute(Session &session, const ChangeMap &map) const = 0;
    // Adds to the sums of the places of the map what was sent.
    virtual void add_deltas(Session &session, const ChangeMap &map, const TransmissionMemory &sent) const = 0;

    // The places whose sums change.
    const ChangeMap &windows(const Session &session) const {
        return pointwise_ ? session.map(inputs[0]) : session.memory<ElementMemory>(*this).windows;
    }

    // Taps of a window: some rows, and of each of them columns that lie within 64 places, all or one.
    struct Taps {
        int first_row, last_row, first_column;
        uint64_t columns; // a bit for each, by their distance in places from the first
    };

    // The window in parts that `gather` takes.
    std::vector<Taps> parts_of_window(bool tap_by_tap) const {
        const bool narrow = (shape_.kernel_width - 1) * shape_.dilation_x < 64;
        std::vector<Taps> parts;
        for (int row = 0; row < shape_.kernel_height; row += tap_by_tap ? 1 : shape_.kernel_height) {
            const int last_row = tap_by_tap ? row + 1 : shape_.kernel_height;
            const int step = tap_by_tap || !narrow ? 1 : shape_.kernel_width;
            for (int column = 0; column < shape_.kernel_width; column += step) {
                uint64_t columns = 0;
                for (int next = 0; next < step; ++next) {
                    columns |= uint64_t{1} << next * shape_.dilation_x;
                }
                parts.push_back({row, last_row, column, columns});
            }
        }
        return parts;
    }

    // The deltas that reach one output place by some of its taps; returns how many lists.
    int gather(const View &input, const TransmissionMemory &sent, const Run &run, int x, const Taps &taps,
               DeltaList *lists) const {
        if (pointwise_) {
            lists[0] = sent.list((int64_t{run.image} * height_ + run.y) * columns_ + x, 0);
            return lists[0].count > 0 ? 1 : 0;
        }
        const int source_x = x * shape_.stride_x - shape_.pad_left + taps.first_column * shape_.dilation_x;
        if (source_x <= -64 || source_x >= input.w) {
            return 0;
        }
        int count = 0;
        for (int row = taps.first_row; row < taps.last_row; ++row) {
            const int source_y = run.y * shape_.stride_y - shape_.pad_top + row * shape_.dilation_y;
            if (source_y < 0 || source_y >= input.h) {
                continue;
            }
            const int64_t source_row = int64_t{run.image} * input.h + source_y;
            for (uint64_t found = sent.deltas_from(source_row, source_x) & taps.columns; found != 0;
                 found &= found - 1) {
                const int distance = __builtin_ctzll(found);
                const int column =
                    taps.first_column + (shape_.dilation_x == 1 ? distance : distance / shape_.dilation_x);
                lists[count++] = sent.list(source_row * input.w + source_x + distance,
                                           (row * shape_.kernel_width + column) * channels_in_);
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

    int64_t place_of(const Run &run) const { return (int64_t{run.image} * height_ + run.y) * columns_ + run.first_x; }

    ConvolutionShape shape_;
    int channels_in_, channels_out_, taps_, vectors_, images_, height_, columns_;
    int64_t width_, places_; // of a row of sums, in floats; of the output
    bool pointwise_;         // one tap, from the same place

  private:
    const Transmission &source_;
    DeltaCost cost_;
    ElementwiseArguments finish_{};
};

class DenseElements final : public ElementConvolution {
  public:
    DenseElements(const Program &program, std::string name, const Transmission &source, const float *weight,
                  const float *bias, const ElementOptions &options)
        : ElementConvolution(program, std::move(name), source, options),
          packed_(*program.kernels, weight, bias, channels_out_, channels_in_, 1,
                  tap_offsets(layout_of(program, options.input), options.shape), {Function::identity, 0.0f, 0.0f}),
          weights_(static_cast<size_t>(int64_t{taps_} * channels_in_ * width_ + program.kernels->lanes)) {
        macs = places_ * channels_out_ * channels_in_ * taps_;
        if (winograd_fits(program, options.input, options.output, options.shape)) {
            winograd_ = std::make_unique<WinogradLayer>(program, options.input, options.output, weight, bias,
                                                        options.shape, Activation{Function::identity, 0.0f, 0.0f});
        }
        const int most = program.kernels->delta_vectors;
        const int panels = (vectors_ + most - 1) / most;
        for (int panel = 0; panel < panels; ++panel) {
            const int first = vectors_ * panel / panels;
            panels_.push_back({first * program.kernels->lanes, vectors_ * (panel + 1) / panels - first});
            const int last = std::min(channels_out_, (first + panels_.back().vectors) * program.kernels->lanes);
            const int64_t row = int64_t{panels_.back().vectors} * program.kernels->lanes;
            float *packed = weights_.data() + int64_t{taps_} * channels_in_ * panels_.back().channel;
            for (int out = panels_.back().channel; out < last; ++out) {
                for (int in = 0; in < channels_in_; ++in) {
                    for (int tap = 0; tap < taps_; ++tap) {
                        packed[(int64_t{tap} * channels_in_ + in) * row + out - panels_.back().channel] =
                            weight[(int64_t{out} * channels_in_ + in) * taps_ + tap];
                    }
                }
            }
        }
    }

    int64_t scratch_floats() const override { return winograd_ == nullptr ? 0 : winograd_->scratch_floats(); }

  private:
    int64_t outputs_of_an_element() const override { return channels_out_; }

    void recompute(Session &session, const ChangeMap &map) const override {
        const View input = session.view(inputs[0]);
        float *sums = session.state(*this);
        if (winograd_ != nullptr) {
            const View target = {sums,    width_,  width_ * columns_, width_ * columns_ * height_,
                                 images_, height_, columns_,          channels_out_};
            winograd_->run(session, map, input, target, View{});
            return;
        }
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

    void add_deltas(Session &session, const ChangeMap &map, const TransmissionMemory &sent) const override {
        const KernelTable &kernels = session.kernels();
        const View input = session.view(inputs[0]);
        float *sums = session.state(*this);
        // Weights that do not stay in the second cache are gone through tap by tap, by all places of a task.
        const int64_t panel_bytes =
            int64_t{taps_} * channels_in_ * panels_[0].vectors * kernels.lanes * int64_t{sizeof(float)};
        const bool tap_by_tap = panel_bytes > kWeightsInCache && taps_ > 1;
        const std::vector<Taps> parts = parts_of_window(tap_by_tap);
        const int64_t cost = sent.sent * taps_ * width_ / std::max<int64_t>(map.active(), 1);
        parallel_ranges(session, map, cost, [&](int64_t first, int64_t last, int) {
            std::vector<DeltaList> lists(static_cast<size_t>(taps_));
            for (const PanelOfDeltas &panel : panels_) {
                const float *weights = weights_.data() + int64_t{taps_} * channels_in_ * panel.channel;
                const int64_t row = int64_t{panel.vectors} * kernels.lanes;
                for (const Taps &taps : parts) {
                    for_each_run(map, first, last, [&](const Run &run) {
                        float *target = sums + place_of(run) * width_ + panel.channel;
                        for (int x = run.first_x; x < run.last_x; ++x, target += width_) {
                            const int count = gather(input, sent, run, x, taps, lists.data());
                            if (count > 0) {
                                kernels.accumulate(weights, row, lists.data(), count, panel.vectors, target);
                            }
                        }
                    });
                }
            }
        });
    }

    static constexpr int64_t kWeightsInCache = 256 * 1024;

    struct PanelOfDeltas {
        int channel, vectors; // its first output channel, its width
    };

    PackedConvolution packed_;
    std::unique_ptr<WinogradLayer> winograd_; // where it computes whole places faster
    Memory weights_;                          // by panel: [taps][input channels][vectors * lanes]
    std::vector<PanelOfDeltas> panels_;
};

class DepthwiseElements final : public ElementConvolution {
  public:
    DepthwiseElements(const Program &program, std::string name, const Transmission &source, const float *weight,
                      const float *bias, const ElementOptions &options)
        : ElementConvolution(program, std::move(name), source, options),
          packed_(*program.kernels, weight, bias, channels_out_, options.shape, {Function::identity, 0.0f, 0.0f}) {
        macs = places_ * channels_out_ * taps_;
    }

  private:
    int64_t outputs_of_an_element() const override { return 1; }

    void recompute(Session &session, const ChangeMap &map) const override {
        const View input = session.view(inputs[0]);
        float *sums = session.state(*this);
        parallel_runs(session, map, int64_t{channels_out_} * taps_, [&](const Run &run) {
            session.kernels().depthwise(packed_.arguments(),
                                        input.at(run.image, run.y * shape_.stride_y - shape_.pad_top,
                                                 int64_t{run.first_x} * shape_.stride_x - shape_.pad_left),
                                        input.pixel_stride, input.row_stride, sums + place_of(run) * width_, width_,
                                        nullptr, 0, channels_out_, run.last_x - run.first_x);
        });
    }

    void add_deltas(Session &session, const ChangeMap &map, const TransmissionMemory &sent) const override {
        const View input = session.view(inputs[0]);
        float *sums = session.state(*this);
        const DepthwiseArguments &packed = packed_.arguments();
        const int64_t cost = sent.sent * taps_ / std::max<int64_t>(map.active(), 1);
        const std::vector<Taps> parts = parts_of_window(false);
        parallel_runs(session, map, cost, [&](const Run &run) {
            std::array<DeltaList, kMostTaps> lists;
            float *target = sums + place_of(run) * width_;
            for (int x = run.first_x; x < run.last_x; ++x, target += width_) {
                for (const Taps &taps : parts) {
                    const int count = gather(input, sent, run, x, taps, lists.data());
                    add_lists(lists.data(), count, packed, target);
                }
            }
        });
    }

    void add_lists(const DeltaList *lists, int count, const DepthwiseArguments &packed, float *target) const {
        for (int list = 0; list < count; ++list) {
            const DeltaList &deltas = lists[list];
            const float *weights = packed.weights + deltas.row / channels_in_ * packed.tap_stride;
            for (int delta = 0; delta < deltas.count; ++delta) {
                const int32_t channel = deltas.channels[delta];
                target[channel] += deltas.changes[delta] * weights[channel];
            }
        }
    }

    static constexpr size_t kMostTaps = 64;

    PackedDepthwise packed_;
};

} // namespace

std::unique_ptr<Operator> make_element_convolution(const Program &program, std::string name, int input, int output,
                                                   int residual, int transmission, const float *weight,
                                                   const float *bias, const ConvolutionShape &shape,
                                                   Activation activation, DeltaCost cost) {
    auto &source = dynamic_cast<Transmission &>(*program.operators.at(static_cast<size_t>(transmission)));
    source.set_comparing(cost.element);
    const ElementOptions options = {input, output, residual, shape, activation, cost};
    if (shape.groups > 1) {
        return std::make_unique<DepthwiseElements>(program, std::move(name), source, weight, bias, options);
    }
    return std::make_unique<DenseElements>(program, std::move(name), source, weight, bias, options);
}

} // namespace saccade
