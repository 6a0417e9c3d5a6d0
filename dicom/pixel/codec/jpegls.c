#include "jpegls.h"

static charls_jpegls_errc decode(charls_jpegls_decoder *d, const uint8_t *data, size_t length, uint8_t *dst, size_t size,
                                 const charls_frame_info *wanted, charls_frame_info *info, charls_interleave_mode *mode, int *fits) {
  size_t needed = 0;
  charls_jpegls_errc status = charls_jpegls_decoder_set_source_buffer(d, data, length);
  if (status == CHARLS_JPEGLS_ERRC_SUCCESS) status = charls_jpegls_decoder_read_header(d);
  if (status == CHARLS_JPEGLS_ERRC_SUCCESS) status = charls_jpegls_decoder_get_frame_info(d, info);
  if (status == CHARLS_JPEGLS_ERRC_SUCCESS) status = charls_jpegls_decoder_get_interleave_mode(d, mode);
  if (status == CHARLS_JPEGLS_ERRC_SUCCESS) status = charls_jpegls_decoder_get_destination_size(d, 0, &needed);
  if (status != CHARLS_JPEGLS_ERRC_SUCCESS) return status;
  *fits = info->width == wanted->width && info->height == wanted->height && info->component_count == wanted->component_count &&
          info->bits_per_sample <= wanted->bits_per_sample && needed <= size;
  if (!*fits) return status;
  return charls_jpegls_decoder_decode_to_buffer(d, dst, needed, 0);
}

charls_jpegls_errc concord_jpegls_decode(const uint8_t *data, size_t length, uint8_t *dst, size_t size, const charls_frame_info *wanted,
                                         charls_frame_info *info, charls_interleave_mode *mode, int *fits) {
  charls_jpegls_decoder *d = charls_jpegls_decoder_create();
  if (d == NULL) return CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY;
  charls_jpegls_errc status = decode(d, data, length, dst, size, wanted, info, mode, fits);
  charls_jpegls_decoder_destroy(d);
  return status;
}
