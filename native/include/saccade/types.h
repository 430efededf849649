// Plain types that every instruction set's kernels and the engine share. No standard templates here: these headers
// are compiled once per instruction set, and an inline function shared between them could be the wrong one at run time.
#pragma once

#include <cstdint>

namespace saccade {

// A tensor in memory: N images of H x W places of C contiguous floats. `data` is channel 0 of place (0, 0).
// Strides are in floats. Around H x W lies a border of zeros as wide as the consumers' padding.
struct View {
    float *data;
    int64_t pixel_stride;
    int64_t row_stride;
    int64_t image_stride;
    int32_t n, h, w, c;

    float *at(int64_t image, int64_t y, int64_t x) const {
        return data + image * image_stride + y * row_stride + x * pixel_stride;
    }
};

// Active places first_x <= x < last_x of one row.
struct Run {
    int32_t image, y, first_x, last_x;
};

enum class Function : int32_t {
    identity,
    relu,
    clamp,
    leaky_relu,
    hardswish,
    hardsigmoid,
    silu,
    gelu,
    gelu_tanh,
    sigmoid,
    tanh,
    elu,
    mish,
    softplus,
    exp,
    sqrt,
    abs,
};

struct Activation {
    Function function;
    float a, b;
};

enum class BinaryFunction : int32_t { add, subtract, multiply, divide, maximum, minimum };

// Some output channels of a convolution whose weights lie together: [taps * input channels][vectors * lanes].
struct Panel {
    int64_t weights;      // offset of the panel's first weight
    int64_t input_offset; // first input channel of the panel's group
    int32_t channel;      // first output channel
    int32_t channels;     // output channels that exist; the rest of the last vector is padding
    int32_t vectors;
};

// One convolution's constants. The input that one output place needs is `segments` stretches of `segment_length`
// contiguous floats, at `segment_offsets` from the place's base pointer.
struct ConvolutionArguments {
    const float *weights;
    const float *bias; // by panel, padded to whole vectors
    const Panel *panels;
    const int64_t *segment_offsets;
    int32_t segments;
    int32_t segment_length;
    Activation activation;
    int32_t input_step; // floats from a channel to the next
};

// Weights that lie together; `before` counts the floats of all stretches before this one.
struct WeightStretch {
    const float *first;
    int64_t floats;
    int64_t before;
};

// The weights that later operators read, in their order: a kernel that computes asks for them, as memory has nothing to
// do meanwhile. Threads share it without locks: the worst that comes of it is a stretch that is asked for twice.
struct WeightsAhead {
    const WeightStretch *stretches;
    int64_t count;
    int64_t index, position; // the stretch to be asked for next, and how many floats come before what is left of it
    int64_t end;             // nothing from this position on is wanted
};

// Two by two neighbouring output places of a 3 x 3 convolution and the 4 x 4 input places that they need.
struct WinogradTile {
    const float *input;
    float *output;
    const float *residual; // or null
    uint8_t rows, columns; // of the input that may be read, 3 or 4; zeros stand for the rest
    uint8_t places;        // which of the four are to be written: bit 2 * row + column
};

struct WinogradArguments {
    const float *weights; // by panel: [16 points][channels][vectors * lanes]
    const float *bias;    // by panel, [most vectors * lanes]
    const Panel *panels;
    int32_t channels; // of the input
    int64_t input_row_stride, input_pixel_stride, output_row_stride, output_pixel_stride;
    int64_t residual_row_stride, residual_pixel_stride;
    Activation activation;
};

struct DepthwiseArguments {
    const float *weights; // [kernel height * kernel width][channels rounded up to whole vectors]
    const float *bias;
    int64_t tap_stride;
    int32_t kernel_height, kernel_width;
    int32_t stride_x, dilation_y, dilation_x;
    Activation activation;
    bool inputs_cached, outputs_cached; // nothing has to be asked for ahead of time
};

struct ElementwiseArguments {
    const float *scale; // one a channel, or null
    const float *shift; // one a channel, or null
    bool has_second;
    bool first_broadcasts_channels, second_broadcasts_channels;
    BinaryFunction function;
    Activation activation;
};

struct PoolArguments {
    int32_t kernel_height, kernel_width, stride_y, stride_x, pad_top, pad_left, pad_bottom, pad_right;
    int32_t dilation_y, dilation_x;
    bool count_include_pad;
    int32_t divisor; // 0: count the places
};

// Channels of a place, and by how much each differs from what its consumers were told last. They meet the weights of
// one tap, which begin at `row`.
struct DeltaList {
    const float *changes;
    const int32_t *channels;
    int32_t count;
    int32_t row;
};

struct LayerNormalizationArguments {
    const float *weight; // or null
    const float *bias;   // or null
    float epsilon;
};

struct StandardizationArguments {
    const float *weight; // or null
    const float *bias;   // or null
    Activation activation;
};

// Side in places of the cells in which frames are compared: a block of a codec.
constexpr int kCellSide = 8;
constexpr int kCellRowStep = 4; // one row in so many is looked at

// What a layer takes by deltas of its input's elements and by whole places, in any one unit of time.
struct DeltaCost {
    double by_places; // a multiply-add of a place that is computed anew
    double by_deltas; // a multiply-add of a delta
    double place;     // each place of the output that any delta reaches
    double element;   // each element of the input that is compared
};

struct ChannelOrder {
    const int32_t *indices;
    int32_t step; // from each index to the next; 0 where it is not always the same
};

// The kernels of one instruction set.
struct KernelTable {
    const char *name;
    int32_t lanes;          // floats a vector
    int32_t max_vectors;    // widest panel, in vectors
    int32_t block_pixels;   // places that share one pass over a panel's weights
    int32_t winograd_tiles; // at most, in one call
    int32_t delta_vectors;  // widest row of sums that `accumulate` takes, in vectors

