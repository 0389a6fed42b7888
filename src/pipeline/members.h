/* members.h – the trained models a command or a step is to use, by name: NAME or NAME@r000003 in the container at hand, FILE.h5:NAME in another,
 * FILE.h5 for all models in it, names as globs; several by commas are an ensemble. They must give the same classes. */
#ifndef C5_PIPELINE_MEMBERS_H
#define C5_PIPELINE_MEMBERS_H

#include "classify/scorer.h"
#include "container/models.h"

typedef struct c5_members {
	c5_member *at;
	c5_stored_model *stored;   /* (n), without their numbers */
	size_t n, cap, cap_stored;
	char *names;               /* as found: "senescence@r000003,other.h5:old@r000001" */
	char *digests;             /* SHA-256 of their numbers, by commas */
	char **classes;            /* (n_classes), borrowed from the first */
	int n_classes;
} c5_members;

/* weights: whether they are read too (a plan needs none). C5_ENOTFOUND lists the models there are; C5_EINPUT: no preparation stored, other
 * classes. */
int c5_members_open(c5_members *out, const char *container, const char *spec, bool weights);
/* The same; of models of the container at hand, what run `run` has made goes before the latest, which is published at its end. */
int c5_members_open_in(c5_members *out, const char *container, uint32_t run, const char *spec, bool weights);
void c5_members_close(c5_members *m);
/* The class of that name; NULL: the one called senescent or positive, else the last. C5_ENOTFOUND lists them. */
int c5_members_class(const c5_members *m, const char *name, int *k);

#endif
