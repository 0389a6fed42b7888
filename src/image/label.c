/* label.c – see label.h. The union-find's root is the run that comes first in raster order, which makes numbering a by-product. */
#include "image/label.h"

#include <string.h>

#include "base/cpus.h"

typedef struct run { uint32_t x0, x1; } run; /* half open */

/* The scratch memory: runs of all rows one after another, row y's are rows[y] .. rows[y + 1) - 1. */
typedef struct table {
	size_t height, width;
	run *runs;
	uint32_t *parent, *area; /* of runs, and of gaps, which are one a row more */
	uint32_t *rows;
} table;

static size_t capacity(size_t height, size_t width) { return height * ((width + 1) / 2 + 1) + 1; }

size_t c5_label_bytes(size_t height, size_t width)
{
	return capacity(height, width) * (sizeof(run) + 2 * sizeof(uint32_t)) + (height + 1) * sizeof(uint32_t);
}

static table table_in(void *scratch, size_t height, size_t width)
{
	size_t cap = capacity(height, width);
	table t = { height, width, scratch, NULL, NULL, NULL };
	t.parent = (uint32_t *)(t.runs + cap);
	t.area = t.parent + cap;
	t.rows = t.area + cap;
	return t;
}

/* First x at or after `x` whose byte is an object's (or is none), eight at a time; width when there is none. */
static size_t find_byte(const uint8_t *row, size_t x, size_t width, bool object)
{
	for (; x + 8 <= width; x += 8) {
		uint64_t w;
		memcpy(&w, row + x, sizeof w);
		if (object ? w != 0 : ((w - 0x0101010101010101u) & ~w & 0x8080808080808080u) != 0) break;
	}
	while (x < width && (row[x] != 0) != object) x++;
	return x;
}

static void scan(table *t, const uint8_t *mask)
{
	uint32_t n = 0;
	for (size_t y = 0; y < t->height; y++) {
		const uint8_t *row = mask + y * t->width;
		t->rows[y] = n;
		for (size_t x = 0; (x = find_byte(row, x, t->width, true)) < t->width;) {
			size_t end = find_byte(row, x + 1, t->width, false);
			t->runs[n++] = (run){ (uint32_t)x, (uint32_t)end };
			x = end;
		}
	}
	t->rows[t->height] = n;
}

static uint32_t find(uint32_t *parent, uint32_t i)
{
	while (parent[i] != i) i = parent[i] = parent[parent[i]];
	return i;
}

static void join(uint32_t *parent, uint32_t a, uint32_t b)
{
	a = find(parent, a), b = find(parent, b);
	if (a < b) parent[b] = a;
	else parent[a] = b;
}

/* ---- holes ---- */

/* Background stretch j of row y; the first and the last may be empty. */
static run gap(const table *t, size_t y, uint32_t j)
{
	uint32_t first = t->rows[y], last = t->rows[y + 1];
	return (run){ j ? t->runs[first + j - 1].x1 : 0, first + j < last ? t->runs[first + j].x0 : (uint32_t)t->width };
}

/* Gaps joined with the outside (number 0) are background, the others holes: the runs beside small ones become one. */
static void fill(table *t, int64_t max_hole)
{
	uint32_t *parent = t->parent, n = 0, first = 0; /* runs kept, and the first of the row before that */
	const uint32_t gaps = t->rows[t->height] + (uint32_t)t->height;
	for (uint32_t i = 0; i <= gaps; i++) parent[i] = i;
	for (size_t y = 0; y < t->height; y++) {
		const uint32_t at = t->rows[y] + (uint32_t)y + 1, count = t->rows[y + 1] - t->rows[y] + 1;
		if (y == 0 || y + 1 == t->height) {
			for (uint32_t j = 0; j < count; j++) join(parent, 0, at + j);
		} else {
			join(parent, 0, at);
			join(parent, 0, at + count - 1);
		}
		if (!y) continue;
		const uint32_t up_at = t->rows[y - 1] + (uint32_t)y, up_count = t->rows[y] - t->rows[y - 1] + 1;
		for (uint32_t i = 0, j = 0; i < up_count && j < count;) {
			run a = gap(t, y - 1, i), b = gap(t, y, j);
			if (a.x0 < b.x1 && b.x0 < a.x1) join(parent, up_at + i, at + j);
			if (a.x1 < b.x1) i++;
			else j++;
		}
	}
	memset(t->area, 0, ((size_t)gaps + 1) * sizeof *t->area);
	for (size_t y = 0; y < t->height; y++)
		for (uint32_t j = 0, at = t->rows[y] + (uint32_t)y + 1; at + j <= t->rows[y + 1] + (uint32_t)y + 1; j++) {
			run g = gap(t, y, j);
			t->area[find(parent, at + j)] += g.x1 - g.x0;
		}
	t->area[0] = UINT32_MAX;
	const uint64_t most = max_hole > 0 ? (uint64_t)max_hole : UINT32_MAX - 1;
	for (size_t y = 0; y < t->height; y++) {
		const uint32_t last = t->rows[y + 1], at = first + (uint32_t)y + 1; /* rows[y] is already the new one */
		uint32_t start = n;
		for (uint32_t i = first; i < last; i++) {
			if (n > start && t->area[find(parent, at + (i - first))] <= most) t->runs[n - 1].x1 = t->runs[i].x1;
			else t->runs[n++] = t->runs[i];
		}
		t->rows[y] = start;
		first = last;
	}
	t->rows[t->height] = n;
}

