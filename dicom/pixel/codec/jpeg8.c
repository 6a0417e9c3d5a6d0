#include "jpeg8.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
// behind jpeglib.h, which says what of it there is
#include <jerror.h>

_Static_assert(sizeof(((concord_jpeg8_format *)0)->message) >= JMSG_LENGTH_MAX, "a message fits");

// decompression is libjpeg's state with what its callbacks need.
typedef struct {
  struct jpeg_decompress_struct jpeg; // first: callbacks get a pointer to it
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  concord_jpeg8_format *format;
  jmp_buf problem;
  int ended; // the bytes are used up
} decompression;

static void give_up(j_common_ptr jpeg) {
  decompression *d = (decompression *)jpeg;
  jpeg->err->format_message(jpeg, d->format->message);
  longjmp(d->problem, 1);
}

// note takes damage to the coded data for an error: libjpeg would go on with grey blocks.
static void note(j_common_ptr jpeg, int level) {
  switch (level < 0 ? jpeg->err->msg_code : 0) {
  case JWRN_HIT_MARKER:
  case JWRN_HUFF_BAD_CODE:
  case JWRN_ARITH_BAD_CODE:
  case JWRN_MUST_RESYNC:
  case JWRN_NOT_SEQUENTIAL:
    give_up(jpeg);
  }
}

static void start(j_decompress_ptr jpeg) { (void)jpeg; }

// refill stands in for an end marker that is missing.
static boolean refill(j_decompress_ptr jpeg) {
  static const JOCTET end[] = {0xFF, JPEG_EOI};
  ((decompression *)jpeg)->ended = 1;
  jpeg->src->next_input_byte = end;
  jpeg->src->bytes_in_buffer = sizeof end;
  return TRUE;
}

static void skip(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  if ((size_t)count > jpeg->src->bytes_in_buffer) {
    refill(jpeg);
    return;
  }
  jpeg->src->next_input_byte += count;
  jpeg->src->bytes_in_buffer -= (size_t)count;
}

static int decode(decompression *d, uint8_t *dst) {
  concord_jpeg8_format *f = d->format;
  struct jpeg_decompress_struct *jpeg = &d->jpeg;
  jpeg_read_header(jpeg, TRUE);
  if (jpeg->image_width != f->columns || jpeg->image_height != f->rows || (uint32_t)jpeg->num_components != f->samples)
    return concord_jpeg8_other;
  if (f->samples == 3) {
    jpeg->jpeg_color_space = f->ycc ? JCS_YCbCr : JCS_RGB;
    jpeg->out_color_space = JCS_RGB;
  } else {
    jpeg->jpeg_color_space = jpeg->out_color_space = JCS_GRAYSCALE;
  }
  jpeg_start_decompress(jpeg);
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW rows[4];
    JDIMENSION count = jpeg->output_height - jpeg->output_scanline;
    if (count > 4) count = 4;
    for (JDIMENSION i = 0; i < count; i++) rows[i] = dst + (size_t)(jpeg->output_scanline + i) * f->columns * f->samples;
    jpeg_read_scanlines(jpeg, rows, count);
  }
  jpeg_finish_decompress(jpeg);
  return concord_jpeg8_ok;
}

int concord_jpeg8_decode(const uint8_t *data, size_t length, uint8_t *dst, concord_jpeg8_format *format) {
  decompression d = {.format = format,
                     .source = {.next_input_byte = data, .bytes_in_buffer = length, .init_source = start, .fill_input_buffer = refill,
                                .skip_input_data = skip, .resync_to_restart = jpeg_resync_to_restart, .term_source = start}};
  d.jpeg.err = jpeg_std_error(&d.errors);
  d.errors.error_exit = give_up;
  d.errors.emit_message = note;
  volatile int result = concord_jpeg8_broken;
  if (setjmp(d.problem) == 0) {
    jpeg_create_decompress(&d.jpeg);
    d.jpeg.src = &d.source;
    result = decode(&d, dst);
  } else if (d.ended) {
    result = concord_jpeg8_truncated;
  }
  jpeg_destroy_decompress(&d.jpeg);
  return result;
}
