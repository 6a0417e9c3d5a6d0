#ifndef CONCORD_JXL_H
#define CONCORD_JXL_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t rows, columns, samples;
  uint32_t bytes; // of a sample
  uint32_t bits;  // out: of a sample in the codestream
} concord_jxl_format;

enum { concord_jxl_ok, concord_jxl_broken, concord_jxl_truncated, concord_jxl_other, concord_jxl_float };

// concord_jxl_decode decodes the first frame of a JPEG XL codestream, in a container or not, to samples pixel by pixel in
// little-endian words, of which 0 to the highest are spread over the range of the word.
int concord_jxl_decode(const uint8_t *data, size_t length, uint8_t *dst, concord_jxl_format *format);

#endif
