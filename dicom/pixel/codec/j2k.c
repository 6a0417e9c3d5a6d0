#include "j2k.h"

#include <string.h>

#if __has_include(<openjpeg-2.5/openjpeg.h>)
#include <openjpeg-2.5/openjpeg.h>
#else
#include <openjpeg.h>
#endif

// source is a stream of bytes in memory.
typedef struct {
  const uint8_t *data;
  size_t length, at;
} source;

static OPJ_SIZE_T source_read(void *buffer, OPJ_SIZE_T wanted, void *user) {
  source *s = user;
  size_t left = s->length - s->at;
  if (left == 0) return (OPJ_SIZE_T)-1;
  if (wanted > left) wanted = left;
  memcpy(buffer, s->data + s->at, wanted);
  s->at += wanted;
  return wanted;
}

static OPJ_OFF_T source_skip(OPJ_OFF_T wanted, void *user) {
  source *s = user;
  if (wanted < 0) return -1;
  if ((OPJ_UINT64)wanted > s->length - s->at) wanted = (OPJ_OFF_T)(s->length - s->at);
  s->at += (size_t)wanted;
  return wanted;
}

static OPJ_BOOL source_seek(OPJ_OFF_T to, void *user) {
  source *s = user;
  if (to < 0 || (OPJ_UINT64)to > s->length) return OPJ_FALSE;
  s->at = (size_t)to;
  return OPJ_TRUE;
}

// note keeps the first message and drops its line end.
static void note(const char *message, void *user) {
  concord_j2k_format *f = user;
  if (f->message[0] != 0) return;
  strncpy(f->message, message, sizeof f->message - 1);
  f->message[strcspn(f->message, "\r\n")] = 0;
}

// check compares the codestream with what the header says. Components may be subsampled as against the first.
static int check(const opj_image_t *image, const concord_j2k_format *f) {
  if (image->numcomps != f->samples) return concord_j2k_components;
  const opj_image_comp_t *first = &image->comps[0];
  if (first->w != f->columns || first->h != f->rows || first->dx == 0 || first->dy == 0) return concord_j2k_size;
  for (OPJ_UINT32 i = 0; i < image->numcomps; i++) {
    const opj_image_comp_t *c = &image->comps[i];
    if (c->dx % first->dx != 0 || c->dy % first->dy != 0) return concord_j2k_sampling;
    if ((uint64_t)c->w * (c->dx / first->dx) < f->columns || (uint64_t)c->h * (c->dy / first->dy) < f->rows) return concord_j2k_size;
    if (c->prec > 8 * f->bytes) return concord_j2k_precision;
  }
  return concord_j2k_ok;
}

// store writes one component; signed samples keep their two's complement.
static void store(const opj_image_comp_t *c, uint8_t *dst, size_t pixels, size_t step, uint32_t bytes) {
  if (bytes == 1) {
    for (size_t i = 0; i < pixels; i++) dst[i * step] = (uint8_t)c->data[i];
    return;
  }
  if (bytes == 2) {
    for (size_t i = 0; i < pixels; i++) {
      uint8_t *at = dst + 2 * i * step;
      at[0] = (uint8_t)c->data[i];
      at[1] = (uint8_t)(c->data[i] >> 8);
    }
    return;
  }
  for (size_t i = 0; i < pixels; i++) {
    uint32_t v = (uint32_t)c->data[i];
    for (uint32_t b = 0; b < bytes; b++) dst[i * step * bytes + b] = (uint8_t)(v >> 8 * b);
  }
}

// store_subsampled writes one component whose samples stand for several pixels each.
static void store_subsampled(const opj_image_comp_t *c, uint8_t *dst, const concord_j2k_format *f, uint32_t across, uint32_t down) {
  for (uint32_t y = 0; y < f->rows; y++) {
    const OPJ_INT32 *row = c->data + (size_t)(y / down) * c->w;
    for (uint32_t x = 0; x < f->columns; x++, dst += (size_t)f->samples * f->bytes)
      for (uint32_t b = 0; b < f->bytes; b++) dst[b] = (uint8_t)((uint32_t)row[x / across] >> 8 * b);
  }
}

static int decode(opj_codec_t *codec, opj_stream_t *stream, opj_image_t **image, uint8_t *dst, concord_j2k_format *f) {
  if (!opj_read_header(stream, codec, image)) return concord_j2k_broken;
  int problem = check(*image, f);
  if (problem != concord_j2k_ok) return problem;
  opj_codestream_info_v2_t *info = opj_get_cstr_info(codec);
  if (info != NULL) {
    f->transformed = info->m_default_tile_info.mct == 1;
    opj_destroy_cstr_info(&info);
  }
  if (!opj_decode(codec, stream, *image)) return concord_j2k_broken;
  problem = check(*image, f);
  if (problem != concord_j2k_ok) return problem;
  size_t pixels = (size_t)f->rows * f->columns;
  const opj_image_comp_t *first = (*image)->comps;
  for (OPJ_UINT32 i = 0; i < f->samples; i++) {
    const opj_image_comp_t *c = &(*image)->comps[i];
    if (c->data == NULL) return concord_j2k_broken;
    if (c->dx != first->dx || c->dy != first->dy) {
      store_subsampled(c, dst + i * f->bytes, f, c->dx / first->dx, c->dy / first->dy);
      f->subsampled = 1;
    } else {
      store(c, dst + i * f->bytes, pixels, f->samples, f->bytes);
    }
  }
  f->sycc = (*image)->color_space == OPJ_CLRSPC_SYCC;
  return concord_j2k_ok;
}

int concord_j2k_decode(const uint8_t *data, size_t length, uint8_t *dst, concord_j2k_format *f) {
  static const uint8_t jp2[] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
  int wrapped = length >= sizeof jp2 && memcmp(data, jp2, sizeof jp2) == 0;
  source s = {data, length, 0};
  opj_image_t *image = NULL;
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_codec_t *codec = opj_create_decompress(wrapped ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
  opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
  int result = concord_j2k_broken;
  if (codec != NULL && stream != NULL) {
    opj_set_error_handler(codec, note, f);
    opj_stream_set_user_data(stream, &s, NULL);
    opj_stream_set_user_data_length(stream, length);
    opj_stream_set_read_function(stream, source_read);
    opj_stream_set_skip_function(stream, source_skip);
    opj_stream_set_seek_function(stream, source_seek);
    if (opj_setup_decoder(codec, &parameters)) {
      opj_codec_set_threads(codec, (int)f->threads);
      result = decode(codec, stream, &image, dst, f);
    }
  }
  opj_image_destroy(image);
  opj_stream_destroy(stream);
  opj_destroy_codec(codec);
  return result;
}
