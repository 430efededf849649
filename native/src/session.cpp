#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "packed_convolution.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace saccade {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr int64_t kLine = 16;  // floats of a cache line
constexpr int64_t kSlack = 64; // a vector may be read past the last place

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

} // namespace

int64_t row_stride(const TensorPlan &tensor) {
    const int64_t stride = round_up(int64_t{tensor.c} * (tensor.w + tensor.left + tensor.right), kLine);
    // Rows a multiple of 4 KiB apart would share the sets of the first cache.
    return stride % 1024 == 0 ? stride + kLine : stride;
}

Memory::Memory(size_t floats) : bytes_(floats * sizeof(float)) {
#if defined(__linux__)
    const size_t size = bytes_ + kHugePage;
    base_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) {
        throw std::bad_alloc();
    }
    mapped_ = true;
    const auto address = (reinterpret_cast<uintptr_t>(base_) + kHugePage - 1) / kHugePage * kHugePage;
    data_ = reinterpret_cast<float *>(address);
    if (bytes_ >= kHugePage) {
        madvise(data_, bytes_, MADV_HUGEPAGE);
    }
#else
    base_ = std::calloc(bytes_ + 64, 1);
    if (base_ == nullptr) {
        throw std::bad_alloc();
    }
    data_ = reinterpret_cast<float *>((reinterpret_cast<uintptr_t>(base_) + 63) / 64 * 64);
#endif
}

Memory::~Memory() {
#if defined(__linux__)
    if (mapped_) {
        munmap(base_, bytes_ + kHugePage);
        return;
    }
#endif
    std::free(base_);
}

Session::Session(std::shared_ptr<const Program> program, int threads, bool poisoned)
    : counters(program->operators.size()), program_(std::move(program)),
      pool_(std::make_unique<ThreadPool>(threads < 1 ? 1 : threads)) {
    lay_out();
    for (const TensorPlan &tensor : program_->tensors) {
        maps_.emplace_back(tensor.n, tensor.h, tensor.w);
    }
    for (const ChangeMap &map : maps_) {
        current_.push_back(&map);
    }
    for (const auto &op : program_->operators) {
        if (std::unique_ptr<OperatorMemory> made = op->make_memory()) {
            kept_[op.get()] = std::move(made);
        }
    }
    weights_ = std::make_unique<WeightSchedule>(*program_);
    int64_t scratch = kernel_scratch(kernels());
    for (const auto &op : program_->operators) {
        scratch = std::max(scratch, op->scratch_floats());
    }
    for (int thread = 0; thread < pool_->threads(); ++thread) {
        scratch_.push_back(std::make_unique<Memory>(static_cast<size_t>(scratch)));
    }
    if (poisoned) {
        poison();
    }
}

void Session::lay_out() {
    const std::vector<TensorPlan> &tensors = program_->tensors;
    std::vector<int64_t> offsets(tensors.size());
    int64_t total = kSlack;
    views_.resize(tensors.size());
    for (size_t index = 0; index < tensors.size(); ++index) {
        const TensorPlan &tensor = tensors[index];
        View &view = views_[index];
        if (tensor.parent >= 0) {
            view = views_[static_cast<size_t>(tensor.parent)];
            offsets[index] = offsets[static_cast<size_t>(tensor.parent)] + tensor.channel_offset;
        } else {
            view.pixel_stride = tensor.c;
            view.row_stride = row_stride(tensor);
            view.image_stride = view.row_stride * (tensor.h + tensor.top + tensor.bottom);
            offsets[index] = total + tensor.top * view.row_stride + tensor.left * view.pixel_stride;
            total += round_up(view.image_stride * tensor.n, kLine) + kLine;
        }
        view.n = tensor.n;
        view.h = tensor.h;
        view.w = tensor.w;
        view.c = tensor.c;
    }
    std::vector<std::pair<const Operator *, int64_t>> states;
    for (const auto &op : program_->operators) {
        if (op->state_floats() > 0) {
            states.emplace_back(op.get(), total);
            total += round_up(op->state_floats(), kLine) + kLine;
        }
    }
    memory_ = std::make_unique<Memory>(static_cast<size_t>(total + kSlack));
    for (size_t index = 0; index < tensors.size(); ++index) {
        views_[index].data = memory_->data() + offsets[index];
    }
    for (const auto &[op, offset] : states) {
        states_[op] = memory_->data() + offset;
    }
}

void Session::poison() {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const View &view : views_) {
        for (int image = 0; image < view.n; ++image) {
            for (int y = 0; y < view.h; ++y) {
                for (int x = 0; x < view.w; ++x) {
                    std::fill_n(view.at(image, y, x), view.c, nan);
                }
            }
        }
    }
    for (const auto &[op, memory] : states_) {
        std::fill_n(memory, op->state_floats(), nan);
    }
}

