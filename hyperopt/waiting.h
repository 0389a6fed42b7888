/* waiting.h – for store.c alone: trials that have ended and are not committed yet, in a file beside the container.
 *
 * A commit takes a moment, and longer while another process holds the container; a search that is killed meanwhile would run the trial again. So
 * its row and its reports are appended to FILE.h5.rNNNNNN.waiting first, in one write, which outlives the process. Who resumes the run takes in what
 * the container does not have. Half a record is none. */
#ifndef C5_HYPEROPT_WAITING_H
#define C5_HYPEROPT_WAITING_H

#include <stdbool.h>

#include "base/mem.h"

/* One trial: its row, and rows of its reports (NULL with size 0). Bytes are the machine's own: nobody else reads them. */
typedef struct c5_waiting { const uint8_t *row, *reports; size_t row_size, reports_size; double spent_s; } c5_waiting;

char *c5_waiting_path(const char *container, uint32_t run); /* caller frees */
/* Appends. What cannot be written is not waited for: the commit that follows will say why. */
void c5_waiting_put(const char *path, const c5_waiting *w);
/* The whole file; empty if there is none. */
int c5_waiting_read(c5_buf *all, const char *path);
/* The next record of rows of this size, pointing into the buffer; false at the end, or where a record is not whole. */
bool c5_waiting_next(c5_buf *all, size_t row_size, c5_waiting *w);

#endif
