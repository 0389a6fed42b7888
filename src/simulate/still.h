/* still.h – single pictures of cells of a known size, in every manner of light, of as many looks as can be: to teach what kind of image one has and
 * how large what it shows is. Where simulate.h draws one experiment in all its particulars, this draws a different one each time: shape, crowding,
 * texture, optics, illumination and camera are all drawn anew from (seed, item), and depend on nothing else.
 *
 * Transmitted light goes through a thin object that holds it up and absorbs some, and through the pupil of the microscope (light.h): in and out of
 * focus, by the ring of phase contrast, or by the two shifted pictures of DIC. Fluorescence is what cells hold of a dye, blurred. */
#ifndef C5_SIMULATE_STILL_H
#define C5_SIMULATE_STILL_H

#include <stddef.h>
#include <stdint.h>

#define C5_STILL_VERSION 2

/* nuclei: fluorescence of compact bodies; structure: fluorescence of cytoplasm, membranes, fibres, spots. */
enum c5_look { C5_LOOK_PHASE, C5_LOOK_BRIGHTFIELD, C5_LOOK_DIC, C5_LOOK_NUCLEI, C5_LOOK_STRUCTURE, C5_LOOKS };

/* image: (height, width), in units of its own. Objects have areas about that of a disc of `diameter` px (their median), and one at least is in the
 * picture, if not whole; below 0: there are none, only ground, dirt and noise. scratch: c5_still_bytes, 64-byte aligned.
 * C5_ENOMEM only. */
size_t c5_still_bytes(size_t height, size_t width);
int c5_still_draw(float *image, size_t height, size_t width, int look, double diameter, uint64_t seed, uint64_t item, void *scratch);

#endif
