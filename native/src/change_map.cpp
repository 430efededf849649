#include "saccade/change_map.h"

#include <algorithm>
#include <cstring>

namespace saccade {

ChangeMap::ChangeMap(int images, int height, int width) : images_(images), height_(height), width_(width) {}

bool ChangeMap::at(int image, int y, int x) const {
    if (state_ != State::some) {
        return state_ == State::all;
    }
    return bytes_[(static_cast<size_t>(image) * height_ + y) * width_ + x] != 0;
}

bool ChangeMap::row_is_active(int image, int y) const {
    if (state_ != State::some) {
        return state_ == State::all;
    }
    const auto before = [](const Run &run, const std::pair<int, int> &row) {
        return std::make_pair(run.image, run.y) < row;
    };
    const auto row = std::make_pair(image, y);
    const auto found = std::lower_bound(runs_.begin(), runs_.end(), row, before);
    return found != runs_.end() && found->image == image && found->y == y;
}

void ChangeMap::set_none() {
    state_ = State::none;
    active_ = 0;
    runs_.clear();
    starts_.clear();
}

void ChangeMap::set_all() {
    if (all_runs_.empty()) {
        for (int image = 0; image < images_; ++image) {
            for (int y = 0; y < height_; ++y) {
                all_starts_.push_back(static_cast<int64_t>(all_runs_.size()) * width_);
                all_runs_.push_back({image, y, 0, width_});
            }
        }
    }
    if (state_ == State::all) {
        return;
    }
    state_ = State::all;
    active_ = places();
    runs_ = all_runs_;
    starts_ = all_starts_;
}

bool ChangeMap::set_if_uniform(const ChangeMap &input) {
    if (input.state_ == State::some) {
        return false;
    }
    input.empty() ? set_none() : set_all();
    return true;
}

uint8_t *ChangeMap::edit() {
    bytes_.assign(static_cast<size_t>(places()), 0);
    return bytes_.data();
}

void ChangeMap::set(const uint8_t *bytes) {
    bytes_.assign(bytes, bytes + places());
    count();
}

namespace {

constexpr uint8_t kOnes[8] = {1, 1, 1, 1, 1, 1, 1, 1};

// How many of the first places of a row are not active, in steps of eight: most are not.
int inactive_places(const uint8_t *row, int count) {
    constexpr int kWords = 4;
    int x = 0;
    uint64_t words[kWords];
    for (; x + 8 * kWords <= count; x += 8 * kWords) {
        std::memcpy(words, row + x, sizeof words);
        if ((words[0] | words[1] | words[2] | words[3]) != 0) {
            break;
        }
    }
    for (; x + 8 <= count; x += 8) {
        std::memcpy(words, row + x, 8);
        if (words[0] != 0) {
            break;
        }
    }
    return x;
}

} // namespace

void ChangeMap::find_runs() {
    runs_.clear();
    starts_.clear();
    active_ = 0;
    for (int image = 0; image < images_; ++image) {
        for (int y = 0; y < height_; ++y) {
            const uint8_t *row = bytes_.data() + (static_cast<size_t>(image) * height_ + y) * width_;
            int x = 0;
            while (x < width_) {
                if (row[x] == 0) {
                    x += std::max(inactive_places(row + x, width_ - x), 1);
                    continue;
                }
                const int first = x;
                while (x < width_ && row[x] != 0) {
                    const bool eight = x + 8 <= width_ && std::memcmp(row + x, kOnes, 8) == 0;
                    x += eight ? 8 : 1;
                }
                starts_.push_back(active_);
                runs_.push_back({image, y, first, x});
                active_ += x - first;
            }
        }
    }
}

void ChangeMap::count() {
    state_ = State::some;
    find_runs();
    if (active_ == 0) {
        set_none();
    } else if (active_ == places()) {
        set_all();
    }
}

void ChangeMap::write_bytes(uint8_t *target) const {
    if (state_ == State::some) {
        std::memcpy(target, bytes_.data(), bytes_.size());
    } else {
        std::memset(target, state_ == State::all ? 1 : 0, static_cast<size_t>(places()));
    }
}

void ChangeMap::set_union(const std::vector<const ChangeMap *> &maps) {
    bool any = false;
    for (const ChangeMap *map : maps) {
        if (map->state_ == State::all) {
            set_all();
            return;
        }
        any = any || map->state_ == State::some;
    }
    if (!any) {
        set_none();
        return;
    }
    uint8_t *bytes = edit();
    for (const ChangeMap *map : maps) {
        if (map->state_ == State::some) {
            const uint8_t *other = map->bytes_.data();
            for (int64_t place = 0; place < places(); ++place) {
                bytes[place] |= other[place];
            }
        }
    }
    count();
}

void ChangeMap::set_windows(const ChangeMap &input, int kernel_height, int kernel_width, int stride_y, int stride_x,
                            int pad_top, int pad_left, int dilation_y, int dilation_x) {
    if (set_if_uniform(input)) { // a window that lies in the padding alone may be marked too, which is harmless
        return;
    }
    uint8_t *bytes = edit();
    for (const Run &run : input.runs_) {
        for (int tap_y = 0; tap_y < kernel_height; ++tap_y) {
            const int numerator = run.y + pad_top - tap_y * dilation_y;
            if (numerator < 0 || numerator % stride_y != 0 || numerator / stride_y >= height_) {
                continue;
            }
            uint8_t *row = bytes + (static_cast<size_t>(run.image) * height_ + numerator / stride_y) * width_;
            // A run that is as long as taps are apart is reached by neighbouring places, whatever the tap.
            const int together = run.last_x - run.first_x >= dilation_x ? kernel_width - 1 : 0;
            for (int tap_x = together; tap_x < kernel_width; ++tap_x) {
                // output x with first_x <= x * stride - pad + tap * dilation < last_x, for `together` + 1 taps
                const int low = run.first_x + pad_left - tap_x * dilation_x;
                const int high = run.last_x - 1 + pad_left - (tap_x - together) * dilation_x;
                const int first = low <= 0 ? 0 : (low + stride_x - 1) / stride_x;
                const int last = high < 0 ? -1 : std::min(width_ - 1, high / stride_x);
                if (last >= first) {
                    std::memset(row + first, 1, static_cast<size_t>(last - first + 1));
                }
            }
        }
    }
    count();
}

} // namespace saccade
