#include "resize.h"

#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

// Vectors of 32 bytes; for a processor that has none, the compiler takes smaller ones.
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef int32_t sums __attribute__((vector_size(32)));

#define HALF (1 << (concord_precision - 1))

#define VARIANT(name) name##_any
#include "resize_variant.h"
#undef VARIANT

#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx2")
#define VARIANT(name) name##_avx2
#include "resize_variant.h"
#undef VARIANT
#pragma GCC pop_options
#define CHOSEN(name) (!concord_any_processor && __builtin_cpu_supports("avx2") ? name##_avx2 : name##_any)
#else
#define CHOSEN(name) name##_any
#endif

int concord_any_processor;

void concord_shrink_columns(uint8_t *to, size_t to_stride, int w, const uint8_t *from, size_t from_stride, int columns, int rows, int bytes,
                            const int32_t *taps, int width, int32_t *row, uint8_t *scratch) {
  CHOSEN(shrink_columns)(to, to_stride, w, from, from_stride, columns, rows, bytes, taps, width, row, scratch);
}

void concord_shrink_rows(uint8_t *to, size_t to_stride, int h, const uint8_t *from, size_t from_stride, int length, const int32_t *taps,
                         int width, int32_t *row) {
  CHOSEN(shrink_rows)(to, to_stride, h, from, from_stride, length, taps, width, row);
}
