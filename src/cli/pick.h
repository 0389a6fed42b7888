/* pick.h – the experiment a looking command means. */
#ifndef C5_CLI_PICK_H
#define C5_CLI_PICK_H

#include "container/file.h"

/* The named one, or the only one there is; C5_EUSAGE when there are several. name: caller frees. */
int c5_cli_pick_experiment(c5_file *f, const char *wanted, char **name);

#endif
