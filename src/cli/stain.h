/* stain.h – between the parts of `cyto5 stain`. */
#ifndef C5_CLI_STAIN_H
#define C5_CLI_STAIN_H

#include "cli/cli.h"
#include "pipeline/stain_fields.h"

/* "448", "512:640" (columns), "512:640,0:320" (columns, rows) within a frame; NULL: all of it. C5_EUSAGE says what is expected. */
int c5_stain_region(c5_rect *out, const char *text, size_t height, size_t width);

/* The experiments that have the stain, by name like `like` (NULL: any), and the markers of the first of them. c5_names_free both. */
int c5_stain_stained(c5_file *f, const char *like, const char *revision, char ***names, size_t *n, char ***markers, size_t *n_markers);
/* Whether a comma-separated list has the name; NULL has all. */
bool c5_stain_wanted(const char *list, const char *name);
/* FOLDER/EXPERIMENT_MARKER_tNNN.png: frame t and the stain over it. */
int c5_stain_draw(c5_file *f, c5_codec *codec, const char *experiment, const char *revision, const char *marker, uint64_t t, const char *folder);

extern const c5_command c5_cmd_stain_show, c5_cmd_stain_train, c5_cmd_stain_predict, c5_cmd_stain_evaluate, c5_cmd_stain_forecast;

#endif
