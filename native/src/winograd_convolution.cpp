#include "winograd_convolution.h"

#include "convolution_shape.h"

namespace saccade {

namespace {

constexpr int kPoints = 16;

// The 16 weights of one pair of channels: G g G^T.
std::array<double, kPoints> transformed(const float *taps) {
    constexpr double matrix[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
    double rows[4][3];
    for (int point = 0; point < 4; ++point) {
        for (int x = 0; x < 3; ++x) {
            rows[point][x] =
                matrix[point][0] * taps[x] + matrix[point][1] * taps[3 + x] + matrix[point][2] * taps[6 + x];
        }
    }
    std::array<double, kPoints> points;
    for (int y = 0; y < 4; ++y) {
        for (int x = 0; x < 4; ++x) {
            points[static_cast<size_t>(4 * y + x)] =
                rows[y][0] * matrix[x][0] + rows[y][1] * matrix[x][1] + rows[y][2] * matrix[x][2];
        }
    }
    return points;
}

} // namespace

WinogradLayer::WinogradLayer(const Program &program, int input, int output, const float *weight, const float *bias,
                             const ConvolutionShape &shape, Activation activation)
    : shape_(shape), direct_(*program.kernels, weight, bias, program.tensors[static_cast<size_t>(output)].c,
                             program.tensors[static_cast<size_t>(input)].c, 1,
                             tap_offsets(layout_of(program, input), shape), activation),
      most_tiles_(program.kernels->winograd_tiles) {
    const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
    const TensorPlan &source = program.tensors[static_cast<size_t>(input)];
    const KernelTable &kernels = *program.kernels;
    const int64_t most = int64_t{kernels.max_vectors} * kernels.lanes;
    const int64_t width = (source.c + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
    scratch_ = kPoints * (most_tiles_ * (width + most) + 32 + width);
    pack(kernels, weight, bias, source.c, target.c);
    arguments_.weights = weights_->data();
    arguments_.bias = bias_.data();
    arguments_.panels = panels_.data();
    arguments_.channels = source.c;
    arguments_.activation = activation;
}

void WinogradLayer::list_weights(std::vector<WeightStretch> &stretches) const {
    stretches.push_back({weights_->data(), static_cast<int64_t>(weights_->bytes() / sizeof(float)), 0});
}

void WinogradLayer::run(Session &session, const ChangeMap &map, const View &input, const View &target,
                        const View &residual) const {
    WinogradArguments arguments = arguments_;
    arguments.input_row_stride = input.row_stride;
    arguments.input_pixel_stride = input.pixel_stride;
    arguments.output_row_stride = target.row_stride;
    arguments.output_pixel_stride = target.pixel_stride;
    arguments.residual_row_stride = residual.row_stride;
    arguments.residual_pixel_stride = residual.pixel_stride;
    const std::vector<WinogradTile> tiles = tiles_of(map, input, target, residual);
    std::vector<uint8_t> broken(tiles.size(), 0);
    run_tiles(session, arguments, tiles, broken.data());
    mend(session, arguments, tiles, broken);
}

void WinogradLayer::pack(const KernelTable &kernels, const float *weight, const float *bias, int input_channels,
                         int output_channels) {
    const int vectors = (output_channels + kernels.lanes - 1) / kernels.lanes;
    const int64_t most = int64_t{kernels.max_vectors} * kernels.lanes;
    int64_t floats = 0;
    int channel = 0;
    for (const int wide : panel_widths(vectors, kernels.max_vectors)) {
        const int width = wide * kernels.lanes;
        panels_.push_back({floats, 0, channel, std::min(width, output_channels - channel), wide});
        floats += int64_t{kPoints} * input_channels * width;
        channel += width;
    }
    weights_ = std::make_unique<Memory>(static_cast<size_t>(floats + 64 * kernels.lanes));
    bias_.assign(panels_.size() * static_cast<size_t>(most), 0.0f);
    for (size_t index = 0; index < panels_.size(); ++index) {
        const Panel &panel = panels_[index];
        const int64_t width = int64_t{panel.vectors} * kernels.lanes;
        for (int lane = 0; lane < panel.channels; ++lane) {
            const int64_t row = int64_t{panel.channel + lane} * input_channels;
            bias_[index * static_cast<size_t>(most) + static_cast<size_t>(lane)] =
                bias == nullptr ? 0.0f : bias[panel.channel + lane];
            for (int input = 0; input < input_channels; ++input) {
                const auto points = transformed(weight + (row + input) * 9);
                float *target = weights_->data() + panel.weights + input * width + lane;
                for (size_t point = 0; point < kPoints; ++point) {
                    target[static_cast<int64_t>(point) * input_channels * width] = static_cast<float>(points[point]);
                }
            }
        }
    }
}

// The tiles with an active place.
std::vector<WinogradTile> WinogradLayer::tiles_of(const ChangeMap &map, const View &input, const View &target,
                                                  const View &residual) const {
    std::vector<WinogradTile> tiles;
    const int columns = (target.w + 1) / 2;
    std::vector<uint8_t> places(static_cast<size_t>(columns));
    const std::vector<Run> &runs = map.runs();
    for (size_t index = 0; index < runs.size();) {
        const int image = runs[index].image;
        const int row = runs[index].y / 2;
        int first = columns, last = 0;
        for (; index < runs.size() && runs[index].image == image && runs[index].y / 2 == row; ++index) {
            const int shift = 2 * (runs[index].y % 2);
            for (int x = runs[index].first_x; x < runs[index].last_x; ++x) {
                places[static_cast<size_t>(x / 2)] |= static_cast<uint8_t>(1 << (shift + x % 2));
            }
            first = std::min(first, runs[index].first_x / 2);
            last = std::max(last, (runs[index].last_x + 1) / 2);
        }
        for (int column = first; column < last; ++column) {
            uint8_t &chosen = places[static_cast<size_t>(column)];
            if (chosen != 0) {
                const int y = 2 * row, x = 2 * column;
                tiles.push_back({input.at(image, y - shape_.pad_top, x - shape_.pad_left), target.at(image, y, x),
                                 residual.data == nullptr ? nullptr : residual.at(image, y, x),
                                 static_cast<uint8_t>(std::min(4, target.h + 2 - y)),
                                 static_cast<uint8_t>(std::min(4, target.w + 2 - x)), chosen});
                chosen = 0;
            }
        }
    }
    return tiles;
}

// By blocks of tiles and panels in parallel.
void WinogradLayer::run_tiles(Session &session, const WinogradArguments &arguments,
                              const std::vector<WinogradTile> &tiles, uint8_t *broken) const {
    const KernelTable &kernels = session.kernels();
    const auto count = static_cast<int64_t>(tiles.size());
    const auto panels = static_cast<int64_t>(panels_.size());
    const int64_t threads = session.pool().threads();
    const int64_t work = count * kPoints * arguments.channels * panels * kernels.max_vectors * kernels.lanes;
    int64_t block = most_tiles_;
    int64_t groups = 1;
    const bool parallel = threads > 1 && work > 128 * 1024;
    if (parallel) {
        while (block > 12 && (count + block - 1) / block < 4 * threads) {
            block /= 2;
        }
        const int64_t blocks = (count + block - 1) / block;
        groups = std::min(panels, std::max<int64_t>(1, (4 * threads + blocks - 1) / blocks));
    }
    const auto body = [&](int64_t task, int thread) {
        const int64_t first = task / groups * block;
        const int64_t group = task % groups;
        kernels.winograd(arguments, tiles.data() + first, static_cast<int32_t>(std::min(block, count - first)),
                         static_cast<int32_t>(panels * group / groups),
                         static_cast<int32_t>(panels * (group + 1) / groups), session.scratch(thread), broken + first,
                         session.weights_ahead());
    };
    const int64_t tasks = (count + block - 1) / block * groups;
    if (parallel) {
        session.pool().parallel_for(tasks, body);
        return;
    }
    for (int64_t task = 0; task < tasks; ++task) {
        body(task, 0);
    }
}

// NaN and infinity reach further through differences of inputs than through a window, so that places with either
// are computed directly. Whether a place is one of them depends on its own window alone.
void WinogradLayer::mend(Session &session, const WinogradArguments &arguments, const std::vector<WinogradTile> &tiles,
                         const std::vector<uint8_t> &broken) const {
    std::vector<WinogradTile> places;
    for (size_t index = 0; index < tiles.size(); ++index) {
        for (int place = 0; place < 4; ++place) {
            if ((broken[index] & tiles[index].places) >> place & 1) {
                WinogradTile moved = tiles[index];
                moved.input += place / 2 * arguments.input_row_stride + place % 2 * arguments.input_pixel_stride;
                moved.output += place / 2 * arguments.output_row_stride + place % 2 * arguments.output_pixel_stride;
                if (moved.residual != nullptr) {
                    moved.residual +=
                        place / 2 * arguments.residual_row_stride + place % 2 * arguments.residual_pixel_stride;
                }
                places.push_back(moved);
            }
        }
    }
    const auto locate = [&](int64_t first, int64_t last, const float **sources, float **targets,
                            const float **residuals) {
        for (int64_t index = first; index < last; ++index) {
            const WinogradTile &place = places[static_cast<size_t>(index)];
            *sources++ = place.input;
            *targets++ = place.output;
            *residuals++ = place.residual;
        }
    };
    direct_.run(session, static_cast<int64_t>(places.size()), !tiles.empty() && tiles[0].residual != nullptr, locate);
}

namespace {

class WinogradConvolution final : public Operator {
  public:
    WinogradConvolution(const Program &program, std::string name, int input, int output, int residual,
                        const float *weight, const float *bias, const ConvolutionShape &shape, Activation activation)
        : Operator(std::move(name), with_residual(input, residual), output), shape_(shape),
          layer_(program, input, output, weight, bias, shape, activation) {
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        macs = int64_t{target.n} * target.h * target.w * target.c * program.tensors[static_cast<size_t>(input)].c * 9;
    }

    void propagate(Session &session) const override { propagate_windows(session, *this, shape_); }

    int64_t scratch_floats() const override { return layer_.scratch_floats(); }

    void list_weights(std::vector<WeightStretch> &stretches) const override { layer_.list_weights(stretches); }

    void run(Session &session) const override {
        layer_.run(session, session.map(output), session.view(inputs[0]), session.view(output),
                   inputs.size() > 1 ? session.view(inputs[1]) : View{});
    }

  private:
    ConvolutionShape shape_;
    WinogradLayer layer_;
};

} // namespace

bool winograd_fits(const Program &program, int input, int output, const ConvolutionShape &shape) {
    constexpr int kFewestChannels = 16;
    // Its weights are 16 / 9 of the direct ones. Where they come from memory, that costs more than it saves on
    // small maps of which a tenth or less is active.
    constexpr int64_t kFewestTiles = 96;
    constexpr int64_t kCachedWeights = 256 * 1024;
    const TensorPlan &source = program.tensors[static_cast<size_t>(input)];
    const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
    const int64_t tiles = int64_t{target.n} * ((target.h + 1) / 2) * ((target.w + 1) / 2);
    const int64_t weights = int64_t{kPoints} * source.c * target.c;
    return shape.kernel_height == 3 && shape.kernel_width == 3 && shape.stride_y == 1 && shape.stride_x == 1 &&
           shape.dilation_y == 1 && shape.dilation_x == 1 && shape.groups == 1 && source.c >= kFewestChannels &&
           target.c >= kFewestChannels && (tiles >= kFewestTiles || weights <= kCachedWeights);
}

std::unique_ptr<Operator> make_winograd(const Program &program, std::string name, int input, int output, int residual,
                                        const float *weight, const float *bias, const ConvolutionShape &shape,
                                        Activation activation) {
    return std::make_unique<WinogradConvolution>(program, std::move(name), input, output, residual, weight, bias, shape,
                                                 activation);
}

} // namespace saccade
