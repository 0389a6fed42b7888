/* schema.c – the text of h5schema/1.0/container.yml; see schema.h. */
#include "container/schema.h"

#include "schema_text.h"

const char *c5_schema_text(void) { return (const char *)schema_text; }
