/* stain.h – between the parts of `cyto5 stain`. */
#ifndef C5_CLI_STAIN_H
#define C5_CLI_STAIN_H

#include "cli/cli.h"
#include "pipeline/stain_fields.h"

/* "448", "512:640" (columns), "512:640,0:320" (columns, rows) within a frame; NULL: all of it. C5_EUSAGE says what is expected. */
int c5_stain_region(c5_rect *out, const char *text, size_t height, size_t width);

extern const c5_command c5_cmd_stain_train, c5_cmd_stain_predict, c5_cmd_stain_evaluate, c5_cmd_stain_forecast;

#endif
