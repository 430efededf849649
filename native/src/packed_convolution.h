#pragma once

#include <array>

#include "active_places.h"
#include "saccade/operators.h"

namespace saccade {

// No kernel table's block_pixels is larger.
constexpr int64_t kMostPlaces = 256;
// Floats of scratch memory that the convolution kernel needs.
inline int64_t kernel_scratch(const KernelTable &kernels) {
    return int64_t{kernels.block_pixels} * kernels.max_vectors * kernels.lanes;
}
// Panels of nearly equal width, in vectors: 96 channels make 48 + 48, not 64 + 32.
std::vector<int> panel_widths(int vectors, int most);
// A tensor's strides, which every session of the program shares: weights are packed once for them.
View layout_of(const Program &program, int tensor);
// Floats from a place's base pointer to each tap of its window.
std::vector<int64_t> tap_offsets(const View &input, const ConvolutionShape &shape);

template <typename Locate>
void PackedConvolution::run(Session &session, int64_t count, bool has_residual, const Locate &locate) const {
    const KernelTable &kernels = session.kernels();
    const int64_t threads = session.pool().threads();
    int64_t block = kernels.block_pixels;
    int64_t groups = 1;
    const int64_t places_work =
        int64_t{arguments_.segments} * arguments_.segment_length * panels() * kernels.max_vectors * kernels.lanes;
    if (threads > 1 && count * places_work > 128 * 1024) {
        while (block > 24 && (count + block - 1) / block < 4 * threads) {
            block /= 2;
        }
        const int64_t blocks = (count + block - 1) / block;
        groups = std::min<int64_t>(panels(), std::max<int64_t>(1, (4 * threads + blocks - 1) / blocks));
    } else {
        block = std::max<int64_t>(block, 1);
    }
    const int64_t blocks = (count + block - 1) / block;
    const bool parallel = threads > 1 && count * places_work > 128 * 1024;
    const auto body = [&](int64_t task, int thread) {
        std::array<const float *, kMostPlaces> inputs;
        std::array<float *, kMostPlaces> outputs;
        std::array<const float *, kMostPlaces> residuals;
        const int64_t first = task / groups * block;
        const int64_t size = std::min(block, count - first);
        locate(first, first + size, inputs.data(), outputs.data(), residuals.data());
        const int64_t group = task % groups;
        kernels.convolution(arguments_, inputs.data(), outputs.data(), has_residual ? residuals.data() : nullptr,
                            static_cast<int32_t>(size), static_cast<int32_t>(panels() * group / groups),
                            static_cast<int32_t>(panels() * (group + 1) / groups), session.scratch(thread),
                            session.weights_ahead());
    };
    if (!parallel) {
        for (int64_t task = 0; task < blocks; ++task) {
            body(task, 0);
        }
        return;
    }
    session.pool().parallel_for(blocks * groups, body);
}

} // namespace saccade
