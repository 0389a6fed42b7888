/* unit_measure_property.c – measures of random label images and random lineages against the definitions of docs/measures.md written down as they
 * stand, pixel by pixel and edge by edge; and what must hold whatever is measured. */
#include "support_measure.h"

#include "measure/objects.h"

static uint64_t seed;

static uint32_t dice(uint32_t sides)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 33) % sides;
}

/* ---- segmentation ---- */

enum { PIXELS = 80, LABELS = 7 };

static double count(const uint32_t *a, const uint32_t *b, size_t n, uint32_t x, uint32_t y) /* UINT32_MAX: any */
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) sum += (x == UINT32_MAX || a[i] == x) && (y == UINT32_MAX || b[i] == y);
	return sum;
}

typedef struct brute { double seg, ap50, ap75, dice, sbd_truth, aji, pq; } brute;

static brute by_definition(const uint32_t *gt, const uint32_t *res, size_t n)
{
	double truth = 0, found = 0, seg = 0, best_dice = 0, hits50 = 0, hits75 = 0, iou_sum = 0, both = 0, in_gt = 0, in_res = 0, inter = 0, unions = 0;
	bool taken[LABELS + 1] = { false };
	for (uint32_t r = 1; r <= LABELS; r++) {
		const double size = count(gt, res, n, r, UINT32_MAX);
		double best = 0, best_iou = 0, best_inter = 0, best_union = size;
		uint32_t nearest = 0;
		if (!size) continue;
		truth++;
		for (uint32_t s = 1; s <= LABELS; s++) {
			const double other = count(gt, res, n, UINT32_MAX, s), shared = count(gt, res, n, r, s), all = size + other - shared;
			if (!shared) continue;
			if (2 * shared > size) seg += shared / all;
			if (shared / all > 0.5) hits50++, iou_sum += shared / all;
			if (shared / all > 0.75) hits75++;
			best = fmax(best, 2 * shared / (size + other));
			if (shared / all > best_iou) best_iou = shared / all, best_inter = shared, best_union = all, nearest = s;
		}
		best_dice += best, inter += best_inter, unions += best_union;
		taken[nearest] = true;
	}
	for (uint32_t s = 1; s <= LABELS; s++) {
		const double size = count(gt, res, n, UINT32_MAX, s);
		found += size > 0;
		if (!taken[s]) unions += size;
	}
	for (size_t i = 0; i < n; i++) both += gt[i] && res[i], in_gt += gt[i] != 0, in_res += res[i] != 0;
	return (brute){ seg / truth, hits50 / (truth + found - hits50), hits75 / (truth + found - hits75), 2 * both / (in_gt + in_res), best_dice / truth,
		inter / unions, iou_sum / (hits50 + (truth - hits50) / 2 + (found - hits50) / 2) };
}

static double figure_of(const c5_objects *o, const char *name)
{
	c5_figures f = { 0 };
	c5_objects_figures(&f, o);
	const c5_figure *g = c5_figures_find(&f, name);
	assert_non_null(g);
	const double v = g->value;
	c5_figures_free(&f);
	return v;
}

static void paint(uint32_t *labels, size_t n, uint32_t kinds)
{
	uint32_t now = 0;
	for (size_t i = 0; i < n; i++) {
		if (dice(4) == 0) now = dice(kinds + 1);
		labels[i] = now;
	}
}

static void segmentation_measures_are_their_definitions(void **state)
{
	(void)state;
	for (uint64_t k = 0; k < 3000; k++) {
		uint32_t gt[PIXELS], res[PIXELS];
		c5_objects o = { 0 };
		seed = k;
		const size_t n = 1 + dice(PIXELS);
		paint(gt, n, 1 + dice(LABELS));
		if (dice(2)) paint(res, n, 1 + dice(LABELS));
		else /* nearly the truth */
			for (size_t i = 0; i < n; i++) res[i] = dice(8) ? gt[i] : dice(LABELS + 1);
		assert_int_equal(c5_objects_add(&o, gt, res, n), C5_OK);
		const brute want = by_definition(gt, res, n);
		SAME(figure_of(&o, "SEG"), want.seg);
		SAME(figure_of(&o, "AP@0.50"), want.ap50);
		SAME(figure_of(&o, "AP@0.75"), want.ap75);
		SAME(figure_of(&o, "Dice"), want.dice);
		SAME(figure_of(&o, "Dice_objects"), want.sbd_truth);
		SAME(figure_of(&o, "AJI"), want.aji);
		SAME(figure_of(&o, "PQ"), want.pq);
		c5_objects_free(&o);
	}
}

