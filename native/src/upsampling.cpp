// Nearest and bilinear interpolation.
#include <cmath>
#include <cstring>

#include "active_places.h"
#include "saccade/operators.h"

namespace saccade {

namespace {

// Where one output row or column reads: two neighbours and the weight of the second.
struct Source {
    int first, second;
    float weight;
};

std::vector<Source> sources(int outputs, int inputs, bool bilinear, bool align_corners, double scale) {
    std::vector<Source> table;
    const float ratio =
        scale > 0 ? static_cast<float>(1.0 / scale) : static_cast<float>(inputs) / static_cast<float>(outputs);
    for (int index = 0; index < outputs; ++index) {
        if (!bilinear) {
            const int nearest = std::min(static_cast<int>(std::floor(static_cast<float>(index) * ratio)), inputs - 1);
            table.push_back({nearest, nearest, 0.0f});
            continue;
        }
        float place;
        if (align_corners) {
            place = outputs > 1
                        ? static_cast<float>(index) * static_cast<float>(inputs - 1) / static_cast<float>(outputs - 1)
                        : 0.0f;
        } else {
            place = std::max(0.0f, ratio * (static_cast<float>(index) + 0.5f) - 0.5f);
        }
        const int first = std::min(static_cast<int>(place), inputs - 1);
        table.push_back({first, std::min(first + 1, inputs - 1), place - static_cast<float>(first)});
    }
    return table;
}

class Upsample final : public Operator {
  public:
    Upsample(const Program &program, std::string name, int input, int output, bool bilinear, bool align_corners,
             double scale_y, double scale_x)
        : Operator(std::move(name), {input}, output), bilinear_(bilinear) {
        const TensorPlan &source = program.tensors[static_cast<size_t>(input)];
        const TensorPlan &target = program.tensors[static_cast<size_t>(output)];
        rows_ = sources(target.h, source.h, bilinear, align_corners, scale_y);
        columns_ = sources(target.w, source.w, bilinear, align_corners, scale_x);
    }

    void propagate(Session &session) const override {
        mark_changes(session, inputs[0], output, [&](const ChangeMap &input, const ChangeMap &map, uint8_t *bytes) {
            for (int image = 0; image < map.images(); ++image) {
                for (const Source &row : rows_) {
                    if (!input.row_is_active(image, row.first) && !input.row_is_active(image, row.second)) {
                        bytes += map.width();
                        continue;
                    }
                    for (const Source &column : columns_) {
                        *bytes++ =
                            input.at(image, row.first, column.first) || input.at(image, row.first, column.second) ||
                            input.at(image, row.second, column.first) || input.at(image, row.second, column.second);
                    }
                }
            }
        });
    }

    void run(Session &session) const override {
        const View input = session.view(inputs[0]);
        const View target = session.view(output);
        parallel_runs(session, session.map(output), int64_t{target.c} * 4, [&](const Run &run) {
            const Source row = rows_[static_cast<size_t>(run.y)];
            for (int x = run.first_x; x < run.last_x; ++x) {
                const Source column = columns_[static_cast<size_t>(x)];
                float *place = target.at(run.image, run.y, x);
                if (!bilinear_) {
                    std::memcpy(place, input.at(run.image, row.first, column.first),
                                static_cast<size_t>(target.c) * sizeof(float));
                    continue;
                }
                const float *const corners[4] = {
                    input.at(run.image, row.first, column.first), input.at(run.image, row.first, column.second),
                    input.at(run.image, row.second, column.first), input.at(run.image, row.second, column.second)};
                session.kernels().bilinear(corners, row.weight, column.weight, target.c, place);
            }
        });
    }

  private:
    bool bilinear_;
    std::vector<Source> rows_, columns_;
};

} // namespace

std::unique_ptr<Operator> make_upsample(const Program &program, std::string name, int input, int output, bool bilinear,
                                        bool align_corners, double scale_y, double scale_x) {
    return std::make_unique<Upsample>(program, std::move(name), input, output, bilinear, align_corners, scale_y,
                                      scale_x);
}

} // namespace saccade
