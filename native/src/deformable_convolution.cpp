// Modulated deformable convolution: every place's taps are sampled into a row of columns, which meet the weights as an
// ordinary convolution of one place. The change map follows the offsets: each place remembers the box that it sampled.
#include <algorithm>
#include <cmath>

#include "packed_convolution.h"

namespace saccade {

namespace {

constexpr int kBox = 4; // first row, last row, first column, last column

// How often a change occurs in any box of places, from sums over all boxes that begin at the corner.
class ChangeCount {
  public:
    explicit ChangeCount(const ChangeMap &map)
        : height_(map.height()), width_(map.width()),
          sums_(static_cast<size_t>(map.images()) * (map.height() + 1) * (map.width() + 1), 0) {
        std::vector<uint8_t> bytes(static_cast<size_t>(map.places()));
        map.write_bytes(bytes.data());
        const uint8_t *changed = bytes.data();
        for (int image = 0; image < map.images(); ++image) {
            for (int y = 0; y < height_; ++y) {
                int32_t row = 0;
                for (int x = 0; x < width_; ++x) {
                    row += *changed++;
                    at(image, y + 1, x + 1) = at(image, y, x + 1) + row;
                }
            }
        }
    }

    bool any(int image, int first_y, int last_y, int first_x, int last_x) {
        return first_y <= last_y && first_x <= last_x &&
               at(image, last_y + 1, last_x + 1) - at(image, first_y, last_x + 1) - at(image, last_y + 1, first_x) +
                       at(image, first_y, first_x) !=
                   0;
    }

  private:
    int32_t &at(int image, int y, int x) {
        return sums_[(static_cast<size_t>(image) * (height_ + 1) + y) * (width_ + 1) + x];
    }

    int height_, width_;
    std::vector<int32_t> sums_;
};

// The four places around a position, and how much each counts. Outside the image lie zeros.
struct Sample {
    int y, x; // the upper left place
    float weights[4];
    bool inside;
};

class DeformableConvolution final : public Operator {
  public:
    DeformableConvolution(const Program &program, std::string name, int input, int offset, int mask, int output,
                          const float *weight, const float *bias, const ConvolutionShape &shape, int offset_groups,
                          Activation activation)
        : Operator(std::move(name), mask < 0 ? std::vector<int>{input, offset} : std::vector<int>{input, offset, mask},
                   output),
          shape_(shape), offset_groups_(offset_groups), taps_(shape.kernel_height * shape.kernel_width) {
        const TensorPlan &source = program.tensors[static_cast<size_t>(input)];
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        channels_ = source.c;
        places_ = int64_t{target.n} * target.h * target.w;
        outside_.assign(static_cast<size_t>(channels_ + program.kernels->lanes), 0.0f);
        macs = places_ * target.c * taps_ * (channels_ / shape.groups);
        if (shape.groups > 1 && shape.groups == channels_ && shape.groups == target.c) {
            // The samples of a place lie one behind the other: a kernel of one row, which steps over them all.
            const ConvolutionShape row = {1, taps_, 1, taps_, 0, 0, 1, 1, shape.groups};
            depthwise_ = std::make_unique<PackedDepthwise>(*program.kernels, weight, bias, target.c, row, activation);
        } else {
            std::vector<int64_t> offsets;
            for (int tap = 0; tap < taps_; ++tap) {
                offsets.push_back(int64_t{tap} * channels_);
            }
            dense_ = std::make_unique<PackedConvolution>(*program.kernels, weight, bias, target.c, channels_,
                                                         shape.groups, offsets, activation);
        }
        // Columns should stay in the second cache, unless the weights do not: then they are read once a block, and the
        // fewer blocks the better. Whole tiles of places, which are multiples of 2, 3 and 4.
        const int64_t floats = columns() / shape.groups * target.c < 1024 * 1024 ? 48 * 1024 : 384 * 1024;
        block_ = std::clamp<int64_t>(floats / columns() / 12 * 12, 12, program.kernels->block_pixels);
        kernel_scratch_ = kernel_scratch(*program.kernels);
    }