static void a_segmentation_is_its_own_equal_whatever_its_labels_are_called(void **state)
{
	(void)state;
	static const char *const names[] = { "SEG", "AP@0.50", "AP@0.95", "Dice", "Dice_objects", "SBD", "AJI", "PQ" };
	for (uint64_t k = 0; k < 500; k++) {
		uint32_t gt[PIXELS], res[PIXELS];
		c5_objects o = { 0 }, named = { 0 };
		seed = k;
		const size_t n = 1 + dice(PIXELS);
		paint(gt, n, 1 + dice(LABELS));
		for (size_t i = 0; i < n; i++) res[i] = gt[i] ? gt[i] * 2654435761u | 1u : 0;
		assert_int_equal(c5_objects_add(&o, gt, res, n), C5_OK);
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			const double v = figure_of(&o, names[i]);
			assert_true(v == 1 || (isnan(v) && !count(gt, gt, n, 1, 1) && o.truth == 0));
		}
		for (size_t i = 0; i < n; i++) res[i] = dice(5) ? gt[i] : dice(LABELS + 1);
		c5_objects_free(&o);
		assert_int_equal(c5_objects_add(&o, gt, res, n), C5_OK);
		for (size_t i = 0; i < n; i++) res[i] = res[i] ? 1000 - res[i] : 0, gt[i] = gt[i] ? gt[i] * 7 : 0;
		assert_int_equal(c5_objects_add(&named, gt, res, n), C5_OK);
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (strcmp(names[i], "AJI")) same_real(figure_of(&named, names[i]), figure_of(&o, names[i]), names[i]); /* of equal overlaps AJI takes the first */
		c5_objects_free(&o);
		c5_objects_free(&named);
	}
}

/* ---- lineages ---- */

enum { FRAMES = 7, SLOTS = 6, SIDE = 4, MOST = 64 };

/* Cells that sit in slots side by side, move on, divide, go and come. */
typedef struct random_movie { uint32_t rects[MOST * FRAMES][6]; c5_life lives[MOST]; size_t n_rects, n_lives; } random_movie;

static void show(random_movie *m, uint32_t frame, uint32_t label, uint32_t slot, bool wide)
{
	const uint32_t y = dice(2), x = slot * SIDE + dice(2);
	uint32_t *r = m->rects[m->n_rects++];
	r[0] = frame, r[1] = label, r[2] = y, r[3] = y + 2 + dice(2), r[4] = x, r[5] = (wide ? (slot + 1) * SIDE : x) + 2 + dice(2);
}

static void live(random_movie *m, uint32_t busy)
{
	struct { uint32_t life, slot; } alive[SLOTS];
	size_t n = 0;
	m->n_rects = m->n_lives = 0;
	for (uint32_t t = 0; t < FRAMES; t++) {
		bool full[SLOTS + 1] = { false };
		size_t kept = 0, n_before = n;
		full[SLOTS] = true;
		for (size_t i = 0; i < n; i++) full[alive[i].slot] = true;
		for (size_t i = 0; i < n_before; i++) {
			const uint32_t fate = dice(12), life = alive[i].life, slot = alive[i].slot;
			if (fate == 0) {
				full[slot] = false;
			} else if (fate < 4 && m->n_lives + 2 < MOST && !full[slot + 1]) { /* two daughters, or one alone, as behind a gap */
				const uint32_t daughters = 1 + (dice(4) > 0);
				for (uint32_t d = 0; d < daughters && n < SLOTS; d++) {
					m->lives[m->n_lives] = (c5_life){ (uint32_t)m->n_lives + 1, t, t, m->lives[life].label };
					full[slot + d] = true;
					if (d == 0) alive[kept].life = (uint32_t)m->n_lives, alive[kept].slot = slot, kept++;
					else alive[n].life = (uint32_t)m->n_lives, alive[n].slot = slot + 1, n++;
					m->n_lives++;
				}
			} else {
				alive[kept].life = life, alive[kept].slot = slot, kept++;
			}
		}
		for (size_t i = n_before; i < n; i++) alive[kept++] = alive[i];
		n = kept;
		for (uint32_t s = 0; s < SLOTS && n < SLOTS && m->n_lives < MOST; s++)
			if (!full[s] && dice(12) < busy) {
				m->lives[m->n_lives] = (c5_life){ (uint32_t)m->n_lives + 1, t, t, 0 };
				alive[n].life = (uint32_t)m->n_lives, alive[n].slot = s, n++;
				m->n_lives++, full[s] = true;
			}
		for (size_t i = 0; i < n; i++) {
			const bool wide = dice(6) == 0 && !full[alive[i].slot + 1];
			m->lives[alive[i].life].end = t;
			if (wide) full[alive[i].slot + 1] = true;
			show(m, t, m->lives[alive[i].life].label, alive[i].slot, wide);
		}
	}
}

