/* child.c – see child.h. */
#include "hyperopt/child.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "hyperopt/keeper.h"

#define LINE_MOST (1u << 20)   /* a longer line is cut */
#define COMPLAINT_MOST 2048    /* of standard error, the last bytes */

extern char **environ;

struct c5_child {
	pid_t keeper;
	int talk;             /* to the keeper */
	int out, err;         /* files that standard output and error go to; out is read from `at` on */
	off_t at;
	int status;
	bool over, killed;    /* the script has ended; SIGKILL was asked for */
	bool all;             /* all it said was read */
	double kill_s;        /* when SIGTERM gives way to SIGKILL; 0: not asked to stop */
	c5_buf text;          /* standard output not yet given out as lines; text.at: where the next begins */
	char complaint[COMPLAINT_MOST + 1];
};

/* ---- environment ---- */

static bool begins(const char *s, const char *with) { return strncmp(s, with, strlen(with)) == 0; }

/* What launchers put there for their own processes. What a user set (OMPI_MCA_btl, OMPI_ALLOW_RUN_AS_ROOT ...) stays. */
static bool of_launcher(const char *setting)
{
	static const char *const all[] = { "PMIX_", "PMI_", "ORTE_", "OPAL_", "PRTE_", "PRRTE_", "MPI_LOCAL", "MPIEXEC_", "HYDI_", "HYDRA_" };
	static const char *const users[] = { "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_MCA_" };
	static const char *const inner[] = { "OMPI_MCA_orte_", "OMPI_MCA_ess", "OMPI_MCA_pmix", "OMPI_MCA_plm", "OMPI_MCA_initial_wdir",
		"OMPI_MCA_mpi_oversubscribe", "OMPI_MCA_shmem_RUNTIME", "OMPI_MCA_mpi_yield_when_idle" };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (begins(setting, all[i])) return true;
	for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
		if (begins(setting, inner[i])) return true;
	for (size_t i = 0; i < sizeof users / sizeof *users; i++)
		if (begins(setting, users[i])) return false;
	return begins(setting, "OMPI_");
}

/* By these an mpirun knows that it is in a job, and would take the job's first host, not this one. */
static bool of_scheduler(const char *setting) { return begins(setting, "SLURM_JOBID=") || begins(setting, "SLURM_JOB_ID="); }

static bool is_set(const char *setting, const char *const *extra)
{
	for (; *extra; extra++) {
		size_t n = strcspn(*extra, "=") + 1;
		if (strncmp(setting, *extra, n) == 0) return true;
	}
	return false;
}

/* Pointers into environ and extra; caller frees the array. */
static int make_environment(const char ***out, const char *const *extra, bool here)
{
	size_t n = 0, m = 0;
	while (environ[n]) n++;
	while (extra[m]) m++;
	int err = c5_alloc(out, n + m + 1, sizeof **out);
	if (err < 0) return err;
	m = 0;
	for (size_t i = 0; i < n; i++)
		if (!of_launcher(environ[i]) && !is_set(environ[i], extra) && !(here && of_scheduler(environ[i]))) (*out)[m++] = environ[i];
	for (; *extra; extra++) (*out)[m++] = *extra;
	return C5_OK;
}

/* ---- starting ---- */

/* A file without a name: nothing of it stays. Written from its end on by whoever has it. */
static int open_said(int *fd, const char *dir)
{
	if (!dir) dir = getenv("TMPDIR");
	if (!dir || !*dir) dir = "/tmp";
	if ((*fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_APPEND, 0600)) >= 0) return C5_OK;
	char *path = c5_format("%s/said-XXXXXX", dir); /* not every file system has nameless ones */
	if (!path) return c5_fail(C5_ENOMEM, "out of memory");
	*fd = mkostemp(path, O_CLOEXEC | O_APPEND);
	int err = *fd < 0 ? c5_fail(C5_EIO, "%s: no file can be made there: %s", dir, strerror(errno)) : C5_OK;
	if (*fd >= 0) unlink(path);
	free(path);
	return err;
}

static void end_it(c5_child *c, int status)
{
	c->status = status;
	c->over = true;
}

static void tell(const c5_child *c, char word) { (void)!send(c->talk, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT); }

