// The engine as Python sees it. Knows nothing of torch: weights come as NumPy arrays, frames as addresses that the
// caller has checked.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "saccade/cell_comparison.h"
#include "saccade/operators.h"
#include "transmission.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using FloatRows = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const uint8_t, nb::c_contig, nb::device::cpu>;

const float *pointer(const std::optional<Floats> &array) { return array ? array->data() : nullptr; }

// The position of a name in a list, which is that of the enumeration that it belongs to.
template <typename Enumeration, size_t count>
Enumeration named(const char *const (&names)[count], const std::string &name, const char *what) {
    for (size_t index = 0; index < count; ++index) {
        if (name == names[index]) {
            return static_cast<Enumeration>(index);
        }
    }
    throw std::invalid_argument(std::string("unknown ") + what + " '" + name + "'");
}

saccade::Activation activation(const std::string &name, float a, float b) {
    static const char *const names[] = {"identity", "relu",     "clamp",     "leaky_relu", "hardswish", "hardsigmoid",
                                        "silu",     "gelu",     "gelu_tanh", "sigmoid",    "tanh",      "elu",
                                        "mish",     "softplus", "exp",       "sqrt",       "abs"};
    return {named<saccade::Function>(names, name, "activation"), a, b};
}

saccade::BinaryFunction binary(const std::string &name) {
    static const char *const names[] = {"add", "subtract", "multiply", "divide", "maximum", "minimum"};
    return named<saccade::BinaryFunction>(names, name, "binary function");
}

saccade::Sending sending(const std::string &name) {
    static const char *const names[] = {"elements", "places_by_largest", "places_by_mean_square"};
    return named<saccade::Sending>(names, name, "way of sending");
}

saccade::ConvolutionShape convolution_shape(const Floats &weight, const std::vector<int> &stride,
                                            const std::vector<int> &padding, const std::vector<int> &dilation,
                                            int groups) {
    return {static_cast<int>(weight.shape(2)),
            static_cast<int>(weight.shape(3)),
            stride.at(0),
            stride.at(1),
            padding.at(0),
            padding.at(1),
            dilation.at(0),
            dilation.at(1),
            groups};
}

saccade::PoolArguments pool(const std::vector<int> &kernel, const std::vector<int> &stride,
                            const std::vector<int> &padding, const std::vector<int> &dilation, bool count_include_pad,
                            int divisor) {
    return {kernel.at(0),  kernel.at(1),  stride.at(0),   stride.at(1),   padding.at(0),     padding.at(1),
            padding.at(2), padding.at(3), dilation.at(0), dilation.at(1), count_include_pad, divisor};
}

// Weight, bias, stride, padding, dilation, groups, and the activation's name and parameters.
using Layer = std::tuple<Floats, std::optional<Floats>, std::vector<int>, std::vector<int>, std::vector<int>, int,
                         std::string, float, float>;

saccade::ConvolutionLayer convolution_layer(const Layer &layer) {
    const auto &[weight, bias, stride, padding, dilation, groups, function, a, b] = layer;
    return {weight.data(), pointer(bias), convolution_shape(weight, stride, padding, dilation, groups),
            activation(function, a, b)};
}

// An array (images, rows, columns) that lies in the change itself.
auto cells_of(saccade::CellChange &change, std::vector<float> &cells) {
    const std::array<size_t, 3> shape = {static_cast<size_t>(change.images), static_cast<size_t>(change.rows),
                                         static_cast<size_t>(change.columns)};
    return nb::ndarray<nb::numpy, float>(cells.data(), shape.size(), shape.data(), nb::find(change));
}

// One program under construction or in use.
class ProgramHandle {
  public:
    explicit ProgramHandle(const std::string &instruction_set)
        : program(std::make_shared<saccade::Program>(instruction_set)) {}

    int add(std::unique_ptr<saccade::Operator> op) {
        program->add_operator(std::move(op));
        return static_cast<int>(program->operators.size()) - 1;
    }