static movie as_movie(random_movie *m)
{
	return (movie){ FRAMES, SIDE, (SLOTS + 1) * SIDE, &m->rects[0][0], m->n_rects, m->lives, m->n_lives, NULL };
}

typedef struct edge { size_t from, to; bool parent; } edge;

static size_t edges_of(const random_movie *m, edge *out)
{
	size_t n = 0;
	for (size_t a = 0; a < m->n_rects; a++)
		for (size_t b = 0; b < m->n_rects; b++) {
			const c5_life *p = &m->lives[m->rects[a][1] - 1], *q = &m->lives[m->rects[b][1] - 1];
			if (p == q && m->rects[a][0] + 1 == m->rects[b][0]) out[n++] = (edge){ a, b, false };
			if (q->parent == p->label && m->rects[a][0] == p->end && m->rects[b][0] == q->begin) out[n++] = (edge){ a, b, true };
		}
	return n;
}

static uint32_t area(const uint32_t *r) { return (r[3] - r[2]) * (r[5] - r[4]); }

static uint32_t shared(const uint32_t *a, const uint32_t *b)
{
	const uint32_t y0 = a[2] > b[2] ? a[2] : b[2], y1 = a[3] < b[3] ? a[3] : b[3], x0 = a[4] > b[4] ? a[4] : b[4], x1 = a[5] < b[5] ? a[5] : b[5];
	return a[0] == b[0] && y0 < y1 && x0 < x1 ? (y1 - y0) * (x1 - x0) : 0;
}

typedef struct operations { double ns, fn, fp, ed, ea, ec, nodes, edges; } operations;

static const edge *find_edge(const edge *e, size_t n, size_t from, size_t to)
{
	for (size_t k = 0; k < n; k++)
		if (e[k].from == from && e[k].to == to) return &e[k];
	return NULL;
}

/* What it takes to make the truth of the result, node by node and edge by edge. */
static operations count_operations(const random_movie *gt, const random_movie *res)
{
	enum { NONE = 100000 };
	static edge in_gt[MOST * MOST], in_res[MOST * MOST];
	size_t match[MOST * FRAMES], of[MOST * FRAMES], times[MOST * FRAMES] = { 0 };
	const size_t n_gt = edges_of(gt, in_gt), n_res = edges_of(res, in_res);
	operations o = { .nodes = (double)gt->n_rects, .edges = (double)n_gt };
	for (size_t r = 0; r < gt->n_rects; r++) {
		match[r] = NONE;
		for (size_t s = 0; s < res->n_rects; s++)
			if (2 * shared(gt->rects[r], res->rects[s]) > area(gt->rects[r])) match[r] = s;
		if (match[r] == NONE) o.fn++;
		else times[match[r]]++, of[match[r]] = r;
	}
	for (size_t s = 0; s < res->n_rects; s++) {
		o.fp += times[s] == 0;
		o.ns += times[s] > 1 ? (double)times[s] - 1 : 0;
	}
	for (size_t k = 0; k < n_gt; k++) {
		const size_t a = match[in_gt[k].from], b = match[in_gt[k].to];
		const edge *e = a != NONE && b != NONE && times[a] == 1 && times[b] == 1 ? find_edge(in_res, n_res, a, b) : NULL;
		if (!e) o.ea++;
		else o.ec += e->parent != in_gt[k].parent;
	}
	for (size_t k = 0; k < n_res; k++) {
		const size_t a = in_res[k].from, b = in_res[k].to;
		if (times[a] == 1 && times[b] == 1 && !find_edge(in_gt, n_gt, of[a], of[b])) o.ed++;
	}
	return o;
}

