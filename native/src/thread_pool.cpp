#include "saccade/thread_pool.h"

namespace saccade {

ThreadPool::ThreadPool(int threads) {
    for (int thread = 1; thread < threads; ++thread) {
        workers_.emplace_back([this, thread] { work(thread); });
    }
}

ThreadPool::~ThreadPool() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    for (std::thread &worker : workers_) {
        worker.join();
    }
}

void ThreadPool::take_tasks(const std::function<void(int64_t, int)> &body, int64_t tasks, int thread) {
    for (;;) {
        const int64_t task = next_.fetch_add(1, std::memory_order_relaxed);
        if (task >= tasks) {
            return;
        }
        body(task, thread);
    }
}

void ThreadPool::work(int thread) {
    uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
        wake_.wait(lock, [&] { return stop_ || (loop_ != seen && body_ != nullptr); });
        if (stop_) {
            return;
        }
        seen = loop_;
        ++busy_;
        const std::function<void(int64_t, int)> *body = body_;
        const int64_t tasks = tasks_;
        lock.unlock();
        take_tasks(*body, tasks, thread);
        lock.lock();
        if (--busy_ == 0) {
            done_.notify_one();
        }
    }
}

void ThreadPool::parallel_for(int64_t tasks, const std::function<void(int64_t, int)> &body) {
    if (workers_.empty() || tasks <= 1) {
        for (int64_t task = 0; task < tasks; ++task) {
            body(task, 0);
        }
        return;
    }
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        body_ = &body;
        tasks_ = tasks;
        next_.store(0, std::memory_order_relaxed);
        ++loop_;
    }
    if (workers_.size() == 1) {
        wake_.notify_one();
    } else {
        wake_.notify_all();
    }
    take_tasks(body, tasks, 0);
    std::unique_lock<std::mutex> lock(mutex_);
    body_ = nullptr; // a worker that wakes up from here on finds nothing to do
    done_.wait(lock, [&] { return busy_ == 0; });
}

} // namespace saccade
