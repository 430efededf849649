// Threads that share the tasks of one loop at a time. The caller works too and never waits for a thread that has not
// begun a task, so that a core that is busy elsewhere costs little.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace saccade {

class ThreadPool {
  public:
    // `threads` counts the caller.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool &) = delete;
    ThreadPool &operator=(const ThreadPool &) = delete;

    int threads() const { return static_cast<int>(workers_.size()) + 1; }
    // Calls body(task, thread) for every task in [0, tasks); thread is below threads().
    void parallel_for(int64_t tasks, const std::function<void(int64_t, int)> &body);

  private:
    void work(int thread);
    void take_tasks(const std::function<void(int64_t, int)> &body, int64_t tasks, int thread);

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_, done_;
    const std::function<void(int64_t, int)> *body_ = nullptr;
    int64_t tasks_ = 0;
    std::atomic<int64_t> next_{0};
    uint64_t loop_ = 0;
    int busy_ = 0;
    bool stop_ = false;
};

} // namespace saccade
