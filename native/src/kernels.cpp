// The kernels of one instruction set. The build compiles this file once for each, with SACCADE_ISA naming it.
#include "arithmetic_peak.h"
#include "cell_sums.h"
#include "comparison.h"
#include "convolution.h"
#include "deltas.h"
#include "depthwise.h"
#include "elementwise.h"
#include "moments.h"
#include "normalization.h"
#include "planes.h"
#include "pooling.h"
#include "sampling.h"
#include "taking_over.h"
#include "winograd.h"

#define SACCADE_TEXT(name) #name
#define SACCADE_NAME(name) SACCADE_TEXT(name)
#define SACCADE_JOIN(left, right) left##right
#define SACCADE_TABLE(name) SACCADE_JOIN(kernel_table_, name)

namespace saccade {

const KernelTable *SACCADE_TABLE(SACCADE_ISA)() {
    static const KernelTable table = {
        SACCADE_NAME(SACCADE_ISA),
        SACCADE_ISA::kLanes,
        SACCADE_ISA::kMaxVectors,
        SACCADE_ISA::kBlockPixels,
        SACCADE_ISA::kWinogradTiles,
        SACCADE_ISA::kDeltaVectors,
        SACCADE_ISA::convolution,
        SACCADE_ISA::winograd,
        SACCADE_ISA::depthwise,
        SACCADE_ISA::elementwise,
        SACCADE_ISA::gather,
        SACCADE_ISA::max_pool,
        SACCADE_ISA::average_pool,
        SACCADE_ISA::channel_maximum,
        SACCADE_ISA::window_sum,
        SACCADE_ISA::vector_sum,
        SACCADE_ISA::partial_linear,
        SACCADE_ISA::bilinear,
        SACCADE_ISA::softmax,
        SACCADE_ISA::layer_normalization,
        SACCADE_ISA::row_moments,
        SACCADE_ISA::join_moments,
        SACCADE_ISA::standardize,
        SACCADE_ISA::sample,
        SACCADE_ISA::interleave<float>,
        SACCADE_ISA::interleave<uint8_t>,
        SACCADE_ISA::to_planes,
        SACCADE_ISA::compare,
        SACCADE_ISA::multiply_adds,
        SACCADE_ISA::cell_sums_of_floats,
        SACCADE_ISA::cell_sums_of_bytes,
        SACCADE_ISA::take_over,
        SACCADE_ISA::are_finite,
        SACCADE_ISA::transmit,
        SACCADE_ISA::moved_places,
        SACCADE_ISA::place_difference,
        SACCADE_ISA::accumulate,
    };
    return &table;
}

} // namespace saccade
