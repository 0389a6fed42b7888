/* h5.h – for src/container alone: what lies behind a c5_file, and property lists all objects share. */
#ifndef C5_CONTAINER_H5_H
#define C5_CONTAINER_H5_H

#include <hdf5.h>

#include "container/driver.h"
#include "container/file.h"
#include "container/lock.h"
#include "container/overlay.h"

struct c5_file {
	char *path;
	int mode;
	hid_t id;
	c5_overlay *overlay;
	c5_lock *lock;
};

/* Group and dataset creation lists: no times stored (the same content gives the same bytes), attributes and few links kept in the object's header. */
hid_t c5_h5_group_list(void);
hid_t c5_h5_dataset_list(void);
/* Opens the overlay's bytes with HDF5, as c5_file_open does after the checks. */
int c5_file_mount(c5_file *f);
/* In builds with sanitizers, tells of ids left open; then closes. */
int c5_file_unmount(c5_file *f);

#endif
