/* model.c – see model.h. */
#include "track/model.h"

#include <math.h>
#include <stdlib.h>

#include "track/near.h"

#define PRIOR 5.0            /* a guess weighs as much as so many observations */
#define FREEDOM 4.0          /* of Student's t */
#define DIVIDES 0.1          /* share of objects that are allowed to have halved */
#define SPLIT_SPREAD 0.25    /* guess at the spread of the log ratio of daughters over mother */
#define SPLIT_APART 0.4
#define HALVED (-0.35)       /* log ratio of the larger daughter over her mother that is small enough */
#define MOVERS 0.1           /* the step is told from this share of objects, which move most: the rest may well stand still */
#define STEP_REACH 0.25      /* guess at the typical step, as a share of the reach */
#define FAR_EDGE 1e9
#define LN2 0.69314718055994530942

void c5_cell_of_object(c5_cell *c, const c5_object *o, size_t height, size_t width)
{
	double major = o->major_axis, minor = o->minor_axis, disk = 2 * sqrt(o->area / M_PI);
	if (!(major > 0)) major = minor = disk;
	minor = fmax(minor, 1); /* a line of pixels is one pixel wide */
	major = fmax(major, minor);
	double cy = cos(o->orientation), cx = sin(o->orientation), a = major * major / 16, b = minor * minor / 16;
	*c = (c5_cell){ .label = o->label, .y0 = o->y0, .x0 = o->x0, .y1 = o->y1, .x1 = o->x1, .y = o->y, .x = o->x, .area = o->area, .major = major,
		.minor = minor, .yy = a * cy * cy + b * cx * cx, .xx = a * cx * cx + b * cy * cy, .yx = (a - b) * cy * cx, .cos2 = cy * cy - cx * cx,
		.sin2 = 2 * cy * cx, .slim = 1 - minor / major, .mean = o->mean, .edge = FAR_EDGE };
	if (height && width) {
		double low = fmin(o->y0, o->x0), high = fmin((double)height - o->y1, (double)width - o->x1);
		c->edge = fmax(0, fmin(low, high));
	}
}

void c5_cell_of_node(c5_cell *c, const c5_pair_node *n)
{
	c5_object o = { .label = n->label, .y = n->y, .x = n->x, .area = n->area, .major_axis = n->major_axis, .minor_axis = n->minor_axis,
		.orientation = n->orientation, .mean = n->mean };
	c5_cell_of_object(c, &o, 0, 0);
	c->edge = n->edge;
}

double c5_cost_t(double z2, int dims) { return 0.5 * (FREEDOM + dims) * log1p(z2 / FREEDOM); }

void c5_model_guess(c5_model *m, const c5_track_params *params, double reach, const c5_cell *cells, uint32_t n)
{
	double sum = 0, sum2 = 0;
	*m = (c5_model){ .params = params, .step = fmax(STEP_REACH * reach, 0.5), .area = 0.2, .apart = 0.3, .turn = 0.2, .split_spread = SPLIT_SPREAD,
		.split_apart = SPLIT_APART, .split_least = SPLIT_APART };
	for (uint32_t i = 0; i < n; i++) sum += cells[i].mean;
	for (uint32_t i = 0; i < n; i++) sum2 += (cells[i].mean - sum / n) * (cells[i].mean - sum / n);
	double spread = n > 1 ? sqrt(sum2 / (n - 1)) : fabs(sum) / 5;
	if (isfinite(spread)) m->mean = spread;
}

c5_change c5_change_of(const c5_cell *from, const c5_cell *to, double dy, double dx, double overlap)
{
	double apart = 1 - (from->cos2 * to->cos2 + from->sin2 * to->sin2);
	return (c5_change){ dy * dy + dx * dx, log(to->area / from->area), overlap, to->mean - from->mean, apart, fmin(from->slim, to->slim) };
}

static double mix(double guess, double seen, size_t n) { return (PRIOR * guess + (double)n * seen) / (PRIOR + (double)n); }