std::unique_ptr<Session> Session::clone() const {
    auto copy = std::make_unique<Session>(program_, pool_->threads(), false);
    std::memcpy(copy->memory_->data(), memory_->data(), memory_->bytes());
    copy->maps_ = maps_;
    copy->forced_ = forced_;
    for (size_t index = 0; index < maps_.size(); ++index) {
        const ChangeMap *current = current_[index];
        const auto forced = forced_.find({current->height(), current->width()});
        if (forced != forced_.end() && current == &forced->second) {
            copy->current_[index] = &copy->forced_.at(forced->first);
        } else {
            copy->current_[index] = &copy->maps_[static_cast<size_t>(current - maps_.data())];
        }
    }
    copy->references_ = references_;
    for (const auto &[op, memory] : kept_) {
        copy->kept_[op] = memory->clone();
    }
    copy->counters = counters;
    return copy;
}

ChangeMap &Session::own_map(int tensor) {
    const auto index = static_cast<size_t>(tensor);
    current_[index] = &maps_[index];
    return maps_[index];
}

float *Session::state(const Operator &op) { return states_.at(&op); }

float *Session::scratch(int thread) { return scratch_[static_cast<size_t>(thread)]->data(); }

size_t Session::bytes() const {
    size_t total = memory_->bytes();
    for (const auto &[tensor, reference] : references_) {
        total += reference.floats.size() * sizeof(float) + reference.bytes.size();
    }
    for (const ChangeMap &map : maps_) {
        total += static_cast<size_t>(map.places());
    }
    for (const auto &[op, memory] : kept_) {
        total += memory->bytes();
    }
    return total;
}

float *Session::held_floats(int tensor) {
    auto &held = references_[tensor].floats;
    return held.empty() ? nullptr : held.data();
}

uint8_t *Session::held_bytes(int tensor) {
    auto &held = references_[tensor].bytes;
    return held.empty() ? nullptr : held.data();
}

void Session::forget() {
    for (auto &[tensor, reference] : references_) {
        reference.taken = false;
    }
    for (auto &[op, memory] : kept_) {
        memory->forget();
    }
}

void Session::reset() {
    forget();
    for (auto &[op, memory] : kept_) {
        memory->reset();
    }
    for (Counter &counter : counters) {
        counter = Counter{};
    }
}

void Session::run(int first, int last) {
    using Clock = std::chrono::steady_clock;
    auto before = Clock::now();
    for (int index = first; index < last; ++index) {
        const Operator &op = *program_->operators[static_cast<size_t>(index)];
        op.propagate(*this);
        if (!forced_.empty()) {
            const View &output = view(op.output);
            const auto found = forced_.find({output.h, output.w});
            if (found != forced_.end()) {
                current_[static_cast<size_t>(op.output)] = &found->second;
            }
        }
        const ChangeMap &map = this->map(op.output);
        if (map.empty()) {
            continue;
        }
        weights_->begin(static_cast<size_t>(index));
        op.run(*this);
        const auto now = Clock::now();
        Counter &counter = counters[static_cast<size_t>(index)];
        counter.nanoseconds += std::chrono::duration_cast<std::chrono::nanoseconds>(now - before).count();
        counter.macs += op.work(*this);
        counter.active += static_cast<double>(map.active()) / static_cast<double>(map.places());
        before = now;
    }
}

void Session::read(int tensor, float *target) const {
    const View &source = view(tensor);
    const int64_t plane = int64_t{source.h} * source.w;
    for (int image = 0; image < source.n; ++image) {
        float *planes = target + int64_t{image} * source.c * plane;
        for (int y = 0; y < source.h; ++y) {
            kernels().to_planes(source.at(image, y, 0), source.pixel_stride, source.c, source.w,
                                planes + int64_t{y} * source.w, plane);
        }
    }
}

void Session::read_places(int tensor, float *target) const {
    const View &source = view(tensor);
    const int step = source.pixel_stride == source.c ? source.w : 1;
    for (int image = 0; image < source.n; ++image) {
        for (int y = 0; y < source.h; ++y) {
            for (int x = 0; x < source.w; x += step) {
                std::memcpy(target, source.at(image, y, x), sizeof(float) * static_cast<size_t>(step * source.c));
                target += step * source.c;
            }
        }
    }
}

void Session::force(int height, int width, const uint8_t *bytes) {
    int images = 1;
    for (const View &view : views_) {
        if (view.h == height && view.w == width) {
            images = view.n;
        }
    }
    std::vector<uint8_t> all;
    for (int image = 0; image < images; ++image) {
        all.insert(all.end(), bytes, bytes + int64_t{height} * width);
    }
    ChangeMap &map = forced_[{height, width}];
    map = ChangeMap(images, height, width);
    map.set(all.data());
}

void Session::stop_forcing() {
    settle();
    forced_.clear();
}

void Session::settle() {
    for (size_t tensor = 0; tensor < maps_.size(); ++tensor) {
        maps_[tensor].set_none();
        current_[tensor] = &maps_[tensor];
    }
}

} // namespace saccade
