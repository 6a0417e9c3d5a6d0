#ifndef CONCORD_JPEG8_H
#define CONCORD_JPEG8_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t rows, columns, samples;
  int ycc;           // the components are YCbCr, and become RGB
  char message[200]; // out: what libjpeg says is wrong
} concord_jpeg8_format;

enum { concord_jpeg8_ok, concord_jpeg8_broken, concord_jpeg8_truncated, concord_jpeg8_other };

// concord_jpeg8_decode decodes a JPEG of 8 bits in a DCT-based process to bytes, pixel by pixel.
int concord_jpeg8_decode(const uint8_t *data, size_t length, uint8_t *dst, concord_jpeg8_format *format);

#endif