int c5_model_learn(c5_model *m, c5_change *changes, size_t n, double least_step)
{
	double *v, sum = 0, weight = 0;
	int err;
	if (!n) return 0;
	if ((err = c5_alloc(&v, n, sizeof *v)) < 0) return err;
	for (size_t i = 0; i < n; i++) v[i] = changes[i].distance2;
	m->step = sqrt(mix(m->step * m->step, c5_quantile(v, n, 1 - MOVERS) / (-2 * log(MOVERS)), n)); /* squared distances in the plane */
	m->step = fmax(m->step, least_step);

	for (size_t i = 0; i < n; i++) v[i] = changes[i].area;
	m->growth = mix(0, c5_median(v, n), n);
	for (size_t i = 0; i < n; i++) v[i] = fabs(changes[i].area - m->growth);
	m->area = fmax(0.05, mix(m->area, 1.4826 * c5_median(v, n), n));

	for (size_t i = 0; i < n; i++) sum += 1 - changes[i].overlap;
	m->apart = fmin(1, fmax(0.2, mix(m->apart, sum / (double)n, n)));

	if (m->mean > 0) {
		double low = m->mean * 0.05;
		for (size_t i = 0; i < n; i++) v[i] = fabs(changes[i].mean);
		m->mean = fmax(low, mix(m->mean, 1.4826 * c5_median(v, n), n));
	}
	sum = 0;
	for (size_t i = 0; i < n; i++) sum += changes[i].turn * changes[i].turn_weight, weight += changes[i].turn_weight;
	m->turn = fmax(0.05, (PRIOR * m->turn + sum) / (PRIOR + weight));
	m->split_area = m->growth;
	free(v);
	return 0;
}

double c5_cost_link(const c5_model *m, const c5_change *c)
{
	const c5_track_params *p = m->params;
	double cost = p->distance * c5_cost_t(c->distance2 / (m->step * m->step), 2) + p->overlap * (1 - c->overlap) / m->apart;
	double z = (c->area - m->growth) / m->area, half = (c->area - m->growth + LN2) / (m->area + 0.1);
	double grown = c5_cost_t(z * z, 1);
	if (p->divisions) grown = -log((1 - DIVIDES) * exp(-grown) + DIVIDES * exp(-c5_cost_t(half * half, 1)));
	cost += p->size * grown;
	if (m->mean > 0 && isfinite(c->mean)) cost += p->appearance * c5_cost_t(c->mean * c->mean / (m->mean * m->mean), 1);
	cost += p->shape * c->turn_weight * c->turn_weight * fmin(c->turn / m->turn, 4);
	return fmin(cost, 1e5);
}

double c5_cost_alone(const c5_model *m, double edge)
{
	double away = edge / (2 * m->step + 2);
	return m->params->birth * (away >= 1 ? 1 : 0.6 + 0.4 * away);
}

/* Half extent of the ellipse in the direction (uy, ux) of length 1. */
static double extent(const c5_cell *c, double uy, double ux) { return 2 * sqrt(fmax(0, c->yy * uy * uy + 2 * c->yx * uy * ux + c->xx * ux * ux)); }

double c5_cell_overlap(const c5_cell *a, const c5_cell *b, double dy, double dx)
{
	double yy = a->yy + b->yy, xx = a->xx + b->xx, yx = a->yx + b->yx, det = yy * xx - yx * yx;
	if (!(det > 0)) return 0;
	double q = (xx * dy * dy - 2 * yx * dy * dx + yy * dx * dx) / det;
	return exp(-0.5 * q);
}

void c5_birth_features(c5_pair_birth *b, const c5_model *m, const c5_cell *mother, double y, double x, const c5_cell *one, const c5_cell *two,
	double share_one, double share_two)
{
	double both = one->area + two->area, my = (one->area * one->y + two->area * two->y) / both, mx = (one->area * one->x + two->area * two->x) / both;
	double sy = two->y - one->y, sx = two->x - one->x, s = sqrt(sy * sy + sx * sx), oy = my - y, ox = mx - x, uy = s > 0 ? sy / s : 1,
		ux = s > 0 ? sx / s : 0;
	double radius = sqrt(both / (2 * M_PI));
	b->area = (float)log(both / mother->area);
	b->balance = (float)fabs(log(one->area / two->area));
	b->middle = (float)(sqrt(oy * oy + ox * ox) / (m->step + 0.15 * mother->major));
	b->contact = (float)((s - extent(one, uy, ux) - extent(two, uy, ux)) / radius);
	b->overlap = (float)fmin(1, (share_one + share_two) / fmin(mother->area, both));
	b->least = (float)fmin(1, fmin(share_one / one->area, share_two / two->area));
}

double c5_cost_birth(const c5_model *m, const c5_pair_birth *b)
{
	const c5_track_params *p = m->params;
	double area = (b->area - m->split_area) / m->split_spread, balance = b->balance / 0.35;
	double larger = b->area - log1p(exp(-b->balance)), whole = fmax(0, larger - m->growth - HALVED) / 0.15;
	double far = fmax(0, b->contact), deep = fmin(0, b->contact + 0.5) / 0.5;
	double cost = p->size * (c5_cost_t(area * area, 1) + c5_cost_t(balance * balance, 1) + c5_cost_t(whole * whole, 1));
	cost += p->distance * (c5_cost_t(b->middle * b->middle, 2) + c5_cost_t(far * far + deep * deep, 1));
	cost += p->overlap * ((1 - b->overlap) / m->split_apart + 0.5 * (1 - b->least) / m->split_least);
	return fmin(p->division_cost + cost, 1e5);
}