    int64_t state_floats() const override { return places_ * kBox; }
    int64_t scratch_floats() const override {
        return kernel_scratch_ + block_ * columns() + 64; // a vector may be read past the last sample
    }

    void list_weights(std::vector<WeightStretch> &stretches) const override {
        if (dense_ != nullptr) {
            stretches.push_back(dense_->weights());
        }
    }

    void propagate(Session &session) const override {
        const ChangeMap &input = session.map(inputs[0]);
        std::vector<const ChangeMap *> steering;
        for (size_t index = 1; index < inputs.size(); ++index) {
            steering.push_back(&session.map(inputs[index]));
        }
        ChangeMap &map = session.own_map(output);
        if (input.state() == ChangeMap::State::all) {
            map.set_all();
            return;
        }
        map.set_union(steering);
        if (input.empty() || map.state() == ChangeMap::State::all) {
            return;
        }
        std::vector<uint8_t> steered(static_cast<size_t>(map.places()));
        map.write_bytes(steered.data());
        uint8_t *bytes = map.edit();
        std::copy(steered.begin(), steered.end(), bytes);
        mark_readers(session, input, bytes);
        map.count();
    }

    void run(Session &session) const override {
        const ChangeMap &map = session.map(output);
        parallel_blocks(session, map.active(), block_, columns() * 16, [&](int64_t first, int64_t last, int thread) {
            run_block(session, map, first, last, session.scratch(thread));
        });
    }

  private:
    int64_t columns() const { return int64_t{taps_} * channels_; }

    // Marks the places that sample a changed place. Their offsets did not change: they are those of the last frame.
    void mark_readers(Session &session, const ChangeMap &input, uint8_t *bytes) const {
        ChangeCount changes(input);
        const ChangeMap &map = session.map(output);
        const float *box = session.state(*this);
        for (int image = 0; image < map.images(); ++image) {
            for (int y = 0; y < map.height(); ++y) {
                for (int x = 0; x < map.width(); ++x, ++bytes, box += kBox) {
                    if (*bytes != 0 || !changes.any(image, static_cast<int>(box[0]), static_cast<int>(box[1]),
                                                    static_cast<int>(box[2]), static_cast<int>(box[3]))) {
                        continue;
                    }
                    *bytes = reads_change(session, changes, image, y, x);
                }
            }
        }
    }

    bool reads_change(Session &session, ChangeCount &changes, int image, int y, int x) const {
        const View &view = session.view(inputs[0]);
        const float *offset = session.view(inputs[1]).at(image, y, x);
        for (int tap = 0; tap < offset_groups_ * taps_; ++tap) {
            const Sample found = locate(view, offset + 2 * tap, y, x, tap % taps_);
            if (found.inside && changes.any(image, std::max(found.y, 0), std::min(found.y + 1, view.h - 1),
                                            std::max(found.x, 0), std::min(found.x + 1, view.w - 1))) {
                return true;
            }
        }
        return false;
    }

    // Comparisons are such that a position that is no number lies outside.
    Sample locate(const View &input, const float *offset, int y, int x, int tap) const {
        const int base_y = y * shape_.stride_y - shape_.pad_top + tap / shape_.kernel_width * shape_.dilation_y;
        const int base_x = x * shape_.stride_x - shape_.pad_left + tap % shape_.kernel_width * shape_.dilation_x;
        const float at_y = static_cast<float>(base_y) + offset[0], at_x = static_cast<float>(base_x) + offset[1];
        Sample sample{};
        sample.inside =
            at_y > -1.0f && at_y < static_cast<float>(input.h) && at_x > -1.0f && at_x < static_cast<float>(input.w);
        if (!sample.inside) {
            return sample;
        }
        const float floor_y = std::floor(at_y), floor_x = std::floor(at_x);
        const float low_y = at_y - floor_y, low_x = at_x - floor_x;
        sample.y = static_cast<int>(floor_y);
        sample.x = static_cast<int>(floor_x);
        sample.weights[0] = (1.0f - low_y) * (1.0f - low_x);
        sample.weights[1] = (1.0f - low_y) * low_x;
        sample.weights[2] = low_y * (1.0f - low_x);
        sample.weights[3] = low_y * low_x;
        return sample;
    }

