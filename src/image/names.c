/* names.c – see names.h. Bytes, not characters: UTF-8 sorts by its code points and is made '_' in stored names. */
#include "image/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
static bool is_separator(char c) { return c == '_' || c == '-' || c == '.' || c == ' '; }

int c5_name_compare(const char *a, const char *b)
{
	const char *p = a, *q = b;
	if (a == b) return 0;
	while (*p && *q) {
		if (is_digit(*p) && is_digit(*q)) {
			while (*p == '0') p++;
			while (*q == '0') q++;
			size_t n = strspn(p, "0123456789"), m = strspn(q, "0123456789");
			if (n != m) return n < m ? -1 : 1;
			int order = memcmp(p, q, n);
			if (order) return order < 0 ? -1 : 1;
			p += n;
			q += m;
		} else {
			if (*p != *q) return (unsigned char)*p < (unsigned char)*q ? -1 : 1;
			p++;
			q++;
		}
	}
	if (*p || *q) return *p ? 1 : -1;
	int order = strcmp(a, b); /* the same numbers with other zeros in front */
	return order < 0 ? -1 : order > 0;
}

char *c5_name_clean(const char *name)
{
	while (*name == ' ') name++;
	size_t n = strlen(name);
	while (n && name[n - 1] == ' ') n--;
	char *clean = n ? c5_format("%.*s", (int)(n < 200 ? n : 200), name) : c5_strdup("_");
	if (!clean) return NULL;
	for (char *p = clean; *p; p++)
		if (!is_letter(*p) && !is_digit(*p) && !strchr("._+- ", *p)) *p = '_';
	if (*clean == '.') *clean = '_';
	return clean;
}

/* Length of `name` without `ending`, if it has it; any case. */
static size_t without(const char *name, size_t n, const char *ending)
{
	size_t m = strlen(ending);
	return n > m && !strncasecmp(name + n - m, ending, m) ? n - m : n;
}

static size_t without_image_ending(const char *name, size_t n)
{
	static const char *const endings[] = { ".tif", ".tiff", ".btf", ".tf2", ".tf8", ".png", ".jpg", ".jpeg" };
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t m = without(name, n, endings[i]);
		if (m < n) return m;
	}
	return n;
}

bool c5_name_is_image(const char *name)
{
	size_t n = strlen(name);
	return *name != '.' && without_image_ending(name, n) < n;
}

const char *c5_name_base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

char *c5_name_stem(const char *path)
{
	const char *base = c5_name_base(path);
	size_t n = strlen(base), m = without_image_ending(base, n);
	m = without(base, m, ".ome");
	m = without(base, m, ".companion");
	return c5_format("%.*s", (int)m, base);
}

char *c5_name_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash) return c5_strdup(".");
	return slash == path ? c5_strdup("/") : c5_format("%.*s", (int)(slash - path), path);
}

char *c5_name_join(const char *folder, const char *path)
{
	if (!folder || *path == '/') return c5_strdup(path);
	return c5_format("%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", path);
}

int c5_name_absolute(char **out, const char *path)
{
	char *cwd = NULL, *whole = NULL;
	int err = C5_OK;
	*out = NULL;
	if (!*path) return c5_fail(C5_EINPUT, "an empty path, a file or folder expected");
	if (*path != '/' && !(cwd = getcwd(NULL, 0))) return c5_fail(C5_EIO, "the working folder: %s", strerror(errno));
	if (!(whole = c5_format("%s/%s/", cwd ? cwd : "", path))) {
		err = c5_fail(C5_ENOMEM, "out of memory");
		goto done;
	}
	if (strstr(whole, "/../")) {
		if (!(*out = realpath(path, NULL))) err = c5_fail(C5_EINPUT, "%s: %s", path, strerror(errno));
		goto done;
	}
	char *to = whole;
	for (const char *p = whole; *p;) { /* at a slash each time round */
		while (p[0] == '/' && (p[1] == '/' || (p[1] == '.' && p[2] == '/'))) p += p[1] == '/' ? 1 : 2;
		if (!p[1]) break;
		do *to++ = *p++; while (*p != '/');
	}
	if (to == whole) *to++ = '/';
	*to = '\0';
	*out = whole;
	whole = NULL;
done:
	free(cwd);
	free(whole);
	return err;
}

/* The digits at the end of stem[0..n): where they begin (n: none) and their value; numbers past 15 digits are no numbers. */
static size_t digits_at_end(const char *stem, size_t n, int64_t *value)
{
	size_t at = n;
	while (at && is_digit(stem[at - 1])) at--;
	if (n - at > 15) return n;
	*value = 0;
	for (size_t i = at; i < n; i++) *value = *value * 10 + (stem[i] - '0');
	return at;
}

bool c5_name_is_well(const char *s, size_t n)
{
	size_t letters = 0, i;
	while (letters < n && letters < 2 && is_letter(s[letters])) letters++;
	for (i = letters; i < n && s[i] >= '0' && s[i] <= '9'; i++);
	return letters && i == n && i > letters && i - letters <= 3;
}

size_t c5_name_number(const char *stem, int64_t *number) { return digits_at_end(stem, strlen(stem), number); }

static size_t cut_separators(const char *stem, size_t n)
{
	while (n && is_separator(stem[n - 1])) n--;
	return n;
}

size_t c5_name_frame(const char *stem, size_t length, int64_t *frame)
{
	static const char *const words[] = { "frame", "time", "t" };
	int64_t value;
	size_t at = digits_at_end(stem, length, &value);
	if (at == length) return SIZE_MAX;
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(words[i]), end = n > 1 ? cut_separators(stem, at) : at;
		if (end < n || (end > n && is_letter(stem[end - n - 1]))) continue;
		bool same = true;
		for (size_t k = 0; k < n; k++) same = same && lower(stem[end - n + k]) == words[i][k];
		if (!same) continue;
		*frame = value;
		return cut_separators(stem, end - n);
	}
	return SIZE_MAX;
}

size_t c5_name_z(const char *stem, size_t length, int64_t *z)
{
	int64_t value;
	size_t at = digits_at_end(stem, length, &value);
	if (at == length || !at || lower(stem[at - 1]) != 'z') return SIZE_MAX;
	if (at > 1 && !is_separator(stem[at - 2])) return SIZE_MAX;
	*z = value;
	return cut_separators(stem, at - 1);
}
