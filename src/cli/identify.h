/* identify.h – between the parts of `cyto5 identify`. */
#ifndef C5_CLI_IDENTIFY_H
#define C5_CLI_IDENTIFY_H

#include "cli/cli.h"

extern const c5_command c5_cmd_identify_train;

#endif
