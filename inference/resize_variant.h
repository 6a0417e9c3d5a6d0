// The loops of resize.c, compiled once for each kind of processor. VARIANT names the functions.

// add adds 16 bytes times a weight.
static inline void VARIANT(add)(sums s[2], const uint8_t *from, int32_t weight) {
  for (int half = 0; half < 2; half++) {
    sums v;
#ifdef __AVX2__ // the compiler would take them one by one
    v = (sums)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(from + 8 * half)));
#else
    for (int i = 0; i < 8; i++) v[i] = from[8 * half + i];
#endif
    s[half] += v * weight;
  }
}

// clip brings sums to 0..255.
static inline void VARIANT(clip)(uint8_t *to, const int32_t *sums, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int32_t v = sums[i] >> concord_precision;
    to[i] = v < 0 ? 0 : v > 255 ? 255 : v;
  }
}

// transpose turns a square of 16 × 16 bytes: four times the halves are shuffled like cards.
static inline void VARIANT(transpose)(bytes16 b[16]) {
  for (int stage = 0; stage < 4; stage++) {
    bytes16 shuffled[16];
    for (int i = 0; i < 8; i++) {
      shuffled[2 * i] = __builtin_shufflevector(b[i], b[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      shuffled[2 * i + 1] = __builtin_shufflevector(b[i], b[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    memcpy(b, shuffled, sizeof shuffled);
  }
}

// gather puts the pixels of a block of rows, column by column, into columns.
static inline void VARIANT(gather)(uint8_t *columns, const uint8_t *const row[concord_block], int count, int bytes) {
  int x = 0;
  if (bytes == 4) {
    for (; x < count; x++)
      for (int r = 0; r < 4; r++) memcpy(columns + 16 * x + 4 * r, row[r] + 4 * x, 4);
    return;
  }
  for (; x + 16 <= count; x += 16) {
    bytes16 square[16];
    for (int r = 0; r < 16; r++) memcpy(&square[r], row[r] + x, 16);
    VARIANT(transpose)(square);
    memcpy(columns + 16 * x, square, sizeof square);
  }
  for (; x < count; x++)
    for (int r = 0; r < 16; r++) columns[16 * x + r] = row[r][x];
}

// scatter is the way back.
static inline void VARIANT(scatter)(uint8_t *const row[concord_block], const uint8_t *columns, int count, int bytes) {
  int x = 0;
  if (bytes == 4) {
    for (; x < count; x++)
      for (int r = 0; r < 4; r++) memcpy(row[r] + 4 * x, columns + 16 * x + 4 * r, 4);
    return;
  }
  for (; x + 16 <= count; x += 16) {
    bytes16 square[16];
    memcpy(square, columns + 16 * x, sizeof square);
    VARIANT(transpose)(square);
    for (int r = 0; r < 16; r++) memcpy(row[r] + x, &square[r], 16);
  }
  for (; x < count; x++)
    for (int r = 0; r < 16; r++) row[r][x] = columns[16 * x + r];
}

static void VARIANT(shrink_columns)(uint8_t *to, size_t to_stride, int w, const uint8_t *from, size_t from_stride, int columns, int rows, int bytes,
                            const int32_t *taps, int width, int32_t *row,
                                    uint8_t *scratch) {
  uint8_t *wide = scratch, *narrow = scratch + concord_block * (size_t)columns;
  int together = concord_block / bytes;
  for (int y = 0; y < rows; y += together) {
    const uint8_t *source[concord_block];
    uint8_t *target[concord_block];
    for (int r = 0; r < together; r++) { // the last row stands in for those that are not there
      int at = y + r < rows ? y + r : rows - 1;
      source[r] = from + at * from_stride;
      target[r] = to + at * to_stride;
    }
    VARIANT(gather)(wide, source, columns, bytes);
    const int32_t *t = taps;
    for (int x = 0; x < w; x++, t += width) {
      sums s[2] = {(sums){} + HALF, (sums){} + HALF};
      const uint8_t *at = wide + concord_block * (size_t)t[0];
      for (int k = 0; k < t[1]; k++) VARIANT(add)(s, at + concord_block * k, t[2 + k]);
      memcpy(row + concord_block * x, s, sizeof s);
    }
    VARIANT(clip)(narrow, row, concord_block * (size_t)w);
    VARIANT(scatter)(target, narrow, w, bytes);
  }
}

static void VARIANT(shrink_rows)(uint8_t *to, size_t to_stride, int h, const uint8_t *from, size_t from_stride, int length,
                                 const int32_t *taps, int width, int32_t *row) {
  for (int y = 0; y < h; y++, to += to_stride, taps += width) {
    const uint8_t *first = from + taps[0] * from_stride;
    int x = 0;
    for (; x + concord_block <= length; x += concord_block) {
      sums s[2] = {(sums){} + HALF, (sums){} + HALF};
      for (int k = 0; k < taps[1]; k++) VARIANT(add)(s, first + k * from_stride + x, taps[2 + k]);
      memcpy(row + x, s, sizeof s);
    }
    for (; x < length; x++) {
      row[x] = HALF;
      for (int k = 0; k < taps[1]; k++) row[x] += first[k * from_stride + x] * taps[2 + k];
    }
    VARIANT(clip)(to, row, length);
  }
}