int c5_child_start(c5_child **out, const c5_child_setup *setup)
{
	int talk[2] = { -1, -1 }, err;
	const char **env = NULL;
	c5_child *c = NULL;
	*out = NULL;
	if ((err = c5_alloc(&c, 1, sizeof *c)) < 0) return err;
	c->out = c->err = c->talk = -1;
	if ((err = make_environment(&env, setup->extra, setup->here)) < 0) goto done;
	if ((err = open_said(&c->out, setup->dir)) < 0 || (err = open_said(&c->err, setup->dir)) < 0) goto done;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) < 0) {
		err = c5_fail(C5_EFAIL, "a socket: %s", strerror(errno));
		goto done;
	}
	pid_t pid = fork();
	if (pid == 0) {
		const c5_keeper keeper = { setup, env, c, talk[1], c->out, c->err, end_it };
		c5_keeper_be(&keeper);
	}
	if (pid < 0) {
		err = c5_fail(C5_EFAIL, "a process cannot be started: %s", strerror(errno));
		goto done;
	}
	c->keeper = pid;
	c->talk = talk[0], talk[0] = -1;
	*out = c;
	c = NULL;
done:
	for (int i = 0; i < 2; i++)
		if (talk[i] >= 0) close(talk[i]);
	free(env);
	c5_child_free(c);
	return err;
}

/* ---- looking ---- */

bool c5_child_line(c5_child *c, const char **line)
{
	char piece[16384];
	if (c->text.at) { /* the line given out before goes */
		memmove(c->text.data, c->text.data + c->text.at, c->text.size - c->text.at);
		c->text.size -= c->text.at;
		c->text.at = 0;
	}
	for (;;) {
		char *text = (char *)c->text.data, *end = text ? memchr(text, '\n', c->text.size) : NULL;
		if (end || (c->text.size && (c->text.size >= LINE_MOST || c->all))) {
			size_t n = end ? (size_t)(end - text) : c->text.size;
			if (!end) { /* the last one, without its end, or one cut short */
				c5_buf_put(&c->text, "", 1);
				if (c->text.err < 0) return false;
				text = (char *)c->text.data;
			}
			text[n] = '\0';
			c->text.at = n + 1;
			*line = text;
			return true;
		}
		if (c->all) return false;
		ssize_t n = pread(c->out, piece, sizeof piece, c->at);
		if (n <= 0) {
			c->all = c->over;
			if (!c->all || c->text.size == 0) return false;
			continue;
		}
		c->at += n;
		c5_buf_put(&c->text, piece, (size_t)n);
		if (c->text.err < 0) return false;
	}
}

bool c5_child_ended(c5_child *c, int *status)
{
	int told = 0;
	if (!c->over && !c->killed && c->kill_s > 0 && c5_clock_s() >= c->kill_s) {
		tell(c, C5_KEEPER_KILL);
		c->killed = true;
	}
	if (!c->over) {
		ssize_t n = recv(c->talk, &told, sizeof told, MSG_DONTWAIT);
		if (n == (ssize_t)sizeof told) end_it(c, told);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR)) end_it(c, SIGKILL); /* the keeper was killed, and the script dies with it */
	}
	*status = c->status;
	return c->over && c->all && c->text.size == c->text.at;
}

void c5_child_stop(c5_child *c, double grace_s)
{
	if (c->over || c->kill_s > 0) return;
	tell(c, C5_KEEPER_STOP);
	c->kill_s = c5_clock_s() + grace_s;
}

const char *c5_child_complaint(c5_child *c)
{
	struct stat st;
	off_t from = fstat(c->err, &st) == 0 && st.st_size > COMPLAINT_MOST ? st.st_size - COMPLAINT_MOST : 0;
	ssize_t n = pread(c->err, c->complaint, COMPLAINT_MOST, from);
	if (n < 0) n = 0;
	while (n && (isspace((unsigned char)c->complaint[n - 1]) || !c->complaint[n - 1])) n--;
	c->complaint[n] = '\0';
	const char *line = strrchr(c->complaint, '\n');
	return line ? line + 1 : c->complaint;
}

void c5_child_free(c5_child *c)
{
	if (!c) return;
	if (c->keeper) {
		tell(c, C5_KEEPER_GO);
		while (waitpid(c->keeper, &c->status, 0) < 0 && errno == EINTR) {}
	}
	if (c->talk >= 0) close(c->talk);
	if (c->out >= 0) close(c->out);
	if (c->err >= 0) close(c->err);
	c5_buf_free(&c->text);
	free(c);
}
