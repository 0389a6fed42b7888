/* found.c – a search read from a container; see store.h. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/run.h"
#include "hyperopt/store.h"
#include "hyperopt/store_rows.h"

/* What searches there are, for who asked for another one. */
static int no_search(c5_file *f, const char *name)
{
	char **names = NULL;
	size_t n = 0;
	c5_buf b = { 0 };
	if (c5_list(f, "/searches", &names, &n) < 0) n = 0;
	for (size_t i = 0; i < n; i++) c5_text_addf(&b, "%s%s", i ? ", " : "", names[i]);
	char *all = c5_text_take(&b);
	int err = n == 0 ? c5_fail(C5_ENOTFOUND, "%s: no search %.100s; there is none in it", c5_file_path(f), name)
	                 : c5_fail(C5_ENOTFOUND, "%s: no search %.100s; there are %s", c5_file_path(f), name, all ? all : "");
	free(all);
	c5_names_free(names, n);
	return err;
}

/* The newest run below a group. */
static int newest_run(c5_file *f, const char *group, uint32_t *run)
{
	char **names = NULL;
	size_t n = 0;
	int err = c5_list(f, group, &names, &n);
	*run = 0;
	for (size_t i = 0; i < n; i++)
		if (c5_revision_number(names[i]) > *run) *run = c5_revision_number(names[i]);
	c5_names_free(names, n);
	return err;
}

static int find_run(c5_found *found, c5_file *f, const char *name)
{
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : strlen(name);
	if (!(found->name = c5_format("%.*s", (int)len, name))) return c5_fail(C5_ENOMEM, "out of memory");
	char *group = c5_format("/searches/%s", found->name);
	if (!group) return c5_fail(C5_ENOMEM, "out of memory");
	int err = *found->name && c5_exists(f, group) ? C5_OK : no_search(f, found->name);
	if (err == C5_OK && slash) {
		found->run = c5_revision_number(slash + 1);
		char *path = c5_format("%s/%s", group, slash + 1);
		if (!found->run || !path || !c5_exists(f, path))
			err = c5_fail(C5_ENOTFOUND, "%s: search %s has no run %.40s", c5_file_path(f), found->name, slash + 1);
		free(path);
	} else if (err == C5_OK && (err = newest_run(f, group, &found->run)) == C5_OK && !found->run) err = no_search(f, found->name);
	free(group);
	return err;
}

int c5_found_read(c5_found *found, c5_file *f, const char *name)
{
	char *folder = NULL, *space = NULL, *importance = NULL, *text = NULL;
	c5_run_info info = { 0 };
	int64_t best = 0;
	memset(found, 0, sizeof *found);
	int err = find_run(found, f, name);
	if (err < 0) goto done;
	folder = c5_format("/searches/%s/%s", found->name, c5_revision_name(found->run));
	space = folder ? c5_format("%s/space", folder) : NULL;
	importance = folder ? c5_format("%s/importance", folder) : NULL;
	if (!space || !importance) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if ((err = c5_text_get(f, space, &text)) < 0 || (err = c5_search_parse(&found->setup, space, text, NULL)) < 0) goto done;
	c5_history_init(&found->history, &found->setup.space, c5_search_maximises(&found->setup));
	if ((err = c5_attr_get_str(f, folder, "state", &found->state)) < 0 || (err = c5_trials_read(&found->history, f, folder)) < 0) goto done;
	if ((err = c5_importance_read(&found->importance, f, importance, &found->setup.space)) < 0) goto done;
	(void)c5_attr_get_f64(f, folder, "spent_s", &found->spent_s);
	if (c5_attr_get_i64(f, folder, "best_trial", &best) == C5_OK && best > 0 && best < UINT32_MAX) found->best = (uint32_t)best;
	if (c5_run_read(f, found->run, &info) == C5_OK) found->start = c5_strdup(info.start);
	c5_run_info_free(&info);
done:
	free(text);
	free(space);
	free(importance);
	free(folder);
	if (err < 0) c5_found_free(found);
	return err;
}

void c5_found_free(c5_found *f)
{
	c5_history_free(&f->history);
	c5_search_setup_free(&f->setup);
	free(f->name);
	free(f->state);
	free(f->start);
	memset(f, 0, sizeof *f);
}
