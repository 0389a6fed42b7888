/* store_rows.h – for store*.c alone: trials and reports as rows of tables. */
#ifndef C5_HYPEROPT_STORE_ROWS_H
#define C5_HYPEROPT_STORE_ROWS_H

#include "container/array.h"
#include "hyperopt/history.h"
#include "hyperopt/importance.h"

#define C5_STORE_CHUNK 64 /* rows */

/* The tables as they are made, empty and growing. */
int c5_trials_spec(c5_array_spec *s, const char *path, const c5_space *space);
int c5_reports_spec(c5_array_spec *s, const char *path);
/* Appends a trial's row, and the rows of its reports. */
void c5_trial_row(c5_buf *to, const c5_array_spec *s, const c5_space *space, const c5_trial *t);
void c5_report_rows(c5_buf *to, const c5_trial *t);
/* Takes in one trial by its row and the rows of its reports, as the two above made them. */
int c5_trial_take(c5_history *h, const c5_array_spec *s, const uint8_t *row, const uint8_t *reports, size_t reports_size);
/* The number of the trial of a row. */
uint32_t c5_trial_number(const c5_array_spec *s, const uint8_t *row);
/* Reads both tables below `folder` into the history. Columns are found by name. */
int c5_trials_read(c5_history *h, c5_file *f, const char *folder);

int c5_importance_write(c5_file *f, const char *path, const c5_space *space, const c5_importance *importance);
int c5_importance_read(c5_importance *importance, c5_file *f, const char *path, const c5_space *space);

#endif
