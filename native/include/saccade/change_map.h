// Which places of a tensor may differ from the last frame.
#pragma once

#include <cstdint>
#include <vector>

#include "saccade/types.h"

namespace saccade {

class ChangeMap {
  public:
    enum class State { none, some, all };

    ChangeMap() = default;
    ChangeMap(int images, int height, int width);

    int images() const { return images_; }
    int height() const { return height_; }
    int width() const { return width_; }
    State state() const { return state_; }
    bool empty() const { return state_ == State::none; }
    int64_t places() const { return static_cast<int64_t>(images_) * height_ * width_; }
    int64_t active() const { return active_; }

    // Maximal runs of active places in order; starts[i] is the number of active places before run i.
    const std::vector<Run> &runs() const { return runs_; }
    const std::vector<int64_t> &starts() const { return starts_; }

    bool row_is_active(int image, int y) const;
    bool at(int image, int y, int x) const;

    void set_none();
    void set_all();
    // Where all or none of the input changed, so does all or none of this map; returns whether that was so.
    bool set_if_uniform(const ChangeMap &input);
    // One byte a place, 0 or not; copied.
    void set(const uint8_t *bytes);
    // The map's own bytes, zeroed, to be filled by the caller, who then calls `count`.
    uint8_t *edit();
    void count();
    void write_bytes(uint8_t *target) const;

    void set_union(const std::vector<const ChangeMap *> &maps);
    // Places whose window of the input reaches an active place.
    void set_windows(const ChangeMap &input, int kernel_height, int kernel_width, int stride_y, int stride_x,
                     int pad_top, int pad_left, int dilation_y, int dilation_x);

  private:
    void find_runs();

    int images_ = 0, height_ = 0, width_ = 0;
    State state_ = State::none;
    int64_t active_ = 0;
    std::vector<uint8_t> bytes_; // meaningful for State::some
    std::vector<Run> runs_;
    std::vector<int64_t> starts_;
    std::vector<Run> all_runs_;
    std::vector<int64_t> all_starts_;
};

} // namespace saccade
