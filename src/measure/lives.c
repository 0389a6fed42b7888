/* lives.c – see lives.h. */
#include "measure/lives.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/mem.h"

#define TEXT_MAX (UINT64_C(256) << 20)

void c5_breach(c5_breaches *b, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	if (b->n++ >= C5_BREACHES_TOLD || !b->tell) return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	b->tell(b->self, line);
}

static int by_label(const void *a, const void *b)
{
	uint32_t x = ((const c5_life *)a)->label, y = ((const c5_life *)b)->label;
	return (x > y) - (x < y);
}

uint32_t c5_lives_find(const c5_lives *l, uint32_t label)
{
	size_t lo = 0, hi = l->n;
	if (label && label <= l->n && l->at[label - 1].label == label) return label - 1; /* the usual numbering */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (l->at[mid].label < label) lo = mid + 1;
		else hi = mid;
	}
	return lo < l->n && l->at[lo].label == label ? (uint32_t)lo : C5_NO_LIFE;
}

static void check(const c5_lives *l, uint32_t frames, uint64_t first, const char *name, c5_breaches *b)
{
	for (size_t i = 0; i < l->n; i++) {
		const c5_life *a = &l->at[i];
		if (!a->label) c5_breach(b, "%s: a track has label 0, which is the background's", name);
		if (i && a->label && a->label == a[-1].label) c5_breach(b, "%s: label %u has more than one row, one is expected", name, a->label);
		if (a->end < a->begin)
			c5_breach(b, "%s: track %u ends in frame %llu before it begins in frame %llu", name, a->label, (unsigned long long)(a->end + first),
				(unsigned long long)(a->begin + first));
		else if (a->end >= frames)
			c5_breach(b, "%s: track %u ends in frame %llu, but the last frame is %llu", name, a->label, (unsigned long long)(a->end + first),
				(unsigned long long)(frames + first - 1));
		if (!a->parent) continue;
		uint32_t p = c5_lives_find(l, a->parent);
		if (a->parent == a->label) c5_breach(b, "%s: track %u is its own parent", name, a->label);
		else if (p == C5_NO_LIFE) c5_breach(b, "%s: the parent %u of track %u does not exist", name, a->parent, a->label);
		else if (l->at[p].end >= a->begin)
			c5_breach(b, "%s: the parent %u of track %u ends in frame %llu, expected before frame %llu, where the child begins", name, a->parent, a->label,
				(unsigned long long)(l->at[p].end + first), (unsigned long long)(a->begin + first));
	}
}

int c5_lives_make(c5_lives *out, const c5_life *rows, size_t n, uint32_t frames, uint64_t first, const char *name, c5_breaches *breaches)
{
	uint64_t before = breaches->n;
	int err = n >= C5_NO_LIFE ? c5_fail(C5_EINPUT, "%s: %zu tracks, fewer than 2^32 - 1 are expected", name, n) : C5_OK;
	memset(out, 0, sizeof *out);
	if (err < 0 || (err = c5_alloc(&out->at, n, sizeof *out->at)) < 0) return err;
	if (n) memcpy(out->at, rows, n * sizeof *rows);
	out->n = n;
	qsort(out->at, n, sizeof *out->at, by_label);
	check(out, frames, first, name, breaches);
	if (breaches->n > before) {
		c5_lives_free(out);
		n = 0;
	}
	if ((!out->at && (err = c5_alloc(&out->at, 1, sizeof *out->at)) < 0) || (err = c5_alloc(&out->parent, n, sizeof *out->parent)) < 0 ||
	    (err = c5_alloc(&out->child_start, n + 1, sizeof *out->child_start)) < 0 || (err = c5_alloc(&out->child, n, sizeof *out->child)) < 0) {
		c5_lives_free(out);
		return err;
	}
	for (size_t i = 0; i < n; i++) {
		out->parent[i] = out->at[i].parent ? c5_lives_find(out, out->at[i].parent) : C5_NO_LIFE;
		if (out->parent[i] != C5_NO_LIFE) out->child_start[out->parent[i]]++;
	}
	for (size_t i = 1; i <= n; i++) out->child_start[i] += out->child_start[i - 1]; /* ends now, starts when all are in */
	for (size_t i = n; i-- > 0;)
		if (out->parent[i] != C5_NO_LIFE) out->child[--out->child_start[out->parent[i]]] = (uint32_t)i;
	return C5_OK;
}

void c5_lives_free(c5_lives *l)
{
	free(l->at);
	free(l->parent);
	free(l->child_start);
	free(l->child);
	memset(l, 0, sizeof *l);
}

/* ---- reading ---- */

/* Four whole numbers and nothing else; false if not. */
static bool row_numbers(const char *line, const char *end, int64_t v[4])
{
	int n = 0;
	while (line < end) {
		while (line < end && isspace((unsigned char)*line)) line++;
		if (line == end) break;
		char *after;
		if (n == 4 || !(isdigit((unsigned char)*line) || *line == '-' || *line == '+')) return false;
		errno = 0;
		v[n++] = strtoll(line, &after, 10);
		if (errno || after == line || after > end || (after < end && !isspace((unsigned char)*after))) return false;
		line = after;
	}
	return n == 4;
}

int c5_lives_read(c5_life **rows, size_t *n, const char *path, uint32_t label_max, uint64_t first, c5_breaches *breaches)
{
	char *text = NULL;
	size_t size, cap = 0;
	unsigned long long line = 0;
	*rows = NULL;
	*n = 0;
	int err = c5_disk_read(&text, &size, path, TEXT_MAX, "a text of tracks");
	for (char *p = text, *stop = text + (err < 0 ? 0 : size); err == C5_OK && p < stop;) {
		char *end = memchr(p, '\n', (size_t)(stop - p)), *next;
		int64_t v[4], low = (int64_t)first, high = low + UINT32_MAX - 1;
		next = end ? end + 1 : stop;
		if (!end) end = stop;
		line++;
		bool blank = true;
		for (char *q = p; q < end; q++) blank = blank && isspace((unsigned char)*q);
		if (blank) {
			p = next;
			continue;
		}
		*end = '\0';
		if (!row_numbers(p, end, v))
			c5_breach(breaches, "%s:%llu: '%.60s' is no row of four whole numbers: label, first frame, last frame, parent", path, line, p);
		else if (v[0] < 1 || v[0] > label_max)
			c5_breach(breaches, "%s:%llu: label %lld, expected 1 to %u", path, line, (long long)v[0], label_max);
		else if (v[1] < low || v[2] < low || v[1] > high || v[2] > high)
			c5_breach(breaches, "%s:%llu: track %lld lives from frame %lld to %lld, but the first frame is %lld", path, line, (long long)v[0], (long long)v[1],
				(long long)v[2], (long long)low);
		else if (v[3] < 0 || v[3] > label_max)
			c5_breach(breaches, "%s:%llu: parent %lld, expected 0 (none) or a label up to %u", path, line, (long long)v[3], label_max);
		else if ((err = c5_grow(rows, &cap, *n + 1, sizeof **rows)) == C5_OK)
			(*rows)[(*n)++] = (c5_life){ (uint32_t)v[0], (uint32_t)(v[1] - low), (uint32_t)(v[2] - low), (uint32_t)v[3] };
		p = next;
	}
	free(text);
	if (err < 0) {
		free(*rows);
		*rows = NULL;
		*n = 0;
	}
	return err;
}
