#include "saccade/program.h"

#include <stdexcept>

namespace saccade {

std::vector<const KernelTable *> usable_kernels() {
    std::vector<const KernelTable *> tables;
#if defined(SACCADE_HAS_AVX512)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq")) {
        tables.push_back(kernel_table_avx512());
    }
#endif
#if defined(SACCADE_HAS_AVX2)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        tables.push_back(kernel_table_avx2());
    }
#endif
    tables.push_back(kernel_table_baseline());
    return tables;
}

Program::Program(const std::string &instruction_set) : kernels(nullptr) {
    for (const KernelTable *table : usable_kernels()) {
        if (instruction_set.empty() || instruction_set == table->name) {
            kernels = table;
            return;
        }
    }
    std::string known;
    for (const KernelTable *table : usable_kernels()) {
        known += (known.empty() ? "" : ", ") + std::string(table->name);
    }
    throw std::invalid_argument("instruction set '" + instruction_set + "' is not usable here; usable: " + known);
}

int Program::add_tensor(TensorPlan tensor) {
    if (tensor.parent >= static_cast<int>(tensors.size())) {
        throw std::invalid_argument("a tensor's parent must be added before it");
    }
    tensors.push_back(tensor);
    return static_cast<int>(tensors.size()) - 1;
}

int64_t Operator::work(const Session &session) const {
    const ChangeMap &map = session.map(output);
    return map.places() == 0 ? 0 : macs / map.places() * map.active();
}

} // namespace saccade
