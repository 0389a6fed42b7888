/* pair.c – the settings of tracking, and what one frame's linking hands on: kept, packed and unpacked. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "track/link.h"

#define FIELD(f) offsetof(c5_track_params, f)

const c5_opt c5_track_opts[] = {
	{ "max-distance", C5_OPT_REAL, FIELD(max_distance), "0", 0, 1e6, "px", NULL,
		"farthest an object moves from one frame to the next; 0: from the objects' size and spacing" },
	{ "gap", C5_OPT_INT, FIELD(gap), "3", 0, 1000, "frames", NULL, "frames in a row an object may be missed for and still be the same" },
	{ "divisions", C5_OPT_BOOL, FIELD(divisions), "true", 0, 0, NULL, NULL, "look for divisions" },
	{ "motion", C5_OPT_BOOL, FIELD(motion), "true", 0, 0, NULL, NULL, "expect objects where their own and their neighbours' motion takes them" },
	{ "drift", C5_OPT_BOOL, FIELD(drift), "true", 0, 0, NULL, NULL, "take off the drift that `cyto5 drift` has measured, if it has" },
	{ "distance", C5_OPT_REAL, FIELD(distance), "1", 0, 1000, NULL, NULL, "weight of the distance from the expected place" },
	{ "overlap", C5_OPT_REAL, FIELD(overlap), "1", 0, 1000, NULL, NULL, "weight of the overlap of the outlines" },
	{ "size", C5_OPT_REAL, FIELD(size), "1", 0, 1000, NULL, NULL, "weight of the change of area" },
	{ "appearance", C5_OPT_REAL, FIELD(appearance), "1", 0, 1000, NULL, NULL, "weight of the change of mean intensity" },
	{ "shape", C5_OPT_REAL, FIELD(shape), "1", 0, 1000, NULL, NULL, "weight of the turn of long objects" },
	{ "birth", C5_OPT_REAL, FIELD(birth), "8", 0, 1000, NULL, NULL, "cost of a track that begins, or ends, away from the frame's edge" },
	{ "division-cost", C5_OPT_REAL, FIELD(division_cost), "3", 0, 1000, NULL, NULL, "cost of a division beyond that of how ill it fits" },
	{ "gap-cost", C5_OPT_REAL, FIELD(gap_cost), "1", 0, 1000, NULL, NULL, "cost of each frame missed" },
	{ 0 }
};

c5_object c5_object_of_region(const c5_region *r, double mean)
{
	return (c5_object){ r->label, r->bbox_y0, r->bbox_x0, r->bbox_y1, r->bbox_x1, r->centroid_y, r->centroid_x, r->area,
		r->major_axis, r->minor_axis, r->orientation, mean };
}

void c5_pair_free(c5_pair *pair)
{
	if (!pair) return;
	free(pair->nodes);
	free(pair->links);
	free(pair->births);
	free(pair->others);
	free(pair);
}

void c5_pair_pack(const c5_pair *p, c5_buf *to)
{
	const uint64_t numbers[] = { p->frame, p->before, p->n_before, p->n_nodes, p->n_links, p->n_births, p->n_others };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) c5_buf_put_u64(to, numbers[i]);
	c5_buf_put_f64(to, p->step);
	c5_buf_put_f64(to, p->reach);
	c5_buf_put_f64(to, p->drift_y);
	c5_buf_put_f64(to, p->drift_x);
	c5_buf_put(to, p->nodes, p->n_nodes * sizeof *p->nodes);
	c5_buf_put(to, p->links, p->n_links * sizeof *p->links);
	c5_buf_put(to, p->births, p->n_births * sizeof *p->births);
	c5_buf_put(to, p->others, p->n_others * sizeof *p->others);
}

static int get_rows(c5_buf *from, void *to, size_t n, size_t size)
{
	void **rows = to;
	int err;
	if (n > (from->size - from->at) / size) return c5_fail(C5_EFAIL, "a packed pair of frames ends too soon");
	if ((err = c5_alloc(rows, n ? n : 1, size)) < 0) return err;
	return n ? c5_buf_get(from, *rows, n * size) : C5_OK;
}

int c5_pair_unpack(c5_pair **out, c5_buf *from)
{
	c5_pair *p = NULL;
	uint64_t v[7];
	int err;
	*out = NULL;
	if ((err = c5_alloc(&p, 1, sizeof *p)) < 0) return err;
	for (size_t i = 0; i < 7; i++)
		if ((err = c5_buf_get_u64(from, &v[i])) < 0) goto done;
	p->frame = (uint32_t)v[0], p->before = (uint32_t)v[1], p->n_before = (uint32_t)v[2];
	p->n_nodes = (uint32_t)v[3], p->n_links = (uint32_t)v[4], p->n_births = (uint32_t)v[5], p->n_others = (uint32_t)v[6];
	if ((err = c5_buf_get_f64(from, &p->step)) < 0 || (err = c5_buf_get_f64(from, &p->reach)) < 0 ||
	    (err = c5_buf_get_f64(from, &p->drift_y)) < 0 || (err = c5_buf_get_f64(from, &p->drift_x)) < 0 ||
	    (err = get_rows(from, &p->nodes, p->n_nodes, sizeof *p->nodes)) < 0 || (err = get_rows(from, &p->links, p->n_links, sizeof *p->links)) < 0 ||
	    (err = get_rows(from, &p->births, p->n_births, sizeof *p->births)) < 0 || (err = get_rows(from, &p->others, p->n_others, sizeof *p->others)) < 0)
		goto done;
	*out = p;
	p = NULL;
done:
	c5_pair_free(p);
	return err;
}
