/* out.h – where an export goes: PATH.part first, PATH when it is whole. What is there already is replaced only when forced, and a folder
 * only when it holds the note (cyto5-export.json) that an export left in it. */
#ifndef C5_FORMATS_OUT_H
#define C5_FORMATS_OUT_H

#include <stdbool.h>

#define C5_OUT_NOTE "cyto5-export.json"

typedef struct c5_out { char *path, *part; bool folder, force; } c5_out;

/* folder: makes PATH.part as a folder with `note` in it; else the caller writes the file PATH.part. C5_EUSAGE when PATH is there. */
int c5_out_begin(c5_out *o, const char *path, bool folder, bool force, const char *note);
/* Gives the part its name, or takes it away when err < 0; returns the first error. */
int c5_out_end(c5_out *o, int err);

/* Writes a whole text file. */
int c5_out_text(const char *path, const char *text);
/* A folder, with parents; fine when it is there. */
int c5_out_folder(const char *path);

#endif
