/* schema.h – the container's schema as data: h5schema/1.0/container.yml, compiled into the program, stored in every container at
 * /schema, and read by the checker, the docs and the writers' own checks. */
#ifndef C5_CONTAINER_SCHEMA_H
#define C5_CONTAINER_SCHEMA_H

/* The schema's YAML text of this program's version. */
const char *c5_schema_text(void);

#endif
