#ifndef CONCORD_JPEGLS_H
#define CONCORD_JPEGLS_H

#include <charls/charls.h>
#include <stddef.h>
#include <stdint.h>

// concord_jpegls_decode decodes a JPEG-LS codestream to dst, which has room for
// size bytes. What the codestream says is in info and mode; if that is not
// wanted, or needs another number of bytes, nothing is decoded and fits is 0.
charls_jpegls_errc concord_jpegls_decode(const uint8_t *data, size_t length, uint8_t *dst, size_t size, const charls_frame_info *wanted,
                                         charls_frame_info *info, charls_interleave_mode *mode, int *fits);

#endif
