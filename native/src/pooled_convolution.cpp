// A max pooling with the convolution before it as one operator. What lies between them is computed for a few rows at a
// time, stays in the cache and is not kept.
#include "convolution_shape.h"
#include "expanded_strip.h"

namespace saccade {

namespace {

class PooledConvolution final : public Operator {
  public:
    PooledConvolution(const Program &program, std::string name, int input, int output,
                      const ConvolutionLayer &convolution, std::array<int, 2> expanded, const PoolArguments &pool)
        : Operator(std::move(name), {input}, output), pool_(pool), kernel_scratch_(kernel_scratch(*program.kernels)),
          expansion_(
              make_expansion(program, input, convolution, program.tensors[static_cast<size_t>(output)].c, expanded)),
          strips_(Strips::of(program.tensors[static_cast<size_t>(output)].w, expansion_.channels,
                             {pool.kernel_height, pool.kernel_width, pool.stride_y, pool.stride_x, pool.pad_top,
                              pool.pad_left, pool.dilation_y, pool.dilation_x, 1})),
          images_(program.tensors[static_cast<size_t>(output)].n) {
        macs = int64_t{images_} * expansion_.height * expansion_.width * expansion_.place_macs;
    }

    void propagate(Session &session) const override {
        ChangeMap &between = session.memory<ExpansionMemory>(*this).map;
        set_windows(between, session.map(inputs[0]), expansion_.shape);
        session.own_map(output).set_windows(between, pool_.kernel_height, pool_.kernel_width, pool_.stride_y,
                                            pool_.stride_x, pool_.pad_top, pool_.pad_left, pool_.dilation_y,
                                            pool_.dilation_x);
    }

    int64_t scratch_floats() const override { return kernel_scratch_ + strips_.floats(expansion_.channels); }

    void list_weights(std::vector<WeightStretch> &stretches) const override {
        stretches.push_back(expansion_.packed.weights());
    }

    std::unique_ptr<OperatorMemory> make_memory() const override {
        return std::make_unique<ExpansionMemory>(images_, expansion_);
    }

    int64_t work(const Session &session) const override {
        return session.memory<ExpansionMemory>(*this).computed.load() * expansion_.place_macs;
    }

    void run(Session &session) const override {
        const ChangeMap &map = session.map(output);
        session.memory<ExpansionMemory>(*this).computed = 0;
        parallel_ranges(session, map, macs / map.places(), [&](int64_t first, int64_t last, int thread) {
            run_strips(session, map, first, last, session.scratch(thread));
        });
    }

  private:
    void run_strips(Session &session, const ChangeMap &map, int64_t first, int64_t last, float *scratch) const {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        ExpandedStrip strip(expansion_, session, input, strips_, scratch + kernel_scratch_, scratch);
        strips_.for_each_run_of(
            map, first, last,
            [&](int image, int column) { strip.begin(image, std::max(column * pool_.stride_x - pool_.pad_left, 0)); },
            [&](const Run &run) { pool(session.kernels(), strip, target, run); });
        session.memory<ExpansionMemory>(*this).computed += strip.computed();
    }

    // Windows are cut off where the convolution's output ends, so that nothing beyond it takes part.
    void pool(const KernelTable &kernels, ExpandedStrip &strip, const View &target, const Run &run) const {
        const int y = run.y * pool_.stride_y - pool_.pad_top;
        const int x = run.first_x * pool_.stride_x - pool_.pad_left;
        const int top = std::max(y, 0), left = std::max(x, 0);
        const int bottom = std::min(y + (pool_.kernel_height - 1) * pool_.dilation_y + 1, expansion_.height);
        const int right = std::min(x + (run.last_x - run.first_x - 1) * pool_.stride_x +
                                       (pool_.kernel_width - 1) * pool_.dilation_x + 1,
                                   expansion_.width);
        strip.window(top, left, bottom - top, right - left);
        PoolArguments arguments = pool_; // as counted from the strip's first place
        arguments.pad_top += strip.row();
        arguments.pad_left += strip.column();
        kernels.max_pool(arguments, strip.view(), target, run);
    }

    PoolArguments pool_;
    int64_t kernel_scratch_;
    Expansion expansion_;
    Strips strips_;
    int images_;
};

} // namespace

std::unique_ptr<Operator> make_pooled_convolution(const Program &program, std::string name, int input, int output,
                                                  const ConvolutionLayer &convolution, std::array<int, 2> expanded,
                                                  const PoolArguments &pool) {
    return std::make_unique<PooledConvolution>(program, std::move(name), input, output, convolution, expanded, pool);
}

} // namespace saccade
