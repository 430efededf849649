// The largest channel of each place.
#include "active_places.h"
#include "saccade/operators.h"

namespace saccade {

namespace {

class ChannelMaximum final : public Operator {
  public:
    using Operator::Operator;

    void propagate(Session &session) const override { session.share_map(output, inputs[0]); }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        parallel_runs(session, session.map(output), input.c, [&](const Run &run) {
            for (int x = run.first_x; x < run.last_x; ++x) {
                *target.at(run.image, run.y, x) =
                    session.kernels().channel_maximum(input.at(run.image, run.y, x), input.c);
            }
        });
    }
};

} // namespace

std::unique_ptr<Operator> make_channel_maximum(std::string name, int input, int output) {
    return std::make_unique<ChannelMaximum>(std::move(name), std::vector<int>{input}, output);
}

} // namespace saccade
