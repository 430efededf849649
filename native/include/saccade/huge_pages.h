// An allocator that asks the system for huge pages where an array is large: a frame is compared as fast as memory
// delivers it, and with pages of 4 KiB a good part of that time goes to looking them up.
#pragma once

#include <cstddef>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace saccade {

template <typename T> struct HugePages {
    using value_type = T;

    HugePages() = default;
    template <typename Other> HugePages(const HugePages<Other> &) {}

    T *allocate(size_t count) {
        void *memory = ::operator new(rounded(count), std::align_val_t{alignment(count)});
#if defined(__linux__)
        if (alignment(count) == kPage) {
            madvise(memory, rounded(count), MADV_HUGEPAGE);
        }
#endif
        return static_cast<T *>(memory);
    }

    void deallocate(T *memory, size_t count) { ::operator delete(memory, std::align_val_t{alignment(count)}); }

    friend bool operator==(const HugePages &, const HugePages &) { return true; }
    friend bool operator!=(const HugePages &, const HugePages &) { return false; }

  private:
    static constexpr size_t kPage = size_t{2} << 20;

    static size_t alignment(size_t count) { return count * sizeof(T) >= kPage ? kPage : 64; }

    // Whole pages, so that the last one is a huge page too.
    static size_t rounded(size_t count) {
        const size_t step = alignment(count);
        return (count * sizeof(T) + step - 1) / step * step;
    }
};

} // namespace saccade
