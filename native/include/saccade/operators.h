// Every native operator. Weights are packed when the operator is made, for the program's instruction set.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "saccade/program.h"

namespace saccade {

struct ConvolutionShape {
    int kernel_height, kernel_width, stride_y, stride_x, pad_top, pad_left, dilation_y, dilation_x, groups;
};

// What a convolution needs at run time, owning its memory. Several operators are made of it.
class PackedConvolution {
  public:
    // `weight` is (output channels, input channels / groups, taps); `tap_offsets` are floats from a place's base
    // pointer, one a tap, and neighbouring taps are merged where they lie side by side in memory. Channels lie
    // `input_step` floats apart.
    PackedConvolution(const KernelTable &kernels, const float *weight, const float *bias, int output_channels,
                      int input_channels, int groups, const std::vector<int64_t> &tap_offsets, Activation activation,
                      int input_step = 1);

    const ConvolutionArguments &arguments() const { return arguments_; }
    // Before counts nothing yet.
    WeightStretch weights() const { return {weights_->data(), floats_, 0}; }
    int panels() const { return static_cast<int>(panels_.size()); }
    // Computes `count` places, by blocks and panels in parallel. `locate(place, input, output, residual)` sets
    // pointers.
    template <typename Locate> void run(Session &session, int64_t count, bool has_residual, const Locate &locate) const;

  private:
    std::vector<Panel> panels_;
    std::vector<int64_t> segment_offsets_;
    std::unique_ptr<Memory> weights_;
    int64_t floats_; // of the weights
    std::vector<float> bias_;
    ConvolutionArguments arguments_{};
};

// The same for a depthwise convolution; `weight` is (channels, taps).
class PackedDepthwise {
  public:
    PackedDepthwise(const KernelTable &kernels, const float *weight, const float *bias, int channels,
                    const ConvolutionShape &shape, Activation activation);

    const DepthwiseArguments &arguments() const { return arguments_; }

