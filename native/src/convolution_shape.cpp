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

} // namespace saccade
