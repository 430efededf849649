// Softmax and layer normalization over the channels of each place.
#include "active_places.h"
#include "saccade/operators.h"

namespace saccade {

namespace {

class Softmax final : public Operator {
  public:
    Softmax(std::string name, int input, int output, bool logarithm)
        : Operator(std::move(name), {input}, output), logarithm_(logarithm) {}

    void propagate(Session &session) const override { session.share_map(output, inputs[0]); }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        parallel_runs(session, session.map(output), int64_t{target.c} * 8, [&](const Run &run) {
            session.kernels().softmax(input.at(run.image, run.y, run.first_x), input.pixel_stride,
                                      target.at(run.image, run.y, run.first_x), target.pixel_stride, target.c,
                                      run.last_x - run.first_x, logarithm_);
        });
    }

  private:
    bool logarithm_;
};

class LayerNormalization final : public Operator {
  public:
    LayerNormalization(const Program &program, std::string name, int input, int output, const float *weight,
                       const float *bias, float epsilon)
        : Operator(std::move(name), {input}, output) {
        const int channels = program.tensors[static_cast<size_t>(output)].c;
        weight_ = padded(*program.kernels, weight, channels);
        bias_ = padded(*program.kernels, bias, channels);
        arguments_ = {weight != nullptr ? weight_.data() : nullptr, bias != nullptr ? bias_.data() : nullptr, epsilon};
    }

    void propagate(Session &session) const override { session.share_map(output, inputs[0]); }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        parallel_runs(session, session.map(output), int64_t{target.c} * 4, [&](const Run &run) {
            for (int x = run.first_x; x < run.last_x; ++x) {
                session.kernels().layer_normalization(arguments_, input.at(run.image, run.y, x),
                                                      target.at(run.image, run.y, x), target.c);
            }
        });
    }

  private:
    std::vector<float> weight_, bias_;
    LayerNormalizationArguments arguments_{};
};

} // namespace

std::unique_ptr<Operator> make_softmax(const Program &, std::string name, int input, int output, bool logarithm) {
    return std::make_unique<Softmax>(std::move(name), input, output, logarithm);
}

std::unique_ptr<Operator> make_layer_normalization(const Program &program, std::string name, int input, int output,
                                                   const float *weight, const float *bias, float epsilon) {
    return std::make_unique<LayerNormalization>(program, std::move(name), input, output, weight, bias, epsilon);
}

} // namespace saccade
