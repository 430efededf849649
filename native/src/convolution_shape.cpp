#include "convolution_shape.h"

namespace saccade {

std::vector<int> with_residual(int input, int residual) {
    return residual < 0 ? std::vector<int>{input} : std::vector<int>{input, residual};
}

bool is_pointwise(const ConvolutionShape &shape) {
    return shape.kernel_height == 1 && shape.kernel_width == 1 && shape.stride_y == 1 && shape.stride_x == 1 &&
           shape.pad_top == 0 && shape.pad_left == 0;
}

void set_windows(ChangeMap &map, const ChangeMap &input, const ConvolutionShape &shape) {
    map.set_windows(input, shape.kernel_height, shape.kernel_width, shape.stride_y, shape.stride_x, shape.pad_top,
                    shape.pad_left, shape.dilation_y, shape.dilation_x);
}

void join_residual(Session &session, const Operator &op) {
    if (op.inputs.size() > 1 && !session.map(op.inputs[1]).empty()) {
        const ChangeMap windows = session.map(op.output);
        session.own_map(op.output).set_union({&windows, &session.map(op.inputs[1])});
    }
}

void propagate_windows(Session &session, const Operator &op, const ConvolutionShape &shape) {
    const ChangeMap &input = session.map(op.inputs[0]);
    const bool same_size = session.view(op.output).h == input.height() && session.view(op.output).w == input.width();
    if (is_pointwise(shape) && same_size) {
        session.share_map(op.output, op.inputs[0]);
    } else {
        set_windows(session.own_map(op.output), input, shape);
    }
    join_residual(session, op);
}

} // namespace saccade
