// A 3 x 3 convolution of stride 1 by Winograd's F(2 x 2, 3 x 3).
#pragma once

#include "packed_convolution.h"

namespace saccade {

// Whether such a convolution is computed this way: decided by its shape alone, so that every place always is.
bool winograd_fits(const Program &program, int input, int output, const ConvolutionShape &shape);

// The layer itself: its weights, and how places are computed with them.
class WinogradLayer {
  public:
    WinogradLayer(const Program &program, int input, int output, const float *weight, const float *bias,
                  const ConvolutionShape &shape, Activation activation);

    // Floats of scratch memory that each thread needs.
    int64_t scratch_floats() const { return scratch_; }
    void list_weights(std::vector<WeightStretch> &stretches) const;
    // Computes the places of the map; `residual` may be empty.
    void run(Session &session, const ChangeMap &map, const View &input, const View &target, const View &residual) const;

  private:
    void pack(const KernelTable &kernels, const float *weight, const float *bias, int input_channels,
              int output_channels);
    std::vector<WinogradTile> tiles_of(const ChangeMap &map, const View &input, const View &target,
                                       const View &residual) const;
    void run_tiles(Session &session, const WinogradArguments &arguments, const std::vector<WinogradTile> &tiles,
                   uint8_t *broken) const;
    void mend(Session &session, const WinogradArguments &arguments, const std::vector<WinogradTile> &tiles,
              const std::vector<uint8_t> &broken) const;

    ConvolutionShape shape_;
    PackedConvolution direct_;
    int64_t most_tiles_;
    int64_t scratch_ = 0;
    std::vector<Panel> panels_;
    std::unique_ptr<Memory> weights_;
    std::vector<float> bias_;
    WinogradArguments arguments_{};
};

std::unique_ptr<Operator> make_winograd(const Program &program, std::string name, int input, int output, int residual,
                                        const float *weight, const float *bias, const ConvolutionShape &shape,
                                        Activation activation);

} // namespace saccade
