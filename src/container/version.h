/* version.h – tells base/version.h which HDF5 this program runs with. */
#ifndef C5_CONTAINER_VERSION_H
#define C5_CONTAINER_VERSION_H

void c5_container_versions(void);

#endif