    // Places [0, count) of the panels [first_panel, last_panel). `scratch` holds block_pixels * max_vectors * lanes.
    void (*convolution)(const ConvolutionArguments &, const float *const *inputs, float *const *outputs,
                        const float *const *residuals, int32_t count, int32_t first_panel, int32_t last_panel,
                        float *scratch, WeightsAhead *ahead);
    // Writes the tiles' chosen places; marks in `broken` (by tile, as WinogradTile::places) those with a channel that
    // is not finite, which a direct convolution must compute. `scratch` holds 16 * (tiles * (channels + max_vectors *
    // lanes)
    // + 32) + 16 * channels floats, channels rounded up to whole vectors.
    void (*winograd)(const WinogradArguments &, const WinogradTile *tiles, int32_t count, int32_t first_panel,
                     int32_t last_panel, float *scratch, uint8_t *broken, WeightsAhead *ahead);
    void (*depthwise)(const DepthwiseArguments &, const float *input, int64_t input_pixel_stride,
                      int64_t input_row_stride, float *output, int64_t output_pixel_stride, const float *residual,
                      int64_t residual_pixel_stride, int32_t channels, int32_t count);
    // `count` places of one row.
    void (*elementwise)(const ElementwiseArguments &, const float *first, int64_t first_stride, const float *second,
                        int64_t second_stride, float *output, int64_t output_stride, int32_t channels, int32_t count);
    // output[c] = input[indices[c]] for `count` places of one row.
    void (*gather)(const ChannelOrder &, const float *input, int64_t input_stride, float *output, int64_t output_stride,
                   int32_t channels, int32_t count);
    void (*max_pool)(const PoolArguments &, const View &input, const View &output, const Run &run);
    void (*average_pool)(const PoolArguments &, const View &input, const View &output, const Run &run);
    float (*channel_maximum)(const float *input, int32_t channels);
    // The mean (or with divisor 1 the sum) of a window of places [y0, y1) x [x0, x1), added row by row.
    void (*window_sum)(const View &input, int32_t image, int32_t y0, int32_t y1, int32_t x0, int32_t x1, float divisor,
                       float *output);
    // output = (sum of `count` vectors of `channels` floats, `stride` apart) / divisor
    void (*vector_sum)(const float *vectors, int64_t stride, int32_t count, int32_t channels, float divisor,
                       const float *bias, Activation activation, float *output);
    // output[f] = sum over c of input[c] * weights[c][f]; weights padded to whole vectors of f.
    void (*partial_linear)(const float *input, int32_t channels, const float *weights, int64_t weight_stride,
                           int32_t features, float *output);
    // Four corners, weights by row and column.
    void (*bilinear)(const float *const corners[4], float weight_y, float weight_x, int32_t channels, float *output);
    // Over the channels of each of `count` places of one row.
    void (*softmax)(const float *input, int64_t input_stride, float *output, int64_t output_stride, int32_t channels,
                    int32_t count, bool logarithm);
    void (*layer_normalization)(const LayerNormalizationArguments &, const float *input, float *output,
                                int32_t channels);
    // One row's means and sums of squared deviations from them, by channel; whole vectors are written.
    void (*row_moments)(const float *row, int64_t pixel_stride, int32_t count, int32_t channels, float *means,
                        float *squares);
    // The same of `count` rows of `places` places together: `rows` holds each row's means and squares, `stride` floats
    // each.
    void (*join_moments)(const float *rows, int64_t stride, int32_t count, int32_t places, int32_t channels,
                         float *means, float *squares);
    // output = (input - mean) * reciprocal deviation * weight + bias for `count` places of one row; `moments` holds the
    // channels' means and then their reciprocal deviations.
    void (*standardize)(const StandardizationArguments &, const float *moments, const float *input,
                        int64_t input_stride, float *output, int64_t output_stride, int32_t channels, int32_t count);
    // A weighted sum of four places, times a factor.
    void (*sample)(const float *const corners[4], const float weights[4], float factor, int32_t channels,
                   float *output);
    // Three planes, `plane` elements apart, to places of three channels.
    void (*interleave_floats)(const float *planes, int64_t plane, int64_t count, float *target);
    void (*interleave_bytes)(const uint8_t *planes, int64_t plane, int64_t count, float *target);
    // A row of places to planes of one channel each, `plane` elements apart.
    void (*to_planes)(const float *places, int64_t pixel_stride, int32_t channels, int32_t count, float *target,
                      int64_t plane);
    // Marks in `changed` (one byte a place, others kept) where a bit of `frame` and `reference` differs; returns
    // whether any does, and at once where `changed` is null.
    bool (*compare)(const float *frame, const float *reference, int64_t count, uint8_t *changed);
    // Runs independent multiply-adds from registers alone and returns how many; `sink` is one float.
    int64_t (*multiply_adds)(int64_t rounds, float *sink);
    // One channel's differences and their squares in one row of cells: `rows` rows (at most a cell's height) of
    // `width` places; one sum a cell.
    void (*cell_sums_of_floats)(const float *frame, const float *reference, int64_t width, int32_t rows,
                                float *differences, float *squares);
    void (*cell_sums_of_bytes)(const uint8_t *frame, const uint8_t *reference, int64_t width, int32_t rows,
                               float *differences, float *squares);
    // Copies `count` values, and adds the squared norm of what they differ by from the copy before, and their own.
    void (*take_over)(const float *values, float *copy, int64_t count, double *difference, double *norm);
    bool (*are_finite)(const float *values, int64_t count);
    // The channels of a place that differ from `copy` by more than their threshold, or by NaN: written to `changes` and
    // `changed`, which hold whole vectors, and taken over by `copy`. Returns how many; clears `finite` where a change
    // is not a finite number. `largest` holds two vectors, the largest changes and values of channels that differed, by
    // lanes, and is updated.
    int32_t (*transmit)(const float *values, float *copy, const float *thresholds, int32_t channels, float *changes,
                        int32_t *changed, bool *finite, float *largest);
    // Clears `moved` (one byte a place) where `transmit` would return 0, for `count` places without gaps between them,
    // of less than `lanes` channels and at most 64 in as many places as `lanes`; what it cannot tell it sets.
    void (*moved_places)(const float *values, const float *copy, const float *thresholds, int32_t channels,
                         int32_t count, uint8_t *moved);
    // The mean, or the largest, of a place's weighted squared differences; NaN where a channel's is.
    float (*place_difference)(const float *values, const float *copy, const float *weights, int32_t channels,
                              bool largest);
    // sums += change * weights[row + channel] over all deltas of the lists; `vectors` is at most delta_vectors.
    void (*accumulate)(const float *weights, int64_t row_stride, const DeltaList *lists, int32_t count, int32_t vectors,
                       float *sums);
};

const KernelTable *kernel_table_baseline();
#if defined(SACCADE_HAS_AVX2)
const KernelTable *kernel_table_avx2();
#endif
#if defined(SACCADE_HAS_AVX512)
const KernelTable *kernel_table_avx512();
#endif

} // namespace saccade
