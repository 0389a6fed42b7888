/* child.c – see child.h. */
#include "hyperopt/child.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#define LINE_MOST (1u << 20)   /* a longer line is cut */
#define COMPLAINT_MOST 2048    /* of standard error, the last bytes */
#define LINGER_S 1.0           /* what still holds the pipe after the child has ended is waited for so long */

extern char **environ;

struct c5_child {
	pid_t pid;            /* 0: gone and waited for */
	int out, err;         /* pipes; -1: at their end */
	int status;
	double kill_s;        /* when SIGTERM gives way to SIGKILL; 0: not asked to stop */
	double ended_s;
	c5_buf text;          /* standard output not yet given out as lines; text.at: where the next begins */
	char complaint[COMPLAINT_MOST + 1];
	size_t n_complaint;
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

/* Between fork and exec. The search has one thread of its own, so that what `before` does works as anywhere. */
static void become(const c5_child_setup *setup, const char **env, int out, int err)
{
	const char *argv[] = { "sh", "-c", setup->script, NULL };
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null >= 0) dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	if (setup->widen) {
		cpu_set_t all;
		memset(&all, 0xff, sizeof all);
		sched_setaffinity(0, sizeof all, &all);
	}
	if (setup->before && setup->before(setup->to) < 0) {
		const char *text = c5_error_last();
		if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(C5_EXIT_FAILURE);
		_exit(C5_EXIT_INPUT);
	}
	execve("/bin/sh", (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	_exit(127);
}

static int open_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0) return c5_fail(C5_EFAIL, "a pipe: %s", strerror(errno));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return C5_OK;
}

static void close_pipe(int ends[2])
{
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0) close(ends[i]);
}

int c5_child_start(c5_child **out, const c5_child_setup *setup)
{
	int to[2] = { -1, -1 }, bad[2] = { -1, -1 }, err;
	const char **env = NULL;
	c5_child *c = NULL;
	*out = NULL;
	if ((err = c5_alloc(&c, 1, sizeof *c)) < 0) return err;
	c->out = c->err = -1;
	if ((err = make_environment(&env, setup->extra, setup->here)) < 0 || (err = open_pipe(to)) < 0 || (err = open_pipe(bad)) < 0) goto done;
	pid_t pid = fork();
	if (pid == 0) become(setup, env, to[1], bad[1]);
	if (pid < 0) {
		err = c5_fail(C5_EFAIL, "a process cannot be started: %s", strerror(errno));
		goto done;
	}
	setpgid(pid, pid); /* both do it: whoever comes first */
	c->pid = pid;
	c->out = to[0], to[0] = -1;
	c->err = bad[0], bad[0] = -1;
	*out = c;
	c = NULL;
done:
	close_pipe(to);
	close_pipe(bad);
	free(env);
	free(c);
	return err;
}

/* ---- looking ---- */

/* What has come on a pipe, at most a piece; closes it at its end. The bytes read. */
static size_t take(int *fd, char *piece, size_t most)
{
	if (*fd < 0) return 0;
	ssize_t n = read(*fd, piece, most);
	if (n > 0) return (size_t)n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
	close(*fd);
	*fd = -1;
	return 0;
}

static void listen_to_errors(c5_child *c)
{
	char piece[4096];
	for (size_t n; (n = take(&c->err, piece, sizeof piece)) > 0;) {
		const char *from = piece;
		if (n > COMPLAINT_MOST) from += n - COMPLAINT_MOST, n = COMPLAINT_MOST;
		if (c->n_complaint + n > COMPLAINT_MOST) {
			size_t drop = c->n_complaint + n - COMPLAINT_MOST;
			memmove(c->complaint, c->complaint + drop, c->n_complaint - drop);
			c->n_complaint -= drop;
		}
		memcpy(c->complaint + c->n_complaint, from, n);
		c->n_complaint += n;
		c->complaint[c->n_complaint] = '\0';
	}
}

bool c5_child_line(c5_child *c, const char **line)
{
	char piece[16384];
	listen_to_errors(c);
	if (c->text.at) { /* the line given out before goes */
		memmove(c->text.data, c->text.data + c->text.at, c->text.size - c->text.at);
		c->text.size -= c->text.at;
		c->text.at = 0;
	}
	for (;;) {
		char *text = (char *)c->text.data, *end = text ? memchr(text, '\n', c->text.size) : NULL;
		if (end || (c->text.size && (c->text.size >= LINE_MOST || c->out < 0))) {
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
		size_t n = take(&c->out, piece, sizeof piece);
		if (n == 0 && c->out >= 0) return false;
		if (n == 0 && c->text.size == 0) return false;
		c5_buf_put(&c->text, piece, n);
		if (c->text.err < 0) return false;
	}
}

bool c5_child_ended(c5_child *c, int *status)
{
	if (c->pid && c->kill_s > 0 && c5_clock_s() >= c->kill_s) kill(-c->pid, SIGKILL);
	if (c->pid && waitpid(c->pid, &c->status, WNOHANG) == c->pid) {
		kill(-c->pid, SIGKILL); /* what it started and left: else the pipes stay open */
		c->pid = 0;
		c->ended_s = c5_clock_s();
	}
	listen_to_errors(c);
	if (c->pid == 0 && c->out >= 0 && c5_clock_s() > c->ended_s + LINGER_S) {
		close(c->out);
		c->out = -1;
	}
	*status = c->status;
	return c->pid == 0 && c->out < 0 && c->text.size == c->text.at;
}

void c5_child_stop(c5_child *c, double grace_s)
{
	if (!c->pid || c->kill_s > 0) return;
	kill(-c->pid, SIGTERM);
	c->kill_s = c5_clock_s() + grace_s;
}

const char *c5_child_complaint(c5_child *c)
{
	listen_to_errors(c);
	while (c->n_complaint && isspace((unsigned char)c->complaint[c->n_complaint - 1])) c->complaint[--c->n_complaint] = '\0';
	const char *line = strrchr(c->complaint, '\n');
	return line ? line + 1 : c->complaint;
}

void c5_child_free(c5_child *c)
{
	if (!c) return;
	if (c->pid) {
		kill(-c->pid, SIGKILL);
		waitpid(c->pid, &c->status, 0);
	}
	if (c->out >= 0) close(c->out);
	if (c->err >= 0) close(c->err);
	c5_buf_free(&c->text);
	free(c);
}
