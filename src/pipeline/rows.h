/* rows.h – whole tables in memory, by column; and which track each of them is of. Tables are small beside the images they are about. */
#ifndef C5_PIPELINE_ROWS_H
#define C5_PIPELINE_ROWS_H

#include <stdbool.h>

#include "pipeline/worker.h"

#define C5_VALUE_TEXT 256

typedef struct c5_rows { uint8_t *rows; uint64_t n; size_t row; c5_column *columns; size_t n_columns; } c5_rows; /* row: bytes of one */

/* C5_ESCHEMA when there is no table at `path`. c5_rows_free is due after success. */
int c5_rows_read(c5_rows *t, c5_worker *w, const char *path);
void c5_rows_free(c5_rows *t);
/* NULL when there is none of that name. */
const c5_column *c5_rows_column(const c5_rows *t, const char *name);
/* The same, or C5_ESCHEMA that names the table (`path`) and what it lacks. */
int c5_rows_need(const c5_column **out, const c5_rows *t, const char *path, const char *name);
double c5_rows_number(const c5_rows *t, const c5_column *c, uint64_t row);
/* A cell as text; false for a number that is none (NaN) and an empty text. */
bool c5_rows_text(char text[C5_VALUE_TEXT], const c5_rows *t, const c5_column *c, uint64_t row);

/* The masks that a product came from, through the `input` of each; "" when that cannot be told, NULL out of memory. Caller frees. */
char *c5_masks_behind(c5_file *f, const char *path);
/* The track of every row of `index` (columns frame and label), 0 none, by tracks revision `number` of the experiment. `of`: the product the rows
 * belong to; C5_EINPUT when the tracks are of other masks. */
int c5_rows_tracks(c5_worker *w, c5_file *f, const char *experiment, const char *of, const c5_rows *index, uint32_t number, uint32_t *track);

#endif
