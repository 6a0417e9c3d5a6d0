#ifndef CONCORD_J2K_H
#define CONCORD_J2K_H

#include <stddef.h>
#include <stdint.h>

// concord_j2k_format is what the header says, and what the codestream says.
typedef struct {
  uint32_t rows, columns, samples;
  uint32_t bytes; // of a sample
  uint32_t threads;
  int transformed;   // out: the multiple component transform was in use and is undone
  int sycc;          // out: the JP2 wrapper says that the components are YCbCr
  int subsampled;    // out: components of fewer samples were brought to the size of the first
  char message[160]; // out: what OpenJPEG says is wrong
} concord_j2k_format;

enum { concord_j2k_ok, concord_j2k_broken, concord_j2k_size, concord_j2k_components, concord_j2k_sampling, concord_j2k_precision };

// concord_j2k_decode decodes a JPEG 2000 codestream, wrapped in JP2 or not, to
// samples pixel by pixel in little-endian words.
int concord_j2k_decode(const uint8_t *data, size_t length, uint8_t *dst, concord_j2k_format *format);

#endif
