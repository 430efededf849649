#include "convolution_shape.h"

namespace saccade {

std::vector<int> with_residual(int input, int residual) {
    return residual < 0 ? std::vector<int>{input} : std::vector<int>{input, residual};
}

void propagate_windows(Session &session, const Operator &op, const ConvolutionShape &shape) {
    const ChangeMap &input = session.map(op.inputs[0]);
    const bool pointwise = shape.kernel_height == 1 && shape.kernel_width == 1 && shape.stride_y == 1 &&
                           shape.stride_x == 1 && shape.pad_top == 0 && shape.pad_left == 0;
    const bool same_size = session.view(op.output).h == input.height() && session.view(op.output).w == input.width();
    if (pointwise && same_size) {
        session.share_map(op.output, op.inputs[0]);
    } else {
        session.own_map(op.output).set_windows(input, shape.kernel_height, shape.kernel_width, shape.stride_y,
                                               shape.stride_x, shape.pad_top, shape.pad_left, shape.dilation_y,
                                               shape.dilation_x);
    }
    if (op.inputs.size() > 1 && !session.map(op.inputs[1]).empty()) {
        const ChangeMap windows = session.map(op.output);
        session.own_map(op.output).set_union({&windows, &session.map(op.inputs[1])});
    }
}

std::vector<int64_t> tap_offsets(const View &input, const ConvolutionShape &shape) {
    std::vector<int64_t> offsets;
    for (int y = 0; y < shape.kernel_height; ++y) {
        for (int x = 0; x < shape.kernel_width; ++x) {
            offsets.push_back(y * shape.dilation_y * input.row_stride + x * shape.dilation_x * input.pixel_stride);
        }
    }
    return offsets;
}

// Weights are packed once for the strides that every session of the program shares.
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

} // namespace saccade
