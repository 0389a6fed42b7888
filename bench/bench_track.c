/* bench_track.c – tracks movies whose truth is known, and says how well and how fast.
 *
 *     bench_track ctc MASKS TRACKS.txt [OPTION VALUE ...]     label images of a folder in Cell Tracking Challenge layout, with its track list
 *     bench_track made CELLS FRAMES SEED [OPTION VALUE ...]   a movie made here: cells that wander, push, grow and divide
 *
 * Options are those of `cyto5 track`, and besides: every N (keep each Nth frame), drop N (empty each Nth frame), late N (drop objects at random,
 * one of N), ellipses 1 (hide the label images from the tracker), speed PX (of made cells), verbose 1, svg FILE.
 * Labels are numbered anew in each frame before tracking. Prints links added (1.5 each), deleted (1) and of the wrong kind (1), the measures of
 * divisions (mother's node and both daughters' nodes must agree), gaps bridged, and seconds of work (not of the clock on the wall). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/dtype.h"
#include "base/error.h"
#include "image/source.h"
#include "track/plot.h"
#include "track/track.h"

#define IDS 200000

typedef struct movie {
	uint32_t t, h, w;
	uint32_t *labels;            /* (T, H, W): true ids */
	uint32_t *parent;            /* (IDS) */
} movie;

typedef struct choice { int64_t every, drop, late, ellipses, verbose; double speed; const char *svg; c5_track_params params; } choice;

/* Seconds this thread has worked: others may share the machine. */
static double cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t seed;
static double uniform(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}
static double normal(void) { return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform()); }

static int movie_alloc(movie *m)
{
	int err = c5_alloc(&m->labels, (size_t)m->t * m->h * m->w + 1, sizeof *m->labels);
	return err < 0 ? err : c5_alloc(&m->parent, IDS, sizeof *m->parent);
}

static int read_ctc(movie *m, const char *folder, const char *list)
{
	c5_scan_params params = { 0 };
	c5_scan *scan = NULL;
	c5_frame_reader *reader = NULL;
	uint8_t *raw = NULL;
	int err;
	if ((err = c5_opt_defaults(c5_scan_opts, &params)) < 0 || (err = c5_scan_inputs(&scan, &params, 1, &folder)) < 0) return err;
	const c5_series *s = &scan->series[0];
	if (scan->n_series != 1 || s->error) {
		err = c5_fail(C5_EINPUT, "%s: %s", folder, s->error ? s->error : "more than one series");
		goto done;
	}
	*m = (movie){ s->t, s->height, s->width, NULL, NULL };
	size_t n = (size_t)m->h * m->w, size = c5_dtype_size(s->dtype);
	if ((err = movie_alloc(m)) < 0 || (err = c5_alloc(&raw, n, 8)) < 0 || (err = c5_frame_reader_open(&reader, scan, &params)) < 0) goto done;
	for (uint32_t t = 0; t < m->t; t++) {
		if ((err = c5_frame_read(reader, s, t, 0, raw)) < 0) goto done;
		for (size_t i = 0; i < n; i++) m->labels[t * n + i] = size == 1 ? raw[i] : size == 2 ? ((uint16_t *)(void *)raw)[i] : ((uint32_t *)(void *)raw)[i];
	}
	FILE *f = fopen(list, "r");
	unsigned id, first, last, parent;
	while (f && fscanf(f, "%u %u %u %u", &id, &first, &last, &parent) == 4)
		if (id < IDS) m->parent[id] = parent;
	if (f) fclose(f);
	else err = c5_fail(C5_EINPUT, "%s: cannot be read", list);
done:
	free(raw);
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	c5_opt_clear(c5_scan_opts, &params);
	return err;
}

typedef struct body { double y, x, vy, vx, area, full, turn, ratio; uint32_t id; } body;

static void draw(movie *m, uint32_t t, const body *c)
{
	double a = sqrt(c->area * c->ratio / M_PI), b = c->area / (M_PI * a), cy = cos(c->turn), cx = sin(c->turn);
	for (int y = (int)(c->y - a); y <= (int)(c->y + a) + 1; y++)
		for (int x = (int)(c->x - a); x <= (int)(c->x + a) + 1; x++) {
			double u = ((y - c->y) * cy + (x - c->x) * cx) / a, v = (-(y - c->y) * cx + (x - c->x) * cy) / b;
			if (y < 0 || x < 0 || y >= (int)m->h || x >= (int)m->w || u * u + v * v > 1) continue;
			uint32_t *p = &m->labels[((size_t)t * m->h + (uint32_t)y) * m->w + (uint32_t)x];
			if (!*p) *p = c->id;
		}
}

