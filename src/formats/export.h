/* export.h – containers into the files of other programs. docs/formats.md says what each file holds.
 *
 * A format writes either one file or folder for all experiments (`all`), or one file an experiment (`one`): then PATH is that file when one
 * experiment is exported, and a folder of EXPERIMENT.ENDING for several. Everything is written as PATH.part first. */
#ifndef C5_FORMATS_EXPORT_H
#define C5_FORMATS_EXPORT_H

#include <stdbool.h>

#include "base/options.h"
#include "container/file.h"

typedef struct c5_export_params {
	char *as, *out, *experiments, *revision, *channel, *what, *table;
	bool force, raw, units;
} c5_export_params;
extern const c5_opt c5_export_opts[];

typedef struct c5_export {
	c5_file *file;
	const c5_export_params *params;
	char **names;          /* the experiments */
	size_t n_names;
} c5_export;

typedef struct c5_export_format {
	const char *name, *ending;
	bool folder;           /* PATH is a folder for `all` */
	bool bare;             /* does without experiments */
	int (*all)(c5_export *x, const char *path);
	int (*one)(c5_export *x, const char *experiment, const char *path);
} c5_export_format;

int c5_export_run(c5_file *f, const c5_export_params *params);

/* Between frames: C5_ESTOP when the program is asked to stop; counts progress. */
int c5_export_tick(void);
/* PATH/NAME.ENDING of an experiment, its name made fit for a file. NULL when out of memory. Caller frees. */
char *c5_export_name(const char *folder, const char *experiment, const char *ending);

/* ---- the formats ---- */
int c5_export_ctc(c5_export *x, const char *path);
int c5_export_csv(c5_export *x, const char *path);
int c5_export_napari(c5_export *x, const char *path);
int c5_export_labels_png(c5_export *x, const char *path);
int c5_export_png(c5_export *x, const char *path);
int c5_export_notebooks(c5_export *x, const char *path);
int c5_export_trks(c5_export *x, const char *path);
int c5_export_trk(c5_export *x, const char *experiment, const char *path);
int c5_export_ome(c5_export *x, const char *experiment, const char *path);
int c5_export_roi(c5_export *x, const char *experiment, const char *path);

void c5_formats_versions(void); /* tells base/version.h the libraries that are loaded */

#endif
