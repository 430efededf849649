// A depthwise convolution with a convolution before it and a pointwise one behind it as one operator. What lies between
// them is computed for a few places at a time, stays in the cache and is not kept.
#include <algorithm>

#include "convolution_shape.h"
#include "expanded_strip.h"

namespace saccade {

namespace {

class DepthwiseBlock;

// Gathers places until there is no room for another one, then computes them together.
class Places {
  public:
    Places(const DepthwiseBlock &op, Session &session, float *scratch, ExpandedStrip *strip);

    void add(Run run);
    // Computes the depthwise layer for what was added last.
    void close();
    void finish();

  private:
    static constexpr Run kNone = {-1, 0, 0, 0};

    void take(int image, int y, int first_x, int last_x);

    const DepthwiseBlock &op_;
    const KernelTable &kernels_;
    WeightsAhead *ahead_;
    View input_, target_, residual_;
    ExpandedStrip *strip_; // or null
    float *scratch_, *between_;
    Run stretch_ = kNone;
    int64_t used_ = 0;  // places that the depthwise layer was or will be computed for
    int64_t count_ = 0; // of them, those that are wanted
    std::array<const float *, kMostPlaces> sources_;
    std::array<float *, kMostPlaces> targets_;
    std::array<const float *, kMostPlaces> residuals_;
};

class DepthwiseBlock final : public Operator {
  public:
    DepthwiseBlock(const Program &program, std::string name, int input, int output, int residual,
                   const ConvolutionLayer *expansion, std::array<int, 2> expanded, const ConvolutionLayer &depthwise,
                   const ConvolutionLayer *projection)
        : Operator(std::move(name), with_residual(input, residual), output), shape_(depthwise.shape),
          channels_(depthwise.shape.groups),
          places_(std::clamp<int64_t>(kBlockFloats / channels_, kFewestPlaces, program.kernels->block_pixels)),
          kernel_scratch_(kernel_scratch(*program.kernels)),
          packed_(*program.kernels, depthwise.weight, depthwise.bias, channels_, shape_, depthwise.activation) {
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        const int64_t places = int64_t{target.n} * target.h * target.w;
        place_macs_ = int64_t{channels_} * shape_.kernel_height * shape_.kernel_width;
        depthwise_ = packed_.arguments();
        depthwise_.inputs_cached = expansion != nullptr;
        depthwise_.outputs_cached = projection != nullptr;
        if (projection != nullptr) {
            projection_ =
                std::make_unique<PackedConvolution>(*program.kernels, projection->weight, projection->bias, target.c,
                                                    channels_, 1, std::vector<int64_t>{0}, projection->activation);
            place_macs_ += int64_t{channels_} * target.c;
        }
        macs = places * place_macs_;
        if (expansion != nullptr) {
            expansion_ = std::make_unique<Expansion>(make_expansion(program, input, *expansion, channels_, expanded));
            images_ = target.n;
            macs += int64_t{images_} * expanded[0] * expanded[1] * expansion_->place_macs;
            strips_ = Strips::of(target.w, channels_, shape_);
        }
    }

    void propagate(Session &session) const override {
        if (expansion_ == nullptr) {
            propagate_windows(session, *this, shape_);
            return;
        }
        const ChangeMap *changed = &session.map(inputs[0]);
        if (!is_pointwise(expansion_->shape)) {
            ChangeMap &between = session.memory<ExpansionMemory>(*this).map;
            set_windows(between, *changed, expansion_->shape);
            changed = &between;
        }
        set_windows(session.own_map(output), *changed, shape_);
        join_residual(session, *this);
    }

    int64_t scratch_floats() const override {
        return kernel_scratch_ + places_ * channels_ + (expansion_ == nullptr ? 0 : strips_.floats(channels_));
    }

    void list_weights(std::vector<WeightStretch> &stretches) const override {
        if (expansion_ != nullptr) {
            stretches.push_back(expansion_->packed.weights());
        }
        if (projection_ != nullptr) {
            stretches.push_back(projection_->weights());
        }
    }

    std::unique_ptr<OperatorMemory> make_memory() const override {
        return expansion_ == nullptr ? nullptr : std::make_unique<ExpansionMemory>(images_, *expansion_);
    }

    int64_t work(const Session &session) const override {
        const int64_t own = session.map(output).active() * place_macs_;
        return expansion_ == nullptr
                   ? own
                   : own + session.memory<ExpansionMemory>(*this).computed.load() * expansion_->place_macs;
    }

    void run(Session &session) const override {
        const ChangeMap &map = session.map(output);
        if (expansion_ != nullptr) {
            session.memory<ExpansionMemory>(*this).computed = 0;
        }
        parallel_ranges(session, map, macs / map.places(), [&](int64_t first, int64_t last, int thread) {
            if (expansion_ != nullptr) {
                run_strips(session, map, first, last, session.scratch(thread));
                return;
            }
            Places places(*this, session, session.scratch(thread), nullptr);
            for_each_run(map, first, last, [&](const Run &run) { places.add(run); });
            places.finish();
        });
    }

