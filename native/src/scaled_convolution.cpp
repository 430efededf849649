// A pointwise convolution of a tensor times a factor for each of an image's channels, as behind squeeze-and-excitation.
// The products are made for a block of places at a time, stay in the cache and are not kept.
#include <algorithm>
#include <array>

#include "packed_convolution.h"

namespace saccade {

namespace {

class ScaledConvolution final : public Operator {
  public:
    ScaledConvolution(const Program &program, std::string name, int features, int scale, int output, int residual,
                      const ConvolutionLayer &layer)
        : Operator(std::move(name),
                   residual < 0 ? std::vector<int>{features, scale} : std::vector<int>{features, scale, residual},
                   output),
          channels_(program.tensors[static_cast<size_t>(features)].c),
          block_(std::clamp<int64_t>(kBlockFloats / channels_, kFewestPlaces, program.kernels->block_pixels)),
          kernel_scratch_(kernel_scratch(*program.kernels)),
          packed_(*program.kernels, layer.weight, layer.bias, program.tensors[static_cast<size_t>(output)].c, channels_,
                  1, {0}, layer.activation) {
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        macs = int64_t{target.n} * target.h * target.w * target.c * channels_;
        product_.has_second = true;
        product_.function = BinaryFunction::multiply;
        product_.activation = {Function::identity, 0.0f, 0.0f};
    }

    void propagate(Session &session) const override {
        ChangeMap scaled;
        std::vector<const ChangeMap *> maps{&session.map(inputs[0])};
        if (inputs.size() > 2) {
            maps.push_back(&session.map(inputs[2]));
        }
        if (!session.map(inputs[1]).empty()) {
            scaled = images_of(session.map(inputs[1]), session.view(output));
            maps.push_back(&scaled);
        }
        session.own_map(output).set_union(maps);
    }

    int64_t scratch_floats() const override { return kernel_scratch_ + block_ * channels_; }

    void list_weights(std::vector<WeightStretch> &stretches) const override { stretches.push_back(packed_.weights()); }

    void run(Session &session) const override {
        const ChangeMap &map = session.map(output);
        parallel_blocks(session, map.active(), block_, macs / map.places(),
                        [&](int64_t first, int64_t last, int thread) {
                            run_block(session, map, first, last, session.scratch(thread));
                        });
    }

  private:
    static constexpr int64_t kBlockFloats = 64 * 1024; // of the products
    static constexpr int64_t kFewestPlaces = 32;

    // All places of the images whose factors changed.
    static ChangeMap images_of(const ChangeMap &factors, const View &target) {
        ChangeMap map(target.n, target.h, target.w);
        if (factors.state() == ChangeMap::State::all) {
            map.set_all();
            return map;
        }
        const int64_t places = int64_t{target.h} * target.w;
        uint8_t *bytes = map.edit();
        for (const Run &run : factors.runs()) {
            std::fill_n(bytes + run.image * places, places, uint8_t{1});
        }
        map.count();
        return map;
    }

    void run_block(Session &session, const ChangeMap &map, int64_t first, int64_t last, float *scratch) const {
        std::array<const float *, kMostPlaces> sources;
        std::array<float *, kMostPlaces> targets;
        std::array<const float *, kMostPlaces> residuals;
        const View &features = session.view(inputs[0]), &scale = session.view(inputs[1]);
        const View &target = session.view(output);
        const View residual = inputs.size() > 2 ? session.view(inputs[2]) : View{};
        float *product = scratch + kernel_scratch_;
        size_t count = 0;
        for_each_run(map, first, last, [&](const Run &run) {
            session.kernels().elementwise(product_, features.at(run.image, run.y, run.first_x), features.pixel_stride,
                                          scale.at(run.image, 0, 0), 0, product, channels_, channels_,
                                          run.last_x - run.first_x);
            for (int x = run.first_x; x < run.last_x; ++x, ++count, product += channels_) {
                sources[count] = product;
                targets[count] = target.at(run.image, run.y, x);
                residuals[count] = residual.at(run.image, run.y, x);
            }
        });
        session.kernels().convolution(
            packed_.arguments(), sources.data(), targets.data(), residual.data == nullptr ? nullptr : residuals.data(),
            static_cast<int32_t>(count), 0, packed_.panels(), scratch, session.weights_ahead());
    }

    int32_t channels_;
    int64_t block_, kernel_scratch_;
    PackedConvolution packed_;
    ElementwiseArguments product_{};
};

} // namespace

std::unique_ptr<Operator> make_scaled_convolution(const Program &program, std::string name, int features, int scale,
                                                  int output, int residual, const ConvolutionLayer &layer) {
    return std::make_unique<ScaledConvolution>(program, std::move(name), features, scale, output, residual, layer);
}

} // namespace saccade
