#include "jxl.h"

#include <jxl/decode.h>

// check compares the codestream with what the header says.
static int check(JxlDecoder *decoder, concord_jxl_format *f) {
  JxlBasicInfo info;
  if (JxlDecoderGetBasicInfo(decoder, &info) != JXL_DEC_SUCCESS) return concord_jxl_broken;
  f->bits = info.bits_per_sample;
  if (info.exponent_bits_per_sample != 0) return concord_jxl_float;
  if (info.xsize != f->columns || info.ysize != f->rows || info.num_color_channels != f->samples || f->bits > 8 * f->bytes)
    return concord_jxl_other;
  return concord_jxl_ok;
}

static int decode(JxlDecoder *decoder, uint8_t *dst, concord_jxl_format *f) {
  const JxlPixelFormat pixels = {f->samples, f->bytes == 1 ? JXL_TYPE_UINT8 : JXL_TYPE_UINT16, JXL_LITTLE_ENDIAN, 0};
  const size_t size = (size_t)f->rows * f->columns * f->samples * f->bytes;
  for (;;) {
    int problem;
    size_t wanted;
    switch (JxlDecoderProcessInput(decoder)) {
    case JXL_DEC_BASIC_INFO:
      if ((problem = check(decoder, f)) != concord_jxl_ok) return problem;
      break;
    case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
      if (JxlDecoderImageOutBufferSize(decoder, &pixels, &wanted) != JXL_DEC_SUCCESS || wanted != size) return concord_jxl_other;
      if (JxlDecoderSetImageOutBuffer(decoder, &pixels, dst, size) != JXL_DEC_SUCCESS) return concord_jxl_broken;
      break;
    case JXL_DEC_FULL_IMAGE:
      return concord_jxl_ok;
    case JXL_DEC_NEED_MORE_INPUT:
      return concord_jxl_truncated;
    default:
      return concord_jxl_broken;
    }
  }
}

int concord_jxl_decode(const uint8_t *data, size_t length, uint8_t *dst, concord_jxl_format *format) {
  JxlDecoder *decoder = JxlDecoderCreate(NULL);
  if (decoder == NULL) return concord_jxl_broken;
  int result = concord_jxl_broken;
  if (JxlDecoderSubscribeEvents(decoder, JXL_DEC_BASIC_INFO | JXL_DEC_FULL_IMAGE) == JXL_DEC_SUCCESS &&
      JxlDecoderSetKeepOrientation(decoder, JXL_TRUE) == JXL_DEC_SUCCESS && JxlDecoderSetInput(decoder, data, length) == JXL_DEC_SUCCESS)
    result = decode(decoder, dst, format);
  JxlDecoderDestroy(decoder);
  return result;
}