  private:
    friend class Places;

    static constexpr int64_t kBlockFloats = 64 * 1024; // of the depthwise layer's outputs
    static constexpr int64_t kFewestPlaces = 32;
    static constexpr int kGap = 4;

    void run_strips(Session &session, const ChangeMap &map, int64_t first, int64_t last, float *scratch) const {
        const View input = session.view(inputs[0]);
        ExpandedStrip strip(*expansion_, session, input, strips_, scratch + kernel_scratch_ + places_ * channels_,
                            scratch);
        Places places(*this, session, scratch, &strip);
        strips_.for_each_run_of(
            map, first, last,
            [&](int image, int column) {
                places.close(); // while the strip before is there
                strip.begin(image, column * shape_.stride_x - shape_.pad_left);
            },
            [&](const Run &run) { places.add(run); });
        places.finish();
        session.memory<ExpansionMemory>(*this).computed += strip.computed();
    }

    ConvolutionShape shape_;
    int32_t channels_; // of the depthwise layer
    int64_t places_, kernel_scratch_;
    int64_t place_macs_ = 0; // of the depthwise layer and the projection
    int images_ = 0;
    Strips strips_ = {};
    std::unique_ptr<Expansion> expansion_;
    std::unique_ptr<PackedConvolution> projection_;
    PackedDepthwise packed_;
    DepthwiseArguments depthwise_;
};

Places::Places(const DepthwiseBlock &op, Session &session, float *scratch, ExpandedStrip *strip)
    : op_(op), kernels_(session.kernels()), ahead_(session.weights_ahead()), input_(session.view(op.inputs[0])),
      target_(session.view(op.output)), residual_(op.inputs.size() > 1 ? session.view(op.inputs[1]) : View{}),
      strip_(strip), scratch_(scratch), between_(scratch + op.kernel_scratch_) {}

void Places::add(Run run) {
    while (run.first_x < run.last_x) {
        // Places between two runs of a row are computed too, which takes less time than two stretches.
        const int64_t apart = run.first_x - stretch_.last_x;
        const bool goes_on = run.image == stretch_.image && run.y == stretch_.y && apart <= DepthwiseBlock::kGap;
        if (used_ + (goes_on ? apart : 0) >= op_.places_) {
            finish();
            continue;
        }
        if (goes_on) {
            used_ += apart;
        } else {
            close();
            stretch_ = {run.image, run.y, run.first_x, run.first_x};
        }
        const auto last = static_cast<int32_t>(std::min<int64_t>(run.last_x, run.first_x + op_.places_ - used_));
        take(run.image, run.y, run.first_x, last);
        run.first_x = stretch_.last_x = last;
    }
}

void Places::take(int image, int y, int first_x, int last_x) {
    for (int x = first_x; x < last_x; ++x, ++used_, ++count_) {
        const auto index = static_cast<size_t>(count_);
        sources_[index] = between_ + used_ * op_.channels_;
        targets_[index] = target_.at(image, y, x);
        residuals_[index] = residual_.at(image, y, x);
    }
}

void Places::close() {
    const int length = stretch_.last_x - stretch_.first_x;
    if (length > 0) {
        const ConvolutionShape &shape = op_.shape_;
        const int y = stretch_.y * shape.stride_y - shape.pad_top;
        const int x = stretch_.first_x * shape.stride_x - shape.pad_left;
        const bool ends = op_.projection_ == nullptr;
        const float *source = strip_ == nullptr ? input_.at(stretch_.image, y, x)
                                                : strip_->window(y, x, (shape.kernel_height - 1) * shape.dilation_y + 1,
                                                                 Strips::columns_of(length, shape));
        kernels_.depthwise(op_.depthwise_, source, strip_ == nullptr ? input_.pixel_stride : op_.channels_,
                           strip_ == nullptr ? input_.row_stride : strip_->row_stride(),
                           ends ? target_.at(stretch_.image, stretch_.y, stretch_.first_x)
                                : between_ + (used_ - length) * op_.channels_,
                           ends ? target_.pixel_stride : op_.channels_, nullptr, 0, op_.channels_, length);
    }
    stretch_ = kNone;
}

void Places::finish() {
    close();
    if (count_ > 0 && op_.projection_ != nullptr) {
        kernels_.convolution(op_.projection_->arguments(), sources_.data(), targets_.data(),
                             residual_.data == nullptr ? nullptr : residuals_.data(), static_cast<int32_t>(count_), 0,
                             op_.projection_->panels(), scratch_, ahead_);
    }
    used_ = count_ = 0;
}

} // namespace

std::unique_ptr<Operator> make_depthwise_block(const Program &program, std::string name, int input, int output,
                                               int residual, const ConvolutionLayer *expansion,
                                               std::array<int, 2> expanded, const ConvolutionLayer &depthwise,
                                               const ConvolutionLayer *projection) {
    return std::make_unique<DepthwiseBlock>(program, std::move(name), input, output, residual, expansion, expanded,
                                            depthwise, projection);
}

} // namespace saccade
