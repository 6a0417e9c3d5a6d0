#ifndef CONCORD_RESIZE_H
#define CONCORD_RESIZE_H

#include <stddef.h>
#include <stdint.h>

// A row of taps says how one target line is made of source lines: the first source line, how many there are, and as
// many weights in fixed point of concord_precision bits. Rows are width numbers long.
enum { concord_precision = 32 - 8 - 2 };

// concord_block is how many bytes are worked on together: 16 rows of a grey picture, 4 of one with 4 bytes a pixel.
enum { concord_block = 16 };

// concord_any_processor, if not 0, has the loops run that need no special processor.
extern int concord_any_processor;

// concord_shrink_columns makes w columns of the given number of columns. Pixels have 1 or 4 bytes. row has
// room for concord_block × w sums, scratch for concord_block × (columns + w) bytes.
void concord_shrink_columns(uint8_t *to, size_t to_stride, int w, const uint8_t *from, size_t from_stride, int columns, int rows, int bytes,
                            const int32_t *taps, int width, int32_t *row, uint8_t *scratch);

// concord_shrink_rows makes h rows of those in from; both are length bytes long. row has room
// for length sums.
void concord_shrink_rows(uint8_t *to, size_t to_stride, int h, const uint8_t *from, size_t from_stride, int length, const int32_t *taps,
                         int width, int32_t *row);

#endif