    std::shared_ptr<saccade::Program> program;
};

} // namespace

NB_MODULE(native, module) {
    module.doc() = "The native engine: programs of packed weights, sessions of memory.";
    nb::set_leak_warnings(false);

    module.def("instruction_sets", [] {
        std::vector<std::string> names;
        for (const saccade::KernelTable *table : saccade::usable_kernels()) {
            names.emplace_back(table->name);
        }
        return names;
    });
    module.def(
        "multiply_adds",
        [](const std::string &instruction_set, int64_t rounds) {
            float sink = 0.5f;
            return saccade::Program(instruction_set).kernels->multiply_adds(rounds, &sink);
        },
        "instruction_set"_a, "rounds"_a, nb::call_guard<nb::gil_scoped_release>());
    module.attr("compiler") = __VERSION__;
    nb::class_<saccade::CellChange>(module, "CellChange")
        .def_ro("mean", &saccade::CellChange::mean)
        .def_ro("largest", &saccade::CellChange::largest)
        .def_prop_ro("squares", [](saccade::CellChange &self) { return cells_of(self, self.squares); })
        .def_prop_ro("steps", [](saccade::CellChange &self) { return cells_of(self, self.steps); })
        .def("stepped", &saccade::CellChange::stepped, "step"_a);
    module.def(
        "compare_cells",
        [](uintptr_t frame, uintptr_t reference, bool bytes, std::vector<int64_t> shape,
           const std::string &instruction_set) {
            const saccade::KernelTable &kernels = *saccade::Program(instruction_set).kernels;
            const auto compare = [&](auto element) {
                using Element = decltype(element);
                return saccade::compare_cells(kernels, reinterpret_cast<const Element *>(frame),
                                              reinterpret_cast<const Element *>(reference), shape.at(0), shape.at(1),
                                              shape.at(2), shape.at(3));
            };
            return bytes ? compare(uint8_t{}) : compare(float{});
        },
        "frame"_a, "reference"_a, "bytes"_a, "shape"_a, "instruction_set"_a = "",
        nb::call_guard<nb::gil_scoped_release>());
    module.def(
        "take_over",
        [](uintptr_t values, uintptr_t copy, int64_t count, const std::string &instruction_set) {
            double difference = 0, norm = 0;
            saccade::Program(instruction_set)
                .kernels->take_over(reinterpret_cast<const float *>(values), reinterpret_cast<float *>(copy), count,
                                    &difference, &norm);
            return std::make_pair(difference, norm);
        },
        "values"_a, "copy"_a, "count"_a, "instruction_set"_a = "", nb::call_guard<nb::gil_scoped_release>());
    module.def(
        "are_finite",
        [](uintptr_t values, int64_t count, const std::string &instruction_set) {
            return saccade::Program(instruction_set)
                .kernels->are_finite(reinterpret_cast<const float *>(values), count);
        },
        "values"_a, "count"_a, "instruction_set"_a = "", nb::call_guard<nb::gil_scoped_release>());

    nb::class_<ProgramHandle>(module, "Program")
        .def(nb::init<const std::string &>(), "instruction_set"_a = "")
        .def_prop_ro("instruction_set", [](const ProgramHandle &self) { return self.program->kernels->name; })
        .def_prop_ro("macs",
                     [](const ProgramHandle &self) {
                         std::vector<int64_t> macs;
                         for (const auto &op : self.program->operators) {
                             macs.push_back(op->macs);
                         }
                         return macs;
                     })
        .def(
            "add_tensor",
            [](ProgramHandle &self, std::vector<int> shape, std::vector<int> border, int parent, int channel_offset) {
                return self.program->add_tensor({shape.at(0), shape.at(2), shape.at(3), shape.at(1), border.at(0),
                                                 border.at(1), border.at(2), border.at(3), parent, channel_offset});
            },
            "shape"_a, "border"_a, "parent"_a, "channel_offset"_a)
        .def(
            "add_convolution",
            [](ProgramHandle &self, const std::string &name, int input, int output, int residual, const Floats &weight,
               const std::optional<Floats> &bias, std::vector<int> stride, std::vector<int> padding,
               std::vector<int> dilation, int groups, const std::string &function, float a, float b, bool transposed) {
                const saccade::ConvolutionShape shape = convolution_shape(weight, stride, padding, dilation, groups);
                const auto activate = activation(function, a, b);
                if (transposed) {
                    return self.add(saccade::make_transposed_convolution(
                        *self.program, name, input, output, weight.data(), pointer(bias), shape, activate));
                }
                const bool depthwise =
                    weight.shape(1) == 1 && groups == static_cast<int>(weight.shape(0)) && groups > 1;
                const auto make = depthwise ? saccade::make_depthwise : saccade::make_convolution;
                return self.add(
                    make(*self.program, name, input, output, residual, weight.data(), pointer(bias), shape, activate));
            },
            "name"_a, "input"_a, "output"_a, "residual"_a, "weight"_a, "bias"_a.none(), "stride"_a, "padding"_a,
            "dilation"_a, "groups"_a, "function"_a, "a"_a, "b"_a, "transposed"_a)
        .def(
            "add_gathered_convolution",
            [](ProgramHandle &self, const std::string &name, int input, int output, int residual, const Floats &weight,
               const std::optional<Floats> &bias, const std::vector<int64_t> &firsts, int step,
               const std::string &function, float a, float b) {
                return self.add(saccade::make_gathered_convolution(
                    *self.program, name, input, output, residual, weight.data(), pointer(bias), firsts,
                    static_cast<int>(weight.shape(1)), step, activation(function, a, b)));
            },
            "name"_a, "input"_a, "output"_a, "residual"_a, "weight"_a, "bias"_a.none(), "firsts"_a, "step"_a,
            "function"_a, "a"_a, "b"_a)
        .def(
            "add_depthwise_block",
            [](ProgramHandle &self, const std::string &name, int input, int output, int residual,
               const std::optional<Layer> &expansion, const std::array<int, 2> &expanded, const Layer &depthwise,
               const std::optional<Layer> &projection) {
                const auto before = expansion ? std::optional(convolution_layer(*expansion)) : std::nullopt;
                const auto behind = projection ? std::optional(convolution_layer(*projection)) : std::nullopt;
                return self.add(saccade::make_depthwise_block(
                    *self.program, name, input, output, residual, before ? &*before : nullptr, expanded,
                    convolution_layer(depthwise), behind ? &*behind : nullptr));
            },
            "name"_a, "input"_a, "output"_a, "residual"_a, "expansion"_a.none(), "expanded"_a, "depthwise"_a,
            "projection"_a.none())
        .def(
            "add_pooled_convolution",
            [](ProgramHandle &self, const std::string &name, int input, int output, const Layer &convolution,
               const std::array<int, 2> &expanded, const std::vector<int> &kernel, const std::vector<int> &stride,
               const std::vector<int> &padding, const std::vector<int> &dilation) {
                return self.add(saccade::make_pooled_convolution(*self.program, name, input, output,
                                                                 convolution_layer(convolution), expanded,
                                                                 pool(kernel, stride, padding, dilation, true, 0)));
            },
            "name"_a, "input"_a, "output"_a, "convolution"_a, "expanded"_a, "kernel"_a, "stride"_a, "padding"_a,
            "dilation"_a)
        .def(
            "add_scaled_convolution",
            [](ProgramHandle &self, const std::string &name, int features, int scale, int output, int residual,
               const Layer &layer) {
                return self.add(saccade::make_scaled_convolution(*self.program, name, features, scale, output, residual,
                                                                 convolution_layer(layer)));
            },
            "name"_a, "features"_a, "scale"_a, "output"_a, "residual"_a, "layer"_a)
        .def(
            "add_transmission",
            [](ProgramHandle &self, const std::string &name, int input, int output, const std::string &way) {
                return self.add(saccade::make_transmission(*self.program, name, input, output, sending(way)));
            },
            "name"_a, "input"_a, "output"_a, "sending"_a)
        .def(
            "add_element_convolution",
            [](ProgramHandle &self, const std::string &name, int input, int output, int residual, int transmission,
               const Floats &weight, const std::optional<Floats> &bias, std::vector<int> stride,
               std::vector<int> padding, std::vector<int> dilation, int groups, const std::string &function, float a,
               float b, const std::array<double, 4> &costs) {
                return self.add(saccade::make_element_convolution(
                    *self.program, name, input, output, residual, transmission, weight.data(), pointer(bias),
                    convolution_shape(weight, stride, padding, dilation, groups), activation(function, a, b),
                    {costs[0], costs[1], costs[2], costs[3]}));
            },
            "name"_a, "input"_a, "output"_a, "residual"_a, "transmission"_a, "weight"_a, "bias"_a.none(), "stride"_a,
            "padding"_a, "dilation"_a, "groups"_a, "function"_a, "a"_a, "b"_a, "costs"_a)
        .def(
            "add_flat_linear",
            [](ProgramHandle &self, const std::string &name, int input, int output, const Floats &weight,
               const std::optional<Floats> &bias, const std::string &function, float a, float b) {
                return self.add(saccade::make_flat_linear(*self.program, name, input, output, weight.data(),
                                                          pointer(bias), activation(function, a, b)));
            },
            "name"_a, "input"_a, "output"_a, "weight"_a, "bias"_a.none(), "function"_a, "a"_a, "b"_a)
        .def(
            "add_elementwise",
            [](ProgramHandle &self, const std::string &name, int first, int second, int output,
               const std::string &combine, const std::optional<Floats> &scale, const std::optional<Floats> &shift,
               const std::string &function, float a, float b) {
                return self.add(saccade::make_elementwise(*self.program, name, first, second, output, binary(combine),
                                                          pointer(scale), pointer(shift), activation(function, a, b)));
            },
            "name"_a, "first"_a, "second"_a, "output"_a, "combine"_a, "scale"_a.none(), "shift"_a.none(), "function"_a,
            "a"_a, "b"_a)
        .def("add_constant",
             [](ProgramHandle &self, const std::string &name, int output, const Floats &value) {
                 return self.add(saccade::make_constant(*self.program, name, output, value.data()));
             })
        .def("add_join", [](ProgramHandle &self, const std::string &name, std::vector<int> inputs,
                            int output) { return self.add(saccade::make_join(name, std::move(inputs), output)); })
        .def(
            "add_place_concatenation",
            [](ProgramHandle &self, const std::string &name, std::vector<int> inputs, int output,
               const std::vector<std::array<int, 2>> &steps, const std::vector<std::vector<int>> &places,
               const std::vector<std::vector<int>> &channels) {
                std::vector<saccade::PlacePart> parts;
                for (size_t index = 0; index < inputs.size(); ++index) {
                    parts.push_back({steps.at(index)[0], steps.at(index)[1], places.at(index), channels.at(index)});
                }
                return self.add(
                    saccade::make_place_concatenation(*self.program, name, std::move(inputs), output, parts));
            },
            "name"_a, "inputs"_a, "output"_a, "steps"_a, "places"_a, "channels"_a)
        .def("add_channel_gather",
             [](ProgramHandle &self, const std::string &name, int input, int output, std::vector<int> indices) {
                 return self.add(saccade::make_channel_gather(*self.program, name, input, output, std::move(indices)));
             })
        .def("add_pad",
             [](ProgramHandle &self, const std::string &name, int input, int output, int top, int left, int channels,
                float value) {
                 return self.add(saccade::make_pad(*self.program, name, input, output, top, left, channels, value));
             })
        .def("add_pool",
             [](ProgramHandle &self, const std::string &name, int input, int output, bool largest,
                std::vector<int> kernel, std::vector<int> stride, std::vector<int> padding, std::vector<int> dilation,
                bool count_include_pad, int divisor) {
                 const auto arguments = pool(kernel, stride, padding, dilation, count_include_pad, divisor);
                 const auto make = largest ? saccade::make_max_pool : saccade::make_average_pool;
                 return self.add(make(*self.program, name, input, output, arguments));
             })
        .def("add_channel_maximum",
             [](ProgramHandle &self, const std::string &name, int input, int output) {
                 return self.add(saccade::make_channel_maximum(name, input, output));
             })
        .def("add_adaptive_average_pool",
             [](ProgramHandle &self, const std::string &name, int input, int output) {
                 return self.add(saccade::make_adaptive_average_pool(*self.program, name, input, output));
             })
        .def("add_upsample",
             [](ProgramHandle &self, const std::string &name, int input, int output, bool bilinear, bool align_corners,
                double scale_y, double scale_x) {
                 return self.add(saccade::make_upsample(*self.program, name, input, output, bilinear, align_corners,
                                                        scale_y, scale_x));
             })
        .def("add_softmax",
             [](ProgramHandle &self, const std::string &name, int input, int output, bool logarithm) {
                 return self.add(saccade::make_softmax(*self.program, name, input, output, logarithm));
             })
        .def(
            "add_layer_normalization",
            [](ProgramHandle &self, const std::string &name, int input, int output, const std::optional<Floats> &weight,
               const std::optional<Floats> &bias, float epsilon) {
                return self.add(saccade::make_layer_normalization(*self.program, name, input, output, pointer(weight),
                                                                  pointer(bias), epsilon));
            },
            "name"_a, "input"_a, "output"_a, "weight"_a.none(), "bias"_a.none(), "epsilon"_a)
        .def("add_group_moments",
             [](ProgramHandle &self, const std::string &name, int input, int output, int groups, float epsilon) {
                 return self.add(saccade::make_group_moments(*self.program, name, input, output, groups, epsilon));
             })
        .def(
            "add_standardization",
            [](ProgramHandle &self, const std::string &name, int input, int moments, int output,
               const std::optional<Floats> &weight, const std::optional<Floats> &bias, const std::string &function,
               float a, float b) {
                return self.add(saccade::make_standardization(*self.program, name, input, moments, output,
                                                              pointer(weight), pointer(bias),
                                                              activation(function, a, b)));
            },
            "name"_a, "input"_a, "moments"_a, "output"_a, "weight"_a.none(), "bias"_a.none(), "function"_a, "a"_a,
            "b"_a)
        .def(
            "add_deformable_convolution",
            [](ProgramHandle &self, const std::string &name, int input, int offset, int mask, int output,
               const Floats &weight, const std::optional<Floats> &bias, std::vector<int> stride,
               std::vector<int> padding, std::vector<int> dilation, int groups, int offset_groups,
               const std::string &function, float a, float b) {
                return self.add(saccade::make_deformable_convolution(
                    *self.program, name, input, offset, mask, output, weight.data(), pointer(bias),
                    convolution_shape(weight, stride, padding, dilation, groups), offset_groups,
                    activation(function, a, b)));
            },
            "name"_a, "input"_a, "offset"_a, "mask"_a, "output"_a, "weight"_a, "bias"_a.none(), "stride"_a, "padding"_a,
            "dilation"_a, "groups"_a, "offset_groups"_a, "function"_a, "a"_a, "b"_a)
        .def(
            "session",
            [](const ProgramHandle &self, int threads,
               bool poison) { return std::make_unique<saccade::Session>(self.program, threads, poison); },
            "threads"_a = 1, "poison"_a = false);

    nb::class_<saccade::Session>(module, "Session")
        .def("clone", &saccade::Session::clone)
        .def(
            "load_float32",
            [](saccade::Session &self, int tensor, uintptr_t frame, uintptr_t mask) {
                return self.load(tensor, reinterpret_cast<const float *>(frame),
                                 reinterpret_cast<const uint8_t *>(mask));
            },
            "tensor"_a, "frame"_a, "mask"_a = 0, nb::call_guard<nb::gil_scoped_release>())
        .def(
            "load_uint8",
            [](saccade::Session &self, int tensor, uintptr_t frame, uintptr_t mask) {
                return self.load(tensor, reinterpret_cast<const uint8_t *>(frame),
                                 reinterpret_cast<const uint8_t *>(mask));
            },
            "tensor"_a, "frame"_a, "mask"_a = 0, nb::call_guard<nb::gil_scoped_release>())
        .def("run", &saccade::Session::run, nb::call_guard<nb::gil_scoped_release>())
        .def(
            "read",
            [](const saccade::Session &self, int tensor, uintptr_t target) {
                self.read(tensor, reinterpret_cast<float *>(target));
            },
            nb::call_guard<nb::gil_scoped_release>())
        .def(
            "read_places",
            [](const saccade::Session &self, int tensor, uintptr_t target) {
                self.read_places(tensor, reinterpret_cast<float *>(target));
            },
            nb::call_guard<nb::gil_scoped_release>())
        .def("changed", [](const saccade::Session &self, int tensor) { return !self.map(tensor).empty(); })
        .def("read_map", [](const saccade::Session &self, int tensor,
                            uintptr_t target) { self.map(tensor).write_bytes(reinterpret_cast<uint8_t *>(target)); })
        .def(
            "reference",
            [](saccade::Session &self, int tensor) -> nb::object {
                const saccade::View &view = self.view(tensor);
                const std::vector<size_t> shape = {static_cast<size_t>(view.n), static_cast<size_t>(view.c),
                                                   static_cast<size_t>(view.h), static_cast<size_t>(view.w)};
                if (float *floats = self.held_floats(tensor)) {
                    return nb::cast(nb::ndarray<nb::numpy, float>(floats, shape.size(), shape.data(), nb::find(self)));
                }
                if (uint8_t *bytes = self.held_bytes(tensor)) {
                    return nb::cast(nb::ndarray<nb::numpy, uint8_t>(bytes, shape.size(), shape.data(), nb::find(self)));
                }
                return nb::none();
            },
            "tensor"_a)
        .def(
            "set_thresholds",
            [](saccade::Session &self, int op, const FloatRows &thresholds,
               const std::optional<Bytes> &rows_of_places) {
                const saccade::Operator &transmission = *self.program().operators.at(static_cast<size_t>(op));
                self.memory<saccade::TransmissionMemory>(transmission)
                    .set_thresholds(thresholds.data(), thresholds.shape(0), thresholds.shape(1),
                                    rows_of_places ? rows_of_places->data() : nullptr,
                                    rows_of_places ? rows_of_places->size() : 0);
            },
            "operator"_a, "thresholds"_a, "rows_of_places"_a = nb::none())
        .def("forget", &saccade::Session::forget)
        .def("settle", &saccade::Session::settle)
        .def("reset", &saccade::Session::reset)
        .def("force", [](saccade::Session &self, int height, int width,
                         uintptr_t bytes) { self.force(height, width, reinterpret_cast<const uint8_t *>(bytes)); })
        .def("stop_forcing", &saccade::Session::stop_forcing)
        .def_prop_ro("bytes", &saccade::Session::bytes)
        .def_prop_ro("macs_done",
                     [](const saccade::Session &self) {
                         int64_t total = 0;
                         for (const auto &counter : self.counters) {
                             total += counter.macs;
                         }
                         return total;
                     })
        .def_prop_ro("counters", [](const saccade::Session &self) {
            nb::list rows;
            for (const auto &counter : self.counters) {
                rows.append(nb::make_tuple(counter.macs, counter.nanoseconds, counter.active));
            }
            return rows;
        });
}