static void technical_measures_are_their_definitions(void **state)
{
	(void)state;
	operations seen = { 0 };
	for (uint64_t k = 0; k < 1500; k++) {
		static random_movie gt, res;
		seed = k;
		live(&gt, 1 + dice(8));
		if (dice(3)) live(&res, 1 + dice(8));
		else { /* the same places, other identities here and there */
			res = gt;
			for (size_t i = 0; i < res.n_lives; i++)
				if (dice(3) == 0) res.lives[i].parent = 0;
		}
		movie a = as_movie(&gt), b = as_movie(&res);
		const c5_tracking t = measure(&a, &b);
		const operations o = count_operations(&gt, &res);
		c5_figures f = { 0 };
		c5_tracking_figures(&f, &t);
		const double nodes = 5 * o.ns + 10 * o.fn + o.fp, edges = o.ed + 1.5 * o.ea + o.ec, none = 10 * o.nodes + 1.5 * o.edges;
		const struct { const char *name; double value; } want[] = { { "AOGM_NS", o.ns }, { "AOGM_FN", o.fn }, { "AOGM_FP", o.fp }, { "AOGM_ED", o.ed },
			{ "AOGM_EA", o.ea },
			{ "AOGM_EC", o.ec }, { "AOGM", nodes + edges }, { "TRA", none > 0 ? 1 - fmin(nodes + edges, none) / none : NAN },
			{ "DET", o.nodes > 0 ? 1 - fmin(nodes, 10 * o.nodes) / (10 * o.nodes) : NAN },
				{ "LNK", o.edges > 0 ? 1 - fmin(edges, 1.5 * o.edges) / (1.5 * o.edges) : NAN } };
		for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
			const c5_figure *g = c5_figures_find(&f, want[i].name);
			assert_non_null(g);
			if (isnan(want[i].value) ? !isnan(g->value) : fabs(g->value - want[i].value) > 1e-9)
				fail_msg("movie %d: %s is %.17g, expected %.17g", (int)k, want[i].name, g->value, want[i].value);
		}
		c5_figures_free(&f);
		seen.ns += o.ns, seen.fn += o.fn, seen.fp += o.fp, seen.ed += o.ed, seen.ea += o.ea, seen.ec += o.ec;
	}
	assert_true(seen.ns > 100 && seen.fn > 100 && seen.fp > 100 && seen.ed > 100 && seen.ea > 100 && seen.ec > 100); /* every kind of error was there */
}

static void a_lineage_is_its_own_equal_and_no_figure_leaves_its_range(void **state)
{
	(void)state;
	static const char *const shares[] = { "SEG", "DET", "TRA", "LNK", "CT", "TF", "BC(0)", "BC(3)", "CCA", "BIO(0)", "OP_CLB(0)", "HOTA", "CHOTA",
		"IDF1", "division_F1_strict(1)", "division_F1_excluded(1)" };
	for (uint64_t k = 0; k < 400; k++) {
		static random_movie gt, res;
		seed = k;
		live(&gt, 2 + dice(6));
		live(&res, 2 + dice(6));
		movie a = as_movie(&gt), b = as_movie(&res);
		for (int self = 0; self < 2; self++) {
			const c5_tracking t = measure(&a, self ? &a : &b);
			c5_figures f = { 0 };
			c5_tracking_figures(&f, &t);
			for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
				const c5_figure *g = c5_figures_find(&f, shares[i]);
				assert_non_null(g);
				if (!isnan(g->value) && (g->value < 0 || g->value > 1 + 1e-12 || (self && fabs(g->value - 1) > 1e-12)))
					fail_msg("movie %d against %s: %s is %.17g", (int)k, self ? "itself" : "another", shares[i], g->value);
			}
			c5_figures_free(&f);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segmentation_measures_are_their_definitions),
		cmocka_unit_test(a_segmentation_is_its_own_equal_whatever_its_labels_are_called),
		cmocka_unit_test(technical_measures_are_their_definitions),
		cmocka_unit_test(a_lineage_is_its_own_equal_and_no_figure_leaves_its_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
