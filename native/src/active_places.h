// Walking over the active places of a change map, in pieces that threads share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

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

// Calls visit(first, last, thread) for ranges of the active places, shared among the threads; `cost` is the rough
// number of operations a place takes.
template <typename Visit>
void parallel_ranges(Session &session, const ChangeMap &map, int64_t cost, const Visit &visit) {
    constexpr int64_t kSmallest = 64 * 1024; // operations worth waking a thread for
    const int64_t total = map.active();
    const int64_t threads = session.pool().threads();
    const int64_t tasks =
        threads == 1 ? 1 : std::clamp<int64_t>(total * std::max<int64_t>(cost, 1) / kSmallest, 1, 4 * threads);
    session.pool().parallel_for(
        tasks, [&](int64_t task, int thread) { visit(total * task / tasks, total * (task + 1) / tasks, thread); });
}

// The same, by runs of places.
template <typename Visit> void parallel_runs(Session &session, const ChangeMap &map, int64_t cost, const Visit &visit) {
    parallel_ranges(session, map, cost,
                    [&](int64_t first, int64_t last, int) { for_each_run(map, first, last, visit); });
}

// Calls visit(first, last, thread) for blocks of at most `block` of `count` places, shared among the threads where
// there is enough to do; `cost` is the rough number of multiply-adds a place takes.
template <typename Visit>
void parallel_blocks(Session &session, int64_t count, int64_t block, int64_t cost, const Visit &visit) {
    constexpr int64_t kSmallest = 128 * 1024; // multiply-adds worth waking the threads for
    const int64_t blocks = (count + block - 1) / block;
    const auto body = [&](int64_t index, int thread) {
        visit(index * block, std::min((index + 1) * block, count), thread);
    };
    if (count * cost > kSmallest) {
        session.pool().parallel_for(blocks, body);
        return;
    }
    for (int64_t index = 0; index < blocks; ++index) {
        body(index, 0);
    }
}

// Calls visit(image, y) for each row that holds an active place, shared among the threads where there is enough to do;
// `cost` is the rough number of operations a row takes.
template <typename Visit>
void for_each_active_row(Session &session, const ChangeMap &map, int64_t cost, const Visit &visit) {
    constexpr int64_t kSmallest = 128 * 1024; // operations worth waking the threads for
    std::vector<std::pair<int, int>> rows;
    for (const Run &run : map.runs()) {
        if (rows.empty() || rows.back() != std::make_pair(run.image, run.y)) {
            rows.emplace_back(run.image, run.y);
        }
    }
    const auto count = static_cast<int64_t>(rows.size());
    const auto visit_row = [&](int64_t index, int) {
        const auto [image, y] = rows[static_cast<size_t>(index)];
        visit(image, y);
    };
    if (count * cost > kSmallest) {
        session.pool().parallel_for(count, visit_row);
        return;
    }
    for (int64_t index = 0; index < count; ++index) {
        visit_row(index, 0);
    }
}

// Sets the output's change map: all or none where the input's is all or none, otherwise the places that
// mark(input, map, bytes) marks; `bytes` has one byte for each place of `map`, zero at first.
template <typename Mark> void mark_changes(Session &session, int input, int output, const Mark &mark) {
    const ChangeMap &changed = session.map(input);
    ChangeMap &map = session.own_map(output);
    if (map.set_if_uniform(changed)) {
        return;
    }
    mark(changed, map, map.edit());
    map.count();
}

// The same for an output of one place an image, which any change of the image may move.
inline void mark_changed_images(Session &session, int input, int output) {
    mark_changes(session, input, output, [](const ChangeMap &changed, const ChangeMap &, uint8_t *images) {
        for (const Run &run : changed.runs()) {
            images[run.image] = 1;
        }
    });
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
