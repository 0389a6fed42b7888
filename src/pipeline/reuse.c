/* reuse.c – going over old data again: which results are still what their step would make today; see steps.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "pipeline/steps.h"

/* The value of a key in settings as c5_opt_json writes them, and its length; NULL if absent. */
static const char *json_value(const char *json, const char *key, size_t *n)
{
	char *quoted = c5_format("\"%s\":", key);
	const char *at = quoted ? strstr(json, quoted) : NULL;
	if (at) {
		at += strlen(quoted);
		while (*at == ' ') at++;
		const char *end = at;
		for (bool text = false; *end && (text || (*end != ',' && *end != '}')); end++) {
			if (text && *end == '\\' && end[1]) end++;
			else if (*end == '"') text = !text;
		}
		*n = (size_t)(end - at);
	}
	free(quoted);
	return at;
}

/* "sigma 1 -> 2, method ...": the settings that differ. One that was not known then and has its default now does not: what the default does
 * is the method as it was, or the method's version would be another. */
static void tell_settings(const c5_opt *table, const void *params, const char *before, const char *now, char *to, size_t room)
{
	to[0] = '\0';
	for (const c5_opt *o = table; o->name; o++) {
		size_t n = 0, m = 0, used = strlen(to);
		const char *a = json_value(before, o->name, &n), *b = json_value(now, o->name, &m);
		if ((a && b && n == m && memcmp(a, b, n) == 0) || (!a && c5_opt_is_default(o, params))) continue;
		snprintf(to + used, room - used, "%s%s %.*s -> %.*s", used ? ", " : "", o->name, a ? (int)n : 4, a ? a : "none", b ? (int)m : 4, b ? b : "none");
	}
}

/* Why the step must be done again, in `why`; "" when it need not. */
static int compare(const c5_run_context *run, const c5_step *step, const c5_job *j, const char *path, char *why, size_t room)
{
	char *input = NULL, *settings = NULL, *now = c5_opt_json(step->kind->opts, step->params), *made_by = NULL;
	int64_t version = 0;
	int err = now ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	why[0] = '\0';
	if (err < 0) return err;
	if (c5_attr_get_str(run->file, path, "step", &made_by) < 0 || strcmp(made_by, step->kind->name) != 0) snprintf(why, room, "made by another step");
	else if (c5_attr_get_i64(run->file, path, "method_version", &version) < 0 || version != (int64_t)step->kind->version)
		snprintf(why, room, "method version %lld -> %u", (long long)version, step->kind->version);
	else if (c5_attr_get_str(run->file, path, "input", &input) < 0 || !j->input || strcmp(input, j->input) != 0)
		snprintf(why, room, "another input: %s", j->input ? j->input : "none");
	else if (c5_attr_get_str(run->file, path, "settings", &settings) < 0) snprintf(why, room, "settings unknown");
	else if (strcmp(settings, now) != 0) {
		char changed[400];
		tell_settings(step->kind->opts, step->params, settings, now, changed, sizeof changed);
		if (changed[0]) snprintf(why, room, "settings changed: %s", changed);
	}
	free(made_by);
	free(settings);
	free(input);
	free(now);
	return C5_OK;
}

int c5_step_reuse(const c5_run_context *run, const c5_step *step, c5_plan *plan, const c5_job *j, const char *latest, bool *reused)
{
	char *path = c5_format("/experiments/%s/%s", j->experiment.name, latest), *origin = NULL, why[512];
	int err = path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	*reused = false;
	if (err < 0 || !run->reuse || !c5_exists(run->file, path)) goto done;
	if (c5_attr_get_str(run->file, path, "origin", &origin) == C5_OK && strcmp(origin, "curated") == 0) {
		*reused = true;
		c5_log(C5_LOG_INFO, "%s: %s: corrected by hand, kept", j->experiment.name, step->kind->name);
	} else if ((err = compare(run, step, j, path, why, sizeof why)) == C5_OK) {
		*reused = why[0] == '\0';
		if (!*reused) c5_log(C5_LOG_INFO, "%s: %s again: %s", j->experiment.name, step->kind->name, why);
	}
	if (*reused) plan->skipped++;
done:
	free(origin);
	free(path);
	return err;
}
