#include "saccade/program.h"

namespace saccade {

namespace {

// Floats that may be asked for beyond an operator's own weights: the part of a second cache that its data leave free.
// With more, what was asked for first is gone when it is needed.
constexpr int64_t kWindow = 192 * 1024;

} // namespace

WeightSchedule::WeightSchedule(const Program &program) {
    int64_t floats = 0;
    for (const auto &op : program.operators) {
        first_.push_back(stretches_.size());
        op->list_weights(stretches_);
        for (size_t index = first_.back(); index < stretches_.size(); ++index) {
            stretches_[index].before = floats;
            floats += stretches_[index].floats;
        }
    }
    first_.push_back(stretches_.size());
    stretches_.push_back({nullptr, 0, floats});
    ahead_ = {stretches_.data(), static_cast<int64_t>(first_.back()), 0, 0, 0};
}

void WeightSchedule::begin(size_t index) {
    const int64_t begin = stretches_[first_[index]].before, end = stretches_[first_[index + 1]].before;
    // The operator asks for its own weights itself; only what was begun before it goes on.
    if (ahead_.position <= begin || ahead_.position > end + kWindow) {
        ahead_.index = static_cast<int64_t>(first_[index + 1]);
        ahead_.position = end;
    }
    ahead_.end = end + kWindow;
}

} // namespace saccade