/* Cells of some 20 px, a crowd that fills half the frame; a cycle of 24 frames. */
static int make_movie(movie *m, uint32_t cells, uint32_t frames, double speed)
{
	const double area = 300;
	uint32_t side = (uint32_t)sqrt(cells * area / 0.45) + 40, n = 0, cap = cells * 8 + 16, id = 1;
	body *c = NULL;
	int err;
	*m = (movie){ frames, side, side, NULL, NULL };
	if ((err = movie_alloc(m)) < 0 || (err = c5_alloc(&c, cap, sizeof *c)) < 0) return err;
	while (n < cells) {
		double full = area * (1.3 + 0.2 * uniform());
		c[n++] = (body){ uniform() * side, uniform() * side, 0, 0, full * (0.5 + 0.5 * uniform()), full, uniform() * M_PI, 1.1 + uniform(), id++ };
	}
	for (uint32_t t = 0; t < frames + 30 && id < IDS; t++) {
		for (uint32_t i = 0, old = n; i < old && t >= 30; i++) {
			c[i].area *= 1 + 0.02 + 0.015 * uniform();
			if (c[i].area < c[i].full || n >= cap) continue;
			body d = c[i];
			double share = 0.45 + 0.1 * uniform(), r = 0.5 * sqrt(d.area / M_PI * d.ratio);
			c[i].id = id++, c[n] = c[i], c[n].id = id++;
			if (t > 30) m->parent[c[i].id] = m->parent[c[n].id] = d.id;
			c[i].area = d.area * share, c[n].area = d.area * (1 - share);
			c[i].y += r * cos(d.turn), c[i].x += r * sin(d.turn), c[n].y -= r * cos(d.turn), c[n].x -= r * sin(d.turn);
			c[i].ratio = c[n].ratio = 1.1, c[n].full = area * (1.3 + 0.2 * uniform());
			n++;
		}
		for (uint32_t i = 0; i < n; i++) {
			c[i].vy = 0.7 * c[i].vy + 0.7 * speed * normal(), c[i].vx = 0.7 * c[i].vx + 0.7 * speed * normal();
			if (t >= 30) c[i].y += c[i].vy, c[i].x += c[i].vx, c[i].turn += 0.1 * normal(), c[i].ratio += 0.05 * (1.8 - c[i].ratio);
		}
		for (int round = 0; round < (t < 30 ? 3 : 6); round++) /* pushing; cells sorted into boxes of 40 px */
			for (uint32_t boxes = side / 40 + 1, done = 0; !done; done = 1) {
				uint32_t *head = calloc((size_t)boxes * boxes, 4), *next = calloc(n + 1, 4);
				for (uint32_t i = 0; head && next && i < n; i++) {
					c[i].y = fmin(fmax(c[i].y, 0), side - 1.0), c[i].x = fmin(fmax(c[i].x, 0), side - 1.0);
					uint32_t k = (uint32_t)(c[i].y / 40) * boxes + (uint32_t)(c[i].x / 40);
					next[i] = head[k], head[k] = i + 1;
				}
				for (uint32_t i = 0; head && next && i < n; i++)
					for (int k = 0; k < 9; k++) {
						int by = (int)(c[i].y / 40) + k / 3 - 1, bx = (int)(c[i].x / 40) + k % 3 - 1;
						if (by < 0 || bx < 0 || by >= (int)boxes || bx >= (int)boxes) continue;
						for (uint32_t j = head[by * (int)boxes + bx]; j; j = next[j - 1]) {
							body *o = &c[j - 1];
							double dy = o->y - c[i].y, dx = o->x - c[i].x, d = hypot(dy, dx) + 1e-6;
							double want = 0.98 * (sqrt(c[i].area / M_PI) + sqrt(o->area / M_PI)), push = 0.25 * (want - d) / d;
							if (o == &c[i] || d >= want) continue;
							c[i].y -= push * dy, c[i].x -= push * dx, o->y += push * dy, o->x += push * dx;
						}
					}
				free(head);
				free(next);
			}
		for (uint32_t i = 0; i < n && t >= 30; i++) draw(m, t - 30, &c[i]);
	}
	free(c);
	return C5_OK;
}

/* Objects of the frames that are shown to the tracker; rows of `ids` tell the truth. */
typedef struct shown { uint32_t frame, n; uint32_t *ids; c5_object *objects; uint32_t *labels; } shown;