void c5_label_fill_holes(uint8_t *mask, size_t height, size_t width, int64_t max_hole, void *scratch)
{
	table t = table_in(scratch, height, width);
	scan(&t, mask);
	fill(&t, max_hole);
	for (size_t y = 0; y < height; y++)
		for (uint32_t i = t.rows[y]; i < t.rows[y + 1]; i++)
			for (size_t x = t.runs[i].x0; x < t.runs[i].x1; x++)
				if (!mask[y * width + x]) mask[y * width + x] = 1;
}

/* ---- erosion ---- */

size_t c5_label_erode_bytes(size_t height, size_t width, size_t radius) { return (height + 2 * radius) * (width + 2 * radius); }

/* a[i] &= a[i + by] */
FOR_CPUS static void meet(uint8_t *a, size_t n, size_t by)
{
	for (size_t i = 0; i < n; i++) a[i] &= a[i + by];
}

/* The window's minimum by doubling: a[i] covers 1, 2, 4 ... pixels from i on, and at last the window, overlapping. Rows first, then the same
 * with whole rows for pixels. */
void c5_label_erode(uint8_t *mask, size_t height, size_t width, size_t radius, void *scratch)
{
	const size_t window = 2 * radius + 1, stride = width + 2 * radius, rows = height + 2 * radius;
	uint8_t *a = scratch;
	size_t k;
	memset(a, 1, rows * stride);
	for (size_t y = 0; y < height; y++) {
		uint8_t *row = a + (y + radius) * stride;
		memcpy(row + radius, mask + y * width, width);
		for (k = 1; 2 * k <= window; k *= 2) meet(row, stride - k, k);
		if (k < window) meet(row, width, window - k);
	}
	for (k = 1; 2 * k <= window; k *= 2) meet(a, (rows - k) * stride, k * stride);
	if (k < window) meet(a, height * stride, (window - k) * stride);
	for (size_t y = 0; y < height; y++) memcpy(mask + y * width, a + y * stride, width);
}

/* ---- components ---- */

static void connect(table *t, bool corners)
{
	const uint32_t reach = corners ? 1 : 0;
	for (uint32_t i = 0; i < t->rows[t->height]; i++) t->parent[i] = i;
	for (size_t y = 1; y < t->height; y++) {
		uint32_t i = t->rows[y - 1], j = t->rows[y];
		while (i < t->rows[y] && j < t->rows[y + 1]) {
			run a = t->runs[i], b = t->runs[j];
			if (a.x0 < b.x1 + reach && b.x0 < a.x1 + reach) join(t->parent, i, j);
			if (a.x1 < b.x1) i++;
			else j++;
		}
	}
}

/* Whether the stretch x0 .. x1 - 1 of row y comes within `border` px of the edge. */
static bool near_edge(size_t height, size_t width, size_t y, size_t x0, size_t x1, int64_t border)
{
	if (border < 0) return false;
	uint64_t b = (uint64_t)border;
	return y <= b || height - 1 - y <= b || x0 <= b || width - x1 <= b;
}

static bool of_size(uint64_t area, const c5_label_rules *rules)
{
	return area && (rules->min_area <= 0 || area >= (uint64_t)rules->min_area) && (rules->max_area <= 0 || area <= (uint64_t)rules->max_area);
}

uint32_t c5_label_mask(uint32_t *labels, const uint8_t *mask, size_t height, size_t width, const c5_label_rules *rules, void *scratch)
{
	table t = table_in(scratch, height, width);
	uint32_t n = 0;
	scan(&t, mask);
	if (rules->fill_holes) fill(&t, rules->max_hole);
	connect(&t, rules->connectivity != 4);
	const uint32_t count = t.rows[height];
	memset(t.area, 0, count * sizeof *t.area);
	for (uint32_t i = 0; i < count; i++) {
		t.parent[i] = find(t.parent, i); /* parents come before: flat from here on */
		t.area[t.parent[i]] += t.runs[i].x1 - t.runs[i].x0;
	}
	if (rules->border >= 0)
		for (size_t y = 0; y < height; y++)
			for (uint32_t i = t.rows[y]; i < t.rows[y + 1]; i++)
				if (near_edge(height, width, y, t.runs[i].x0, t.runs[i].x1, rules->border)) t.area[t.parent[i]] = 0;
	for (uint32_t i = 0; i < count; i++) /* the root's area becomes its number */
		if (t.parent[i] == i) t.area[i] = of_size(t.area[i], rules) ? ++n : 0;
	for (size_t y = 0; y < height; y++) {
		uint32_t *row = labels + y * width;
		memset(row, 0, width * sizeof *row);
		for (uint32_t i = t.rows[y]; i < t.rows[y + 1]; i++) {
			uint32_t label = t.area[t.parent[i]];
			if (!label) continue;
			for (size_t x = t.runs[i].x0; x < t.runs[i].x1; x++) row[x] = label;
		}
	}
	return n;
}

uint32_t c5_label_filter(uint32_t *labels, size_t height, size_t width, uint32_t n, const c5_label_rules *rules, void *scratch)
{
	uint32_t *area = scratch, *fresh = area + (size_t)n + 1, count = 0;
	memset(scratch, 0, 2 * ((size_t)n + 1) * sizeof *area);
	for (size_t i = 0; i < height * width; i++)
		if (labels[i] <= n) area[labels[i]]++;
	if (rules->border >= 0)
		for (size_t y = 0; y < height; y++)
			for (size_t x = 0; x < width; x++) {
				uint32_t label = labels[y * width + x];
				if (label && label <= n && near_edge(height, width, y, x, x + 1, rules->border)) area[label] = 0;
			}
	for (size_t i = 0; i < height * width; i++) {
		uint32_t label = labels[i];
		if (!label) continue;
		if (label > n || !of_size(area[label], rules)) {
			labels[i] = 0;
			continue;
		}
		if (!fresh[label]) fresh[label] = ++count;
		labels[i] = fresh[label];
	}
	return count;
}
