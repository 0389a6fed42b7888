/* screen_tables.h – the columns of a screen's tables, for the container, CSV and the terminal alike. */
#ifndef C5_CLASSIFY_SCREEN_TABLES_H
#define C5_CLASSIFY_SCREEN_TABLES_H

#include "base/records.h"
#include "classify/screen.h"

extern const c5_record_field c5_field_fields[];     /* c5_screen_field: experiments */
extern const c5_record_field c5_well_fields[];      /* c5_screen_well */
extern const c5_record_field c5_plate_fields[];     /* c5_screen_plate */
extern const c5_record_field c5_condition_fields[]; /* c5_screen_treatment: what it is */
extern const c5_record_field c5_hit_fields[];       /* c5_screen_treatment: what was tested */

/* The tables of a screen, in the order they are told. */
typedef struct c5_screen_table { const char *name; const c5_record_field *fields; const void *records; size_t n, size; const size_t *order;
	} c5_screen_table;
#define C5_SCREEN_TABLES 5
/* experiments, wells, plates, conditions, hits; hits in order of rank. Borrows. */
void c5_screen_tables(c5_screen_table tables[C5_SCREEN_TABLES], const c5_screen *s, const c5_screen_field *fields, size_t n);

#endif
