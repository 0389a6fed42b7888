/* version.h – tells base/version.h which libtiff, libpng and libxml2 this program runs with. */
#ifndef C5_IMAGE_VERSION_H
#define C5_IMAGE_VERSION_H

void c5_image_versions(void);

#endif
