/* nlopt_names.h – the algorithms of NLopt that a search can be driven by. */
#ifndef C5_HYPEROPT_NLOPT_NAMES_H
#define C5_HYPEROPT_NLOPT_NAMES_H

#include "hyperopt/space.h"

#define C5_NLOPT_NAMES 32 /* at most */

/* Their names, NULL-ended. */
const char *const *c5_nlopt_names(void);
/* C5_EUSAGE when the algorithm cannot work on such a space. C5_OK for names that are not NLopt's. */
int c5_nlopt_fits(const char *name, const c5_space *space);

#endif