static int show(shown *s, const movie *m, uint32_t t, const choice *o)
{
	size_t px = (size_t)m->h * m->w;
	const uint32_t *in = m->labels + t * px;
	uint32_t *fresh = calloc(IDS, 4), n = 0;
	c5_region *r = NULL;
	int err;
	if (!fresh || (err = c5_alloc(&s->labels, px, 4)) < 0) return c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; i < px; i++) {
		if (!in[i] || in[i] >= IDS) continue;
		if (!fresh[in[i]]) fresh[in[i]] = o->late > 1 && uniform() * (double)o->late < 1 ? UINT32_MAX : ++n;
		s->labels[i] = fresh[in[i]] == UINT32_MAX ? 0 : fresh[in[i]];
	}
	s->n = n;
	if ((err = c5_alloc(&s->ids, n + 1, 4)) < 0 || (err = c5_alloc(&r, n + 1, sizeof *r)) < 0 ||
	    (err = c5_alloc(&s->objects, n + 1, sizeof *s->objects)) < 0) return err;
	for (uint32_t id = 0; id < IDS; id++)
		if (fresh[id] && fresh[id] != UINT32_MAX) s->ids[fresh[id] - 1] = id;
	err = c5_regions_measure(s->labels, m->h, m->w, n, r);
	for (uint32_t k = 0; k < n; k++) s->objects[k] = c5_object_of_region(&r[k], NAN);
	free(r);
	free(fresh);
	return err;
}

typedef struct truth { uint64_t *first, *last; uint32_t *up; } truth; /* by id: nodes + 1, and the nearest ancestor that is shown */

static void judge(const c5_tracks *r, const uint32_t *id_of, const movie *m, const choice *o)
{
	size_t n = r->n_nodes, links = 0, kept = 0, wrong = 0, bridged = 0, breaks = 0, divisions = 0, found = 0, good = 0;
	uint64_t *last = calloc(IDS, 8), *prev = calloc(n + 1, 8), *got = calloc(n + 1, 8);
	uint32_t *children = calloc(IDS, 4), *right = calloc(IDS, 4), *mine = calloc(n + 1, 4), *ok = calloc(n + 1, 4);
	uint8_t *kind = calloc(n + 1, 1), *born = calloc(n + 1, 1);
	for (size_t i = 0; i < n; i++) { /* true origin of each node, +1 */
		uint32_t id = id_of[i], up = id;
		if (!last[id]) {
			for (up = m->parent[id]; up && !last[up]; up = m->parent[up]) {}
			born[i] = up != 0;
			if (up) children[up]++;
		}
		prev[i] = up ? last[up] : 0;
		last[id] = i + 1;
	}
	for (size_t k = 0; k < r->n_links; k++)
		got[r->links[k].to] = r->links[k].from + 1, kind[r->links[k].to] = (uint8_t)r->links[k].kind, mine[r->links[k].from]++;
	for (size_t i = 0; i < n; i++) {
		uint32_t mother = prev[i] ? id_of[prev[i] - 1] : 0;
		bool divides = born[i] && children[mother] >= 2;
		links += prev[i] != 0;
		if (prev[i] && prev[i] == got[i]) {
			kept++;
			if (divides != (kind[i] == C5_LINK_DIVISION)) wrong++;
			else if (divides) right[mother]++;
		} else if (o->verbose && (prev[i] || got[i])) {
			const c5_track_node *b = &r->nodes[i];
			printf("  frame %u id %u (%.0f, %.0f) area %.0f: truly from %u, is from %u %s\n", b->frame, id_of[i], b->y, b->x, b->area, mother,
				got[i] ? id_of[got[i] - 1] : 0, kind[i] == C5_LINK_DIVISION ? "(division)" : "");
		}
		if (prev[i] && !born[i] && r->nodes[i].frame - r->nodes[prev[i] - 1].frame > 1)
			breaks++, bridged += prev[i] == got[i] && kind[i] != C5_LINK_DIVISION;
	}
	for (uint32_t id = 0; id < IDS; id++) divisions += children[id] >= 2, good += children[id] >= 2 && right[id] == children[id];
	found = r->divisions;
	double ea = (double)(links - kept), ed = (double)(r->n_links - kept), p = found ? (double)good / (double)found : 0,
		c = divisions ? (double)good / (double)divisions : 0;
	printf("objects %zu tracks %zu links %zu; AOGM %.1f (EA %.0f ED %.0f EC %zu), TRA %.6f; divisions %zu found %zu right %zu F1 %.4f (precision %.4f "
		"recall %.4f); "
		"bridged %zu of %zu (%.4f)\n", n, r->n_tracks, links, 1.5 * ea + ed + (double)wrong, ea, ed, wrong,
		1 - (1.5 * ea + ed + (double)wrong) / (10.0 * (double)n + 1.5 * (double)links), divisions, found, good,
		found + divisions ? 2.0 * (double)good / (double)(found + divisions) : 0, p, c, bridged, breaks, breaks ? (double)bridged / (double)breaks : 1);
	free(last), free(prev), free(got), free(children), free(right), free(mine), free(ok), free(kind), free(born);
}

