/* keeper.c – see keeper.h. */
#include "hyperopt/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

#define A_MOMENT_NS 250000000 /* for a script whose last command has ended when the search is gone */

/* ---- the script ---- */

/* Between fork and exec. The search has one thread of its own, so that what `before` does works as anywhere. */
static void become(const c5_keeper *k)
{
	const c5_child_setup *setup = k->setup;
	const char *argv[] = { "sh", "-c", setup->script, NULL };
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null >= 0) dup2(null, STDIN_FILENO);
	dup2(k->out, STDOUT_FILENO);
	dup2(k->err, STDERR_FILENO);
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
	execve("/bin/sh", (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)k->env);
	_exit(127);
}

/* ---- the keeper ---- */

static void wake(int number) { (void)number; }

/* Nothing of the search is held on to: its locks would outlive it, and who reads what it writes would wait for us. */
static void let_go(const c5_keeper *k)
{
	int kept[3] = { k->talk, k->out, k->err }, null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++)
		for (int j = i + 1; j < 3; j++)
			if (kept[j] < kept[i]) {
				int other = kept[i];
				kept[i] = kept[j], kept[j] = other;
			}
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++) dup2(null, fd);
	unsigned from = STDERR_FILENO + 1;
	for (int i = 0; i < 3; i++) {
		if ((unsigned)kept[i] > from) close_range(from, (unsigned)kept[i] - 1, 0);
		from = (unsigned)kept[i] + 1;
	}
	close_range(from, ~0u, 0);
}

/* All signals wait, but that a child ended: what ends the search is not for us, and the socket tells it. */
static void quieten(sigset_t *but_children)
{
	struct sigaction act = { .sa_handler = wake };
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	*but_children = all;
	sigdelset(but_children, SIGCHLD);
	sigaction(SIGCHLD, &act, NULL);
}

typedef struct state { pid_t pid; int status; bool ended, killed, may_go, gone; } state;

static void hear(const c5_keeper *k, state *s)
{
	char word;
	ssize_t n;
	while ((n = recv(k->talk, &word, 1, MSG_DONTWAIT)) == 1) {
		if (word == C5_KEEPER_GO) s->may_go = true;
		s->killed = s->killed || !s->ended;
		if (!s->ended) kill(-s->pid, word == C5_KEEPER_STOP ? SIGTERM : SIGKILL);
		if (s->may_go) return;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) s->gone = true;
}

static void look(const c5_keeper *k, state *s)
{
	if (s->ended || waitpid(s->pid, &s->status, WNOHANG) != s->pid) return;
	s->ended = true;
	kill(-s->pid, SIGKILL); /* what it started and left */
	if (!s->gone) (void)!send(k->talk, &s->status, sizeof s->status, MSG_NOSIGNAL);
}

_Noreturn void c5_keeper_be(const c5_keeper *k)
{
	sigset_t but_children;
	state s = { 0 };
	setpgid(0, 0);
	let_go(k);
	quieten(&but_children);
	if (k->setup->begun) k->setup->begun(k->setup->keep);
	s.pid = fork();
	if (s.pid == 0) become(k);
	if (s.pid < 0) _exit(C5_EXIT_FAILURE); /* the search sees the socket's end */
	setpgid(s.pid, s.pid); /* both do it: whoever comes first */
	for (;;) {
		look(k, &s);
		if (s.ended && (s.may_go || s.gone)) break;
		struct pollfd at = { k->talk, POLLIN, 0 };
		const struct timespec a_moment = { 0, A_MOMENT_NS };
		bool deaf = s.gone || s.may_go;
		int n = ppoll(&at, deaf ? 0 : 1, s.gone && !s.killed ? &a_moment : NULL, &but_children);
		if (n > 0) hear(k, &s);
		if (n == 0 && s.gone && !s.killed) {
			kill(-s.pid, SIGKILL);
			s.killed = true;
		}
	}
	if (!s.may_go && k->setup->left) {
		k->over(k->child, s.status);
		k->setup->left(k->setup->keep, k->child, s.killed || WIFSIGNALED(s.status));
	}
	if (k->setup->clear) k->setup->clear(k->setup->keep, !s.may_go);
	_exit(C5_EXIT_OK);
}
