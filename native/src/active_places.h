// Walking over the active places of a change map, in pieces that threads share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "saccade/program.h"

namespace saccade {

// Calls visit(run) for the parts of the map's runs that hold the active places [first, last).
template <typename Visit> void for_each_run(const ChangeMap &map, int64_t first, int64_t last, const Visit &visit) {
    const std::vector<int64_t> &starts = map.starts();
    auto index = static_cast<size_t>(std::upper_bound(starts.begin(), starts.end(), first) - starts.begin()) - 1;
    while (first < last) {
        Run run = map.runs()[index];
        const int64_t skipped = first - starts[index];
        run.first_x += static_cast<int32_t>(skipped);
        const int64_t size = std::min<int64_t>(run.last_x - run.first_x, last - first);
        run.last_x = run.first_x + static_cast<int32_t>(size);
        visit(run);
        first += size;
        ++index;
    }
}

// The same for kernels that are faster over a stretch of places than over its parts: runs of a row that at most `gap`
// places part are visited as one, and the places between them computed again, to the same bits.
template <typename Visit>
void for_each_stretch(const ChangeMap &map, int64_t first, int64_t last, int gap, const Visit &visit) {
    Run whole{-1, 0, 0, 0};
    for_each_run(map, first, last, [&](const Run &run) {
        if (run.image == whole.image && run.y == whole.y && run.first_x <= whole.last_x + gap) {
            whole.last_x = run.last_x;
            return;
        }
        if (whole.image >= 0) {
            visit(whole);
        }
        whole = run;
    });
    if (whole.image >= 0) {
        visit(whole);
    }
}

// Calls visit(first, last) for ranges of the active places, shared among the threads; `cost` is the rough number of
// operations a place takes.
template <typename Visit>
void parallel_ranges(Session &session, const ChangeMap &map, int64_t cost, const Visit &visit) {
    constexpr int64_t kSmallest = 64 * 1024; // operations worth waking a thread for
    const int64_t total = map.active();
    const int64_t threads = session.pool().threads();
    const int64_t tasks =
        threads == 1 ? 1 : std::clamp<int64_t>(total * std::max<int64_t>(cost, 1) / kSmallest, 1, 4 * threads);
    session.pool().parallel_for(tasks,
                                [&](int64_t task, int) { visit(total * task / tasks, total * (task + 1) / tasks); });
}

// The same, by runs of places.
template <typename Visit> void parallel_runs(Session &session, const ChangeMap &map, int64_t cost, const Visit &visit) {
    parallel_ranges(session, map, cost, [&](int64_t first, int64_t last) { for_each_run(map, first, last, visit); });
}

// Constants for a kernel, copied and padded with zeros to whole vectors.
inline std::vector<float> padded(const KernelTable &kernels, const float *values, int64_t count) {
    const int64_t size = (count + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
    std::vector<float> copy(static_cast<size_t>(size), 0.0f);
    if (values != nullptr) {
        std::copy(values, values + count, copy.begin());
    }
    return copy;
}

} // namespace saccade