static int run(const movie *m, const choice *o)
{
	shown *s = NULL;
	c5_tracker *tracker = NULL;
	c5_tracks *tracks = NULL;
	uint32_t *id_of = NULL, n = 0;
	size_t nodes = 0, at = 0, most = 0;
	double spent = 0, worst = 0;
	int err;
	if ((err = c5_alloc(&s, m->t + 1, sizeof *s)) < 0 || (err = c5_tracker_open(&tracker, &o->params)) < 0) goto done;
	for (uint32_t t = 0; t < m->t; t++) {
		if (o->every > 1 && t % o->every) continue;
		s[n].frame = n;
		if (!(o->drop > 1 && n % o->drop == o->drop - 1) && (err = show(&s[n], m, t, o)) < 0) goto done;
		nodes += s[n].n, most = s[n].n > most ? s[n].n : most;
		n++;
	}
	if ((err = c5_alloc(&id_of, nodes + 1, 4)) < 0) goto done;
	for (uint32_t t = 0; t < n; t++) {
		double start = cpu_s();
		c5_track_frame f = { .frame = s[t].frame, .n = s[t].n, .objects = s[t].objects, .labels = o->ellipses ? NULL : s[t].labels, .height = m->h,
			.width = m->w };
		if ((err = c5_tracker_add_frame(tracker, &f)) < 0) goto done;
		double took = cpu_s() - start;
		spent += took, worst = took > worst ? took : worst;
		for (uint32_t k = 0; k < s[t].n; k++) id_of[at++] = s[t].ids[k];
	}
	double start = cpu_s();
	if ((err = c5_tracker_finish(tracker, &tracks)) < 0) goto done;
	printf("%u frames of up to %zu: %.4f s a frame, at most %.4f; then %.4f s\n", n, most, spent / n, worst, cpu_s() - start);
	judge(tracks, id_of, m, o);
	if (o->svg) {
		c5_buf b = { 0 };
		FILE *f = fopen(o->svg, "w");
		err = c5_lineage_svg(&b, tracks, &(c5_lineage_plot){ .title = "Lineage" });
		if (f) fwrite(b.data, 1, b.size, f), fclose(f);
		c5_buf_free(&b);
	}
done:
	for (uint32_t t = 0; s && t < n + 1 && t <= m->t; t++) free(s[t].ids), free(s[t].objects), free(s[t].labels);
	free(s);
	free(id_of);
	c5_tracks_free(tracks);
	c5_tracker_close(tracker);
	return err;
}

int main(int argc, char **argv)
{
	choice o = { .speed = 1.5 };
	movie m = { 0 };
	bool made = argc > 4 && !strcmp(argv[1], "made"), ctc = argc > 3 && !strcmp(argv[1], "ctc");
	int err = C5_OK;
	if (!made && !ctc) err = c5_fail(C5_EUSAGE, "usage: bench_track ctc MASKS TRACKS.txt | made CELLS FRAMES SEED [OPTION VALUE ...]");
	if (err == C5_OK) err = c5_opt_defaults(c5_track_opts, &o.params);
	const struct { const char *name; int64_t *to; } own[] = { { "every", &o.every }, { "drop", &o.drop }, { "late", &o.late },
		{ "ellipses", &o.ellipses }, { "verbose", &o.verbose } };
	for (int a = made ? 5 : 4; err == C5_OK && a + 1 < argc; a += 2) {
		size_t k = 0;
		while (k < 5 && strcmp(argv[a], own[k].name)) k++;
		if (k < 5) *own[k].to = atoll(argv[a + 1]);
		else if (!strcmp(argv[a], "speed")) o.speed = atof(argv[a + 1]);
		else if (!strcmp(argv[a], "svg")) o.svg = argv[a + 1];
		else err = c5_opt_set(c5_track_opts, &o.params, argv[a], argv[a + 1]);
	}
	seed = made ? strtoull(argv[4], NULL, 10) : 1;
	if (err == C5_OK) err = made ? make_movie(&m, (uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]), o.speed) : read_ctc(&m, argv[2], argv[3]);
	if (err == C5_OK) err = run(&m, &o);
	if (err < 0) fprintf(stderr, "bench_track: %s\n", c5_error_last());
	free(m.labels);
	free(m.parent);
	return err < 0;
}