  private:
    std::vector<float> weights_, bias_;
    DepthwiseArguments arguments_{};
};

// `strides` gives the input's pixel and row stride; bias may be null; residual is a tensor added before the
// activation, or -1.
std::unique_ptr<Operator> make_convolution(const Program &program, std::string name, int input, int output,
                                           int residual, const float *weight, const float *bias,
                                           const ConvolutionShape &shape, Activation activation);
// A pointwise convolution of some of the channels: `length` from each of `firsts` on, `step` apart. `weight` is (output
// channels, length, firsts).
std::unique_ptr<Operator> make_gathered_convolution(const Program &program, std::string name, int input, int output,
                                                    int residual, const float *weight, const float *bias,
                                                    const std::vector<int64_t> &firsts, int length, int step,
                                                    Activation activation);
// A copy of `input` that follows it by single elements, or by whole places: see transmission.h.
enum class Sending : int32_t;
std::unique_ptr<Operator> make_transmission(const Program &program, std::string name, int input, int output,
                                            Sending sending);
// A convolution over the copy that the operator number `transmission` makes. `cost` decides whether a frame's deltas
// are added or the places that they reach computed anew, and whether comparing is worth its time; an element at no cost
// is always compared.
std::unique_ptr<Operator> make_element_convolution(const Program &program, std::string name, int input, int output,
                                                   int residual, int transmission, const float *weight,
                                                   const float *bias, const ConvolutionShape &shape,
                                                   Activation activation, DeltaCost cost);
std::unique_ptr<Operator> make_depthwise(const Program &program, std::string name, int input, int output, int residual,
                                         const float *weight, const float *bias, const ConvolutionShape &shape,
                                         Activation activation);
struct ConvolutionLayer {
    const float *weight; // (output channels, input channels / groups, taps)
    const float *bias;   // or null
    ConvolutionShape shape;
    Activation activation;
};
// A convolution, a depthwise one and a pointwise one, of which only the last one's output is kept. Expansion or
// projection may be null; the expansion's output is of `expanded` rows and columns; a residual needs a projection.
std::unique_ptr<Operator> make_depthwise_block(const Program &program, std::string name, int input, int output,
                                               int residual, const ConvolutionLayer *expansion,
                                               std::array<int, 2> expanded, const ConvolutionLayer &depthwise,
                                               const ConvolutionLayer *projection);
// A max pooling of what a convolution makes of `expanded` rows and columns; only the pooling's output is kept.
std::unique_ptr<Operator> make_pooled_convolution(const Program &program, std::string name, int input, int output,
                                                  const ConvolutionLayer &convolution, std::array<int, 2> expanded,
                                                  const PoolArguments &pool);
// A pointwise convolution of the features times `scale`, which has one place an image.
std::unique_ptr<Operator> make_scaled_convolution(const Program &program, std::string name, int features, int scale,
                                                  int output, int residual, const ConvolutionLayer &layer);
// `shape.pad_*` as in torch's transposed convolution: rows and columns cut at the top and left.
std::unique_ptr<Operator> make_transposed_convolution(const Program &program, std::string name, int input, int output,
                                                      const float *weight, const float *bias,
                                                      const ConvolutionShape &shape, Activation activation);
// weight: (features, C * H * W)
std::unique_ptr<Operator> make_flat_linear(const Program &program, std::string name, int input, int output,
                                           const float *weight, const float *bias, Activation activation);
// second is -1 for a function of one tensor; scale and shift may be null.
std::unique_ptr<Operator> make_elementwise(const Program &program, std::string name, int first, int second, int output,
                                           BinaryFunction function, const float *scale, const float *shift,
                                           Activation activation);
std::unique_ptr<Operator> make_constant(const Program &program, std::string name, int output, const float *value);
// The inputs already lie in the output's memory: only the change maps are joined.
std::unique_ptr<Operator> make_join(std::string name, std::vector<int> inputs, int output);
// Where an input's places lie in the row of all of a place concatenation's. Channel c of place (y, x) becomes channel
// channels[c] of the place y * step_y + x * step_x + places[c], counted from the input's first.
struct PlacePart {
    int step_y, step_x;
    std::vector<int> places, channels;
};
// The output has one row: the places of the first input, then those of the second, and so on.
std::unique_ptr<Operator> make_place_concatenation(const Program &program, std::string name, std::vector<int> inputs,
                                                   int output, const std::vector<PlacePart> &parts);
std::unique_ptr<Operator> make_channel_gather(const Program &program, std::string name, int input, int output,
                                              std::vector<int> indices);
std::unique_ptr<Operator> make_pad(const Program &program, std::string name, int input, int output, int top, int left,
                                   int channels_before, float value);
std::unique_ptr<Operator> make_max_pool(const Program &program, std::string name, int input, int output,
                                        const PoolArguments &arguments);
std::unique_ptr<Operator> make_channel_maximum(std::string name, int input, int output);
std::unique_ptr<Operator> make_average_pool(const Program &program, std::string name, int input, int output,
                                            const PoolArguments &arguments);
std::unique_ptr<Operator> make_adaptive_average_pool(const Program &program, std::string name, int input, int output);
std::unique_ptr<Operator> make_upsample(const Program &program, std::string name, int input, int output, bool bilinear,
                                        bool align_corners, double scale_y, double scale_x);
std::unique_ptr<Operator> make_softmax(const Program &program, std::string name, int input, int output, bool logarithm);
std::unique_ptr<Operator> make_layer_normalization(const Program &program, std::string name, int input, int output,
                                                   const float *weight, const float *bias, float epsilon);
// The means of each group of channels over an image's places, and behind them the reciprocal standard deviations: twice
// as many channels, each group's numbers repeated for all of its channels.
std::unique_ptr<Operator> make_group_moments(const Program &program, std::string name, int input, int output,
                                             int groups, float epsilon);
// The input by such moments, times weight, plus bias; both may be null.
std::unique_ptr<Operator> make_standardization(const Program &program, std::string name, int input, int moments,
                                               int output, const float *weight, const float *bias,
                                               Activation activation);
// `offset` holds a row and a column a tap and offset group, `mask` (or -1) a factor; `weight` as a convolution's.
std::unique_ptr<Operator> make_deformable_convolution(const Program &program, std::string name, int input, int offset,
                                                      int mask, int output, const float *weight, const float *bias,
                                                      const ConvolutionShape &shape, int offset_groups,
                                                      Activation activation);

} // namespace saccade
