// A program is what all streams of one network and frame size share: packed weights and the operators in order.
// A session is one stream's memory: activations, change maps, partial sums.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "saccade/change_map.h"
#include "saccade/huge_pages.h"
#include "saccade/thread_pool.h"
#include "saccade/types.h"

namespace saccade {

class Session;

struct TensorPlan {
    int n, h, w, c;
    int top, left, bottom, right; // border of zeros
    int parent;                   // the tensor whose memory this is a part of, or -1
    int channel_offset;           // in the parent
};

// Floats from one row to the next of a tensor that has memory of its own.
int64_t row_stride(const TensorPlan &tensor);

// What an operator keeps from frame to frame besides floats.
class OperatorMemory {
  public:
    virtual ~OperatorMemory() = default;
    virtual std::unique_ptr<OperatorMemory> clone() const = 0;
    virtual size_t bytes() const = 0;
    // The next frame is dense.
    virtual void forget() = 0;
    // Forgets what was learned from earlier frames, too.
    virtual void reset() { forget(); }
};

class Operator {
  public:
    Operator(std::string name, std::vector<int> inputs, int output)
        : name(std::move(name)), inputs(std::move(inputs)), output(output) {}
    virtual ~Operator() = default;

    // Sets the output's change map from the inputs' maps.
    virtual void propagate(Session &session) const = 0;
    // Recomputes the output's active places.
    virtual void run(Session &session) const = 0;
    // Floats of memory of its own that it keeps from frame to frame.
    virtual int64_t state_floats() const { return 0; }
    // Floats that each thread needs while it runs, and that nothing is kept in.
    virtual int64_t scratch_floats() const { return 0; }
    // Memory of other kinds; null where there is none.
    virtual std::unique_ptr<OperatorMemory> make_memory() const { return nullptr; }
    virtual int64_t work(const Session &session) const; // multiply-adds of the last run
    // Appends the weights that a run reads from end to end, in its order.
    virtual void list_weights(std::vector<WeightStretch> &) const {}

    std::string name;
    std::vector<int> inputs;
    int output;
    int64_t macs = 0; // of a dense pass
};

class Program {
  public:
    explicit Program(const std::string &instruction_set);

    int add_tensor(TensorPlan tensor);
    void add_operator(std::unique_ptr<Operator> op) { operators.push_back(std::move(op)); }

    const KernelTable *kernels;
    std::vector<TensorPlan> tensors;
    std::vector<std::unique_ptr<Operator>> operators;
};

// The instruction sets of this build that this processor runs, best first.
std::vector<const KernelTable *> usable_kernels();

// Zeroed memory in huge pages where the system has them.
class Memory {
  public:
    explicit Memory(size_t floats);
    ~Memory();
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;
    float *data() const { return data_; }
    size_t bytes() const { return bytes_; }

  private:
    void *base_ = nullptr;
    float *data_ = nullptr;
    size_t bytes_ = 0;
    bool mapped_ = false;
};

// In which order a frame's operators read their weights.
class WeightSchedule {
  public:
    explicit WeightSchedule(const Program &program);

    // The operator is about to run.
    void begin(size_t index);
    WeightsAhead *ahead() { return &ahead_; }

  private:
    std::vector<WeightStretch> stretches_;
    std::vector<size_t> first_; // of each operator's stretches
    WeightsAhead ahead_{};
};

class Session {
  public:
    // `poison` fills all that is not a border with NaN, for tests.
    Session(std::shared_ptr<const Program> program, int threads, bool poison);
    std::unique_ptr<Session> clone() const;

    // Takes the places of `tensor` that differ in bits from what was taken last (all, the first time), or those that
    // `mask` names (one byte a place). `frame` is (N, C, H, W), contiguous. Returns whether any place was taken.
    template <typename Element> bool load(int tensor, const Element *frame, const uint8_t *mask);
    // Runs the operators [first, last).
    void run(int first, int last);
    // Writes the tensor as (N, C, H, W), contiguous.
    void read(int tensor, float *target) const;
    // The same as (N, H, W, C).
    void read_places(int tensor, float *target) const;
    // What was taken of an input last, (N, C, H, W), as floats or as bytes; null before the first frame.
    float *held_floats(int tensor);
    uint8_t *held_bytes(int tensor);
    // Forgets what was computed: the next frame is dense. `reset` forgets the counters too.
    void forget();
    void reset();
    // Marks that no tensor changed.
    void settle();
    // From now on every change map of that height and width is this one (one byte a place); for benchmarks.
    void force(int height, int width, const uint8_t *bytes);
    void stop_forcing();

    const Program &program() const { return *program_; }
    const KernelTable &kernels() const { return *program_->kernels; }
    const View &view(int tensor) const { return views_[static_cast<size_t>(tensor)]; }
    const ChangeMap &map(int tensor) const { return *current_[static_cast<size_t>(tensor)]; }
    ChangeMap &own_map(int tensor);
    void share_map(int tensor, int source) {
        current_[static_cast<size_t>(tensor)] = current_[static_cast<size_t>(source)];
    }
    float *state(const Operator &op);
    // What `make_memory` of the operator returned.
    template <typename Kind> Kind &memory(const Operator &op) const { return static_cast<Kind &>(*kept_.at(&op)); }
    float *scratch(int thread);
    ThreadPool &pool() { return *pool_; }
    // What a kernel may ask for while the operator of now runs.
    WeightsAhead *weights_ahead() { return weights_->ahead(); }
    size_t bytes() const;

    struct Counter {
        int64_t macs = 0;
        int64_t nanoseconds = 0;
        double active = 0; // sum over frames of the active share
    };
    std::vector<Counter> counters;

  private:
    void lay_out();
    void poison();
    template <typename Element>
    void take_run(const View &view, const Element *frame, Element *reference, const Run &run);

    std::shared_ptr<const Program> program_;
    std::unique_ptr<ThreadPool> pool_;
    std::unique_ptr<Memory> memory_;
    std::vector<View> views_;
    std::vector<ChangeMap> maps_;
    std::vector<const ChangeMap *> current_;
    std::map<const Operator *, float *> states_;
    std::map<const Operator *, std::unique_ptr<OperatorMemory>> kept_;
    std::vector<std::unique_ptr<Memory>> scratch_;
    struct Reference {
        std::vector<float, HugePages<float>> floats;
        std::vector<uint8_t, HugePages<uint8_t>> bytes;
        bool taken = false;
    };
    std::map<int, Reference> references_;
    std::map<std::pair<int, int>, ChangeMap> forced_;
    std::unique_ptr<WeightSchedule> weights_;
};

} // namespace saccade
