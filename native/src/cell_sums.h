// Sums over cells of 8 x 8 places of one channel, over two of their rows each, from which the change between two frames
// is told.
#pragma once

#include "vector.h"

namespace saccade::SACCADE_ISA {

static_assert(kCellSide == 8, "a row of a cell is one vector here");
typedef float CellRow __attribute__((vector_size(kCellSide * 4)));

static SACCADE_INLINE CellRow load_cell_row(const float *source) {
    CellRow row;
    std::memcpy(&row, source, sizeof row);
    return row;
}

static SACCADE_INLINE CellRow load_cell_row(const uint8_t *source) {
#if defined(__AVX2__) // the compiler would convert one by one
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(source));
    return reinterpret_cast<CellRow>(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)));
#else
    CellRow row;
    for (int place = 0; place < kCellSide; ++place) {
        row[place] = source[place];
    }
    return row;
#endif
}

// Sums each of eight vectors: lane i of the result is the sum of rows[i].
static SACCADE_INLINE CellRow sum_each(const CellRow rows[8]) {
    CellRow pairs[4], fours[2];
    for (int index = 0; index < 4; ++index) {
        const CellRow a = rows[2 * index], b = rows[2 * index + 1];
        pairs[index] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
                       __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int index = 0; index < 2; ++index) {
        const CellRow a = pairs[2 * index], b = pairs[2 * index + 1];
        fours[index] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
                       __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
    return __builtin_shufflevector(fours[0], fours[1], 0, 1, 2, 3, 8, 9, 10, 11) +
           __builtin_shufflevector(fours[0], fours[1], 4, 5, 6, 7, 12, 13, 14, 15);
}

template <typename Element>
static void cell_sums(const Element *frame, const Element *reference, int64_t width, int32_t rows, float *differences,
                      float *squares) {
    constexpr int kCells = 4; // at once: their eight sums are reduced together
    int64_t x = 0;
    for (; x + kCells * kCellSide <= width; x += kCells * kCellSide) {
        CellRow sums[2 * kCells] = {};
        for (int row = 0; row < rows; row += kCellRowStep) {
            const Element *values = frame + row * width + x, *others = reference + row * width + x;
            for (int64_t line = 0; line < kCells * kCellSide;
                 line += 64 / sizeof(Element)) { // of the next row of cells
                __builtin_prefetch(values + kCellSide * width + line);
                __builtin_prefetch(others + kCellSide * width + line);
            }
            for (int cell = 0; cell < kCells; ++cell) {
                const CellRow difference =
                    load_cell_row(values + cell * kCellSide) - load_cell_row(others + cell * kCellSide);
                sums[cell] += difference;
                sums[kCells + cell] += difference * difference;
            }
        }
        const CellRow totals = sum_each(sums);
        for (int cell = 0; cell < kCells; ++cell) {
            differences[x / kCellSide + cell] = totals[cell];
            squares[x / kCellSide + cell] = totals[kCells + cell];
        }
    }
    for (; x < width; x += kCellSide) {
        float sum = 0.0f, square = 0.0f;
        for (int row = 0; row < rows; row += kCellRowStep) {
            for (int64_t place = row * width + x; place < row * width + x + kCellSide && place < (row + 1) * width;
                 ++place) {
                const float difference = static_cast<float>(frame[place]) - static_cast<float>(reference[place]);
                sum += difference;
                square += difference * difference;
            }
        }
        differences[x / kCellSide] = sum;
        squares[x / kCellSide] = square;
    }
}

static void cell_sums_of_floats(const float *frame, const float *reference, int64_t width, int32_t rows,
                                float *differences, float *squares) {
    cell_sums(frame, reference, width, rows, differences, squares);
}

static void cell_sums_of_bytes(const uint8_t *frame, const uint8_t *reference, int64_t width, int32_t rows,
                               float *differences, float *squares) {
    cell_sums(frame, reference, width, rows, differences, squares);
}

} // namespace saccade::SACCADE_ISA
