/* answer.h – what a run of the objective says on standard output: reports on the way, and its value at the end.
 *
 *     report 3 0.71            a line: the value after step 3
 *     {"epoch": 3, "auc": 0.71}     a JSON object on a line, where the names of step and value were told
 *     0.713                    the last line that is no report: the value; or, with a key, the member of that name of the last JSON
 *                              object that has it */
#ifndef C5_HYPEROPT_ANSWER_H
#define C5_HYPEROPT_ANSWER_H

#include <stdbool.h>

#include "base/mem.h"
#include "hyperopt/history.h"

typedef struct c5_answer {
	const char *key, *step, *value;  /* borrowed; NULL: not told */
	char *last;                      /* the last line that says something */
	c5_buf object;                   /* the JSON object begun last, over several lines perhaps */
	c5_buf kept;                     /* the last whole one that has the key */
	int depth;                       /* of its braces that are open */
	bool in_text;                    /* and whether a text is */
} c5_answer;

void c5_answer_begin(c5_answer *a, const char *key, const char *step, const char *value);
void c5_answer_free(c5_answer *a);
/* Takes in a line; true: it was a report. */
bool c5_answer_line(c5_answer *a, const char *line, c5_report *report);
/* The value; NAN with the reason in `note` when there is none. */
double c5_answer_value(const c5_answer *a, char note[C5_NOTE_TEXT]);

#endif
