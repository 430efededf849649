#include "packed_convolution.h"

#include <stdexcept>

namespace saccade {

std::vector<int> panel_widths(int vectors, int most) {
    const int count = (vectors + most - 1) / most;
    std::vector<int> widths;
    for (int index = 0; index < count; ++index) {
        widths.push_back(vectors * (index + 1) / count - vectors * index / count);
    }
    return widths;
}

namespace {

// Groups narrower than a vector are computed several at a time, their weights on the diagonal of a wider panel.
int joined_groups(int groups, int channels_each, int lanes) {
    int joined = 1;
    while (joined < groups && groups % (2 * joined) == 0 && joined * channels_each < lanes) {
        joined *= 2;
    }
    return joined;
}

} // namespace

std::vector<int64_t> tap_offsets(const View &input, const ConvolutionShape &shape) {
    std::vector<int64_t> offsets;
    for (int y = 0; y < shape.kernel_height; ++y) {
        for (int x = 0; x < shape.kernel_width; ++x) {
            offsets.push_back(y * shape.dilation_y * input.row_stride + x * shape.dilation_x * input.pixel_stride);
        }
    }
    return offsets;
}

View layout_of(const Program &program, int tensor) {
    const TensorPlan &plan = program.tensors[static_cast<size_t>(tensor)];
    if (plan.parent >= 0) {
        View view = layout_of(program, plan.parent);
        view.c = plan.c;
        return view;
    }
    View view{};
    view.pixel_stride = plan.c;
    view.row_stride = row_stride(plan);
    view.n = plan.n;
    view.h = plan.h;
    view.w = plan.w;
    view.c = plan.c;
    return view;
}

PackedConvolution::PackedConvolution(const KernelTable &kernels, const float *weight, const float *bias,
                                     int output_channels, int input_channels, int groups,
                                     const std::vector<int64_t> &tap_offsets, Activation activation, int input_step) {
    if (groups < 1 || output_channels % groups != 0 || input_channels % groups != 0) {
        throw std::invalid_argument("a convolution's groups must divide its input and output channels");
    }
    const int outputs_each = output_channels / groups;
    const int inputs_each = input_channels / groups;
    const int joined = joined_groups(groups, outputs_each, kernels.lanes);
    const int taps = static_cast<int>(tap_offsets.size());
    const int width_in = inputs_each * joined;
    const int width_out = outputs_each * joined;

    // Taps that lie side by side are one segment; segments must be of one length.
    int merged = 1;
    if (groups == joined) {
        for (int size = taps; size > 1 && merged == 1; --size) {
            bool fits = taps % size == 0;
            for (int tap = 0; fits && tap < taps; ++tap) {
                fits =
                    tap % size == 0 || tap_offsets[static_cast<size_t>(tap)] ==
                                           tap_offsets[static_cast<size_t>(tap - 1)] + int64_t{width_in} * input_step;
            }
            merged = fits ? size : 1;
        }
    }
    for (int tap = 0; tap < taps; tap += merged) {
        segment_offsets_.push_back(tap_offsets[static_cast<size_t>(tap)]);
    }

    const int64_t rows = int64_t{taps} * width_in;
    floats_ = 0;
    for (int super = 0; super < groups / joined; ++super) {
        int channel = 0;
        for (const int vectors : panel_widths((width_out + kernels.lanes - 1) / kernels.lanes, kernels.max_vectors)) {
            const int width = vectors * kernels.lanes;
            panels_.push_back({floats_, int64_t{super} * width_in, super * width_out + channel,
                               std::min(width, width_out - channel), vectors});
            floats_ += rows * width;
            channel += width;
        }
    }
    weights_ = std::make_unique<Memory>(static_cast<size_t>(floats_ + kernels.lanes));
    float *packed = weights_->data();
    for (const Panel &panel : panels_) {
        const int width = panel.vectors * kernels.lanes;
        const size_t bias_start = bias_.size();
        bias_.resize(bias_start + static_cast<size_t>(width), 0.0f);
        for (int lane = 0; lane < panel.channels; ++lane) {
            const int output = panel.channel + lane;
            const int group_in_panel = output / outputs_each % joined;
            if (bias != nullptr) {
                bias_[bias_start + static_cast<size_t>(lane)] = bias[output];
            }
            for (int tap = 0; tap < taps; ++tap) {
                for (int input = 0; input < inputs_each; ++input) {
                    const int64_t row = int64_t{tap} * width_in + group_in_panel * inputs_each + input;
                    packed[panel.weights + row * width + lane] =
                        weight[(int64_t{output} * inputs_each + input) * taps + tap];
                }
            }
        }
    }
    arguments_ = {packed,
                  bias_.data(),
                  panels_.data(),
                  segment_offsets_.data(),
                  static_cast<int32_t>(segment_offsets_.size()),
                  merged * width_in,
                  activation,
                  input_step};
}

PackedDepthwise::PackedDepthwise(const KernelTable &kernels, const float *weight, const float *bias, int channels,
                                 const ConvolutionShape &shape, Activation activation)
    : bias_(padded(kernels, bias, channels)) {
    const int taps = shape.kernel_height * shape.kernel_width;
    const int64_t width = (channels + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
    weights_.assign(static_cast<size_t>(width * taps), 0.0f);
    for (int channel = 0; channel < channels; ++channel) {
        for (int tap = 0; tap < taps; ++tap) {
            weights_[static_cast<size_t>(tap * width + channel)] = weight[channel * taps + tap];
        }
    }
    arguments_ = {weights_.data(),
                  bias_.data(),
                  width,
                  shape.kernel_height,
                  shape.kernel_width,
                  shape.stride_x,
                  shape.dilation_y,
                  shape.dilation_x,
                  activation,
                  false,
                  false};
}

} // namespace saccade
