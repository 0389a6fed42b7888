/* version.h – tells base/version.h which NLopt this program runs with. */
#ifndef C5_HYPEROPT_VERSION_H
#define C5_HYPEROPT_VERSION_H

void c5_hyperopt_versions(void);

#endif
