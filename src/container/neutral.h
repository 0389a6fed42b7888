/* neutral.h – what of a container is not its content: when, where, by whom and on how many ranks it was made. Two runs of the same work
 * differ in it, and only in it. */
#ifndef C5_CONTAINER_NEUTRAL_H
#define C5_CONTAINER_NEUTRAL_H

#include "container/object.h"

/* An attribute or object that is no content. */
bool c5_neutral_attr(const char *path, const char *name);
bool c5_neutral_object(const char *path);
/* Columns that are no content are read as zeros from now on. */
void c5_neutral_blank(c5_content *content, const char *path, const c5_object *o);
/* A run's configuration without the lines that say where it ran: container and inputs. In place. */
void c5_neutral_configuration(char *text);

#endif
