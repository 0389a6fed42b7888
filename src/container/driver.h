/* driver.h – the HDF5 virtual file driver over an overlay: how HDF5 sees a container. */
#ifndef C5_CONTAINER_DRIVER_H
#define C5_CONTAINER_DRIVER_H

#include <hdf5.h>

#include "container/overlay.h"

/* A file access property list that opens the container behind `ov` (owned by the caller, and outliving the HDF5 file). Negative on failure. */
hid_t c5_driver_fapl(c5_overlay *ov);

/* Sets the error text from HDF5's own error stack: "what: HDF5's innermost message". Returns `code`. */
int c5_h5_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Silences HDF5's printing of its error stack, and keeps it from closing files at exit: called before all else by whoever opens a file. */
void c5_h5_quiet(void);

#endif