    void run_block(Session &session, const ChangeMap &map, int64_t first, int64_t last, float *scratch) const {
        std::array<const float *, kMostPlaces> sources;
        std::array<float *, kMostPlaces> targets;
        const View target = session.view(output);
        float *columns = scratch + kernel_scratch_;
        int32_t count = 0;
        for_each_run(map, first, last, [&](const Run &run) {
            for (int x = run.first_x; x < run.last_x; ++x, ++count) {
                float *place = columns + count * this->columns();
                sample_place(session, run.image, run.y, x, place);
                sources[static_cast<size_t>(count)] = place;
                targets[static_cast<size_t>(count)] = target.at(run.image, run.y, x);
            }
        });
        if (dense_ != nullptr) {
            session.kernels().convolution(dense_->arguments(), sources.data(), targets.data(), nullptr, count, 0,
                                          dense_->panels(), scratch, session.weights_ahead());
            return;
        }
        for (int32_t place = 0; place < count; ++place) {
            session.kernels().depthwise(depthwise_->arguments(), sources[static_cast<size_t>(place)], channels_, 0,
                                        targets[static_cast<size_t>(place)], target.pixel_stride, nullptr, 0, channels_,
                                        1);
        }
    }

    void sample_place(Session &session, int image, int y, int x, float *columns) const {
        const View &input = session.view(inputs[0]);
        const View &output_view = session.view(output);
        const float *offset = session.view(inputs[1]).at(image, y, x);
        const float *mask = inputs.size() > 2 ? session.view(inputs[2]).at(image, y, x) : nullptr;
        const int32_t each = channels_ / offset_groups_;
        int box[kBox] = {input.h, -1, input.w, -1};
        for (int index = 0; index < offset_groups_ * taps_; ++index) {
            const int tap = index % taps_, first = index / taps_ * each;
            const Sample found = locate(input, offset + 2 * index, y, x, tap);
            const float *corners[4];
            for (int corner = 0; corner < 4; ++corner) {
                const int row = found.y + corner / 2, column = found.x + corner % 2;
                const bool exists = found.inside && row >= 0 && row < input.h && column >= 0 && column < input.w;
                corners[corner] = exists ? input.at(image, row, column) + first : outside_.data();
                if (exists) {
                    box[0] = std::min(box[0], row);
                    box[1] = std::max(box[1], row);
                    box[2] = std::min(box[2], column);
                    box[3] = std::max(box[3], column);
                }
            }
            session.kernels().sample(corners, found.weights, mask == nullptr ? 1.0f : mask[index], each,
                                     columns + int64_t{tap} * channels_ + first);
        }
        float *kept = session.state(*this) + ((int64_t{image} * output_view.h + y) * output_view.w + x) * kBox;
        std::copy(box, box + kBox, kept);
    }

    ConvolutionShape shape_;
    int offset_groups_, taps_;
    int32_t channels_ = 0;
    int64_t places_ = 0, block_ = 0, kernel_scratch_ = 0;
    std::vector<float> outside_; // zeros
    std::unique_ptr<PackedConvolution> dense_;
    std::unique_ptr<PackedDepthwise> depthwise_;
};

} // namespace

std::unique_ptr<Operator> make_deformable_convolution(const Program &program, std::string name, int input, int offset,
                                                      int mask, int output, const float *weight, const float *bias,
                                                      const ConvolutionShape &shape, int offset_groups,
                                                      Activation activation) {
    return std::make_unique<DeformableConvolution>(program, std::move(name), input, offset, mask, output, weight, bias,
                                                   shape, offset_groups, activation);
}

} // namespace saccade
