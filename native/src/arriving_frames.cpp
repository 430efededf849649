// Frames as they arrive: which of their places are taken over, and how.
#include <algorithm>
#include <cstring>

#include "active_places.h"
#include "saccade/program.h"

namespace saccade {

namespace {

void interleave(const KernelTable &kernels, const float *planes, int64_t plane, int64_t count, float *target) {
    kernels.interleave_floats(planes, plane, count, target);
}

void interleave(const KernelTable &kernels, const uint8_t *planes, int64_t plane, int64_t count, float *target) {
    kernels.interleave_bytes(planes, plane, count, target);
}

} // namespace

template <typename Element>
void Session::take_run(const View &view, const Element *frame, Element *reference, const Run &run) {
    const int64_t plane = int64_t{view.h} * view.w;
    const int64_t base = int64_t{run.image} * view.c * plane + int64_t{run.y} * view.w;
    float *target = view.at(run.image, run.y, 0);
    const bool three = view.c == 3 && view.pixel_stride == 3; // one pass for what most frames are
    if (three) {
        interleave(kernels(), frame + base + run.first_x, plane, run.last_x - run.first_x,
                   target + run.first_x * view.pixel_stride);
    }
    for (int channel = 0; channel < view.c; ++channel) {
        const Element *source = frame + base + channel * plane;
        std::memcpy(reference + base + channel * plane + run.first_x, source + run.first_x,
                    static_cast<size_t>(run.last_x - run.first_x) * sizeof(Element));
        for (int x = run.first_x; !three && x < run.last_x; ++x) {
            target[x * view.pixel_stride + channel] = static_cast<float>(source[x]);
        }
    }
}

namespace {

// One channel at a time: each is contiguous, which is how memory is read fastest.
bool compare_channel(const KernelTable &kernels, const float *frame, const float *reference, int64_t count,
                     uint8_t *changed) {
    return kernels.compare(frame, reference, count, changed);
}

bool compare_channel(const KernelTable &, const uint8_t *frame, const uint8_t *reference, int64_t count,
                     uint8_t *changed) {
    constexpr int64_t kStep = 64;
    bool any = false;
    for (int64_t first = 0; first < count; first += kStep) {
        const int64_t size = std::min(kStep, count - first);
        if (std::memcmp(frame + first, reference + first, static_cast<size_t>(size)) == 0) {
            continue;
        }
        if (changed == nullptr) {
            return true;
        }
        any = true;
        for (int64_t place = first; place < first + size; ++place) {
            changed[place] |= frame[place] != reference[place];
        }
    }
    return any;
}

template <typename Element> struct ReferenceOf;
template <> struct ReferenceOf<float> {
    template <typename R> static auto &get(R &reference) { return reference.floats; }
};
template <> struct ReferenceOf<uint8_t> {
    template <typename R> static auto &get(R &reference) { return reference.bytes; }
};

// What a run of changed places costs beyond its places, in places of a network's input: the narrower the layers that
// read it, the more.
double cost_of_run(const Program &program, int tensor) {
    constexpr double kMacs = 6000; // multiply-adds in the time that a run takes
    constexpr double kLeast = 2, kMost = 32, kUnknown = 8;
    int64_t macs = 0;
    for (const auto &op : program.operators) {
        macs += std::count(op->inputs.begin(), op->inputs.end(), tensor) * op->macs;
    }
    const TensorPlan &plan = program.tensors[static_cast<size_t>(tensor)];
    const double places = static_cast<double>(int64_t{plan.n} * plan.h * plan.w);
    return macs == 0 ? kUnknown : std::clamp(kMacs * places / static_cast<double>(macs), kLeast, kMost);
}

// Looks at every eighth row of a large frame: whether changes are so scattered all over it that to find and to skip
// what did not change costs more than it saves.
template <typename Element>
bool looks_scattered(const KernelTable &kernels, const View &view, const Element *frame, const Element *held,
                     double cost_of_run) {
    constexpr int kStep = 8;
    constexpr int kLeastRows = 64;
    if (view.h < kLeastRows) {
        return false;
    }
    const int64_t plane = int64_t{view.h} * view.w;
    std::vector<uint8_t> row(static_cast<size_t>(view.w));
    int64_t active = 0, runs = 0, places = 0;
    for (int image = 0; image < view.n; ++image) {
        for (int y = kStep / 2; y < view.h; y += kStep) {
            std::fill(row.begin(), row.end(), uint8_t{0});
            for (int channel = 0; channel < view.c; ++channel) {
                const int64_t first = (int64_t{image} * view.c + channel) * plane + int64_t{y} * view.w;
                compare_channel(kernels, frame + first, held + first, view.w, row.data());
            }
            places += view.w;
            uint8_t before = 0;
            for (const uint8_t changed : row) {
                active += changed;
                runs += changed & ~before;
                before = changed;
            }
        }
    }
    return active > 0 &&
           static_cast<double>(active) + static_cast<double>(runs) * cost_of_run >= static_cast<double>(places);
}

// Marks the places of a frame that differ from what was taken over last.
template <typename Element>
void compare_frame(const Program &program, int tensor, const View &view, const Element *frame, const Element *held,
                   ChangeMap &map) {
    const KernelTable &kernels = *program.kernels;
    const int64_t plane = int64_t{view.h} * view.w, planes = int64_t{view.n} * view.c;
    int64_t first = 0; // most frames that change nothing need no map
    while (first < planes && !compare_channel(kernels, frame + first * plane, held + first * plane, plane, nullptr)) {
        ++first;
    }
    if (first == planes) {
        map.set_none();
        return;
    }
    if (looks_scattered(kernels, view, frame, held, cost_of_run(program, tensor))) {
        map.set_all();
        return;
    }
    uint8_t *bytes = map.edit();
    for (int64_t index = first; index < planes; ++index) {
        compare_channel(kernels, frame + index * plane, held + index * plane, plane, bytes + index / view.c * plane);
    }
    map.count();
}

} // namespace

template <typename Element> bool Session::load(int tensor, const Element *frame, const uint8_t *mask) {
    const View &view = views_[static_cast<size_t>(tensor)];
    const int64_t plane = int64_t{view.h} * view.w;
    Reference &reference = references_[tensor];
    auto &held = ReferenceOf<Element>::get(reference);
    held.resize(static_cast<size_t>(view.n * view.c * plane));
    ChangeMap &map = own_map(tensor);
    if (!reference.taken) {
        map.set_all();
        reference.taken = true;
    } else if (mask != nullptr) {
        map.set(mask);
    } else {
        compare_frame(*program_, tensor, view, frame, held.data(), map);
    }
    // Noise leaves runs of a few places with small gaps between them. What a comparison found equal may be taken again;
    // what a mask leaves out may not.
    constexpr int kGap = 32;
    for_each_stretch(map, 0, map.active(), mask == nullptr ? kGap : 0,
                     [&](const Run &run) { take_run(view, frame, held.data(), run); });
    return !map.empty();
}

template bool Session::load<float>(int, const float *, const uint8_t *);
template bool Session::load<uint8_t>(int, const uint8_t *, const uint8_t *);

} // namespace saccade
