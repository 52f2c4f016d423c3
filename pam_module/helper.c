/* The helper's process: where it may stand, how it begins, how it ends. */
#define _GNU_SOURCE
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_ext.h>

enum { END_MS = 2000 };

/* Root alone may change this. In a directory with the sticky bit nobody can move what is root's. */
static int roots(const struct stat *s)
{
	return s->st_uid == 0 && (!(s->st_mode & (S_IWGRP | S_IWOTH)) || (S_ISDIR(s->st_mode) && (s->st_mode & S_ISVTX)));
}

/* Goes to path folder by folder and link by link, as the kernel would, and gives the path without links. Every folder
 * and link on the way, and the file at its end, must be root's alone: a link of root's may lead through a folder of a
 * user's. */
static int walk(const char *path, char real[PATH_MAX])
{
	char rest[2 * PATH_MAX], target[PATH_MAX];
	size_t at = 0, length = strlen(path);
	struct stat s;
	int links = 0;

	real[0] = '\0';
	if (path[0] != '/' || length >= PATH_MAX || lstat("/", &s) || !roots(&s))
		return -1;
	memcpy(rest, path, length + 1);
	for (char *next = rest;;) {
		size_t n;

		next += strspn(next, "/");
		n = strcspn(next, "/");
		if (n == 0)
			return at > 0 && S_ISREG(s.st_mode) ? 0 : -1;
		if (n == 1 && next[0] == '.') {
			next += n;
			continue;
		}
		if (n == 2 && next[0] == '.' && next[1] == '.') {
			while (at > 0 && real[--at] != '/')
				;
			real[at] = '\0';
			if (lstat(at > 0 ? real : "/", &s))
				return -1;
			next += n;
			continue;
		}
		if (at + 1 + n >= PATH_MAX)
			return -1;
		real[at] = '/';
		memcpy(real + at + 1, next, n);
		real[at + 1 + n] = '\0';
		next += n;
		if (lstat(real, &s))
			return -1;
		if (S_ISLNK(s.st_mode)) {
			ssize_t size = readlink(real, target, sizeof target);
			size_t left = strlen(next);

			if (s.st_uid != 0 || ++links > 40 || size <= 0 || (size_t)size >= sizeof target || (size_t)size + left >= sizeof rest)
				return -1;
			memmove(rest + size, next, left + 1);
			memcpy(rest, target, (size_t)size);
			next = rest;
			if (target[0] == '/')
				at = 0;
			real[at] = '\0';
			continue;
		}
		at += 1 + n;
		if (!roots(&s) || (!S_ISDIR(s.st_mode) && (!S_ISREG(s.st_mode) || next[0] != '\0')))
			return -1;
	}
}

static int safe_path(pam_handle_t *pamh, const char *path, char real[PATH_MAX])
{
	if (walk(path, real) == 0)
		return 0;
	pam_syslog(pamh, LOG_CRIT, "helper %.200s: %.200s must be there, be root's, and be writable by nobody else", path, real[0] ? real : path);
	return -1;
}

/* In the child. Under su and sudo limits, priority and mask are those of the user who called it, and so would be the
 * real uid: then the user could kill the helper. Nothing here allocates: another thread may have held the lock. */
static void become_helper(int fd, const char *path)
{
	static const int limits[] = {RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_STACK,
		RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_SIGPENDING, RLIMIT_RTTIME};
	char *const argv[] = {(char *)"latchkey-pam", NULL};
	/* Fixed: the environment of su and sudo is the user's. What is Go's makes it start sooner: one processor and
	 * no look at control groups, and no collection of garbage in a process that lives for one login. */
	char *const envp[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C", (char *)"GOMAXPROCS=1",
		(char *)"GODEBUG=containermaxprocs=0,updatemaxprocs=0", (char *)"GOGC=off", (char *)"GOMEMLIMIT=64MiB", NULL};
	struct rlimit r = {0, 0};
	sigset_t none;
	int null;

	if (geteuid() == 0) {
		(void)setgroups(0, NULL); /* where a container forbids it, the groups do no harm */
		if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
			_exit(126);
		(void)setpriority(PRIO_PROCESS, 0, 0);
	}
	(void)setrlimit(RLIMIT_CORE, &r);
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		r.rlim_cur = r.rlim_max = RLIM_INFINITY;
		if (limits[i] == RLIMIT_NOFILE)
			r.rlim_cur = r.rlim_max = 1024;
		else if (limits[i] == RLIMIT_STACK)
			r.rlim_cur = 8 << 20;
		if (setrlimit(limits[i], &r) && getrlimit(limits[i], &r) == 0) {
			r.rlim_cur = r.rlim_max;
			(void)setrlimit(limits[i], &r);
		}
	}
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)umask(077);
	/* Away from the terminal: its Ctrl-C is for the login program. */
	(void)setsid();
	null = open("/dev/null", O_RDWR);
	if (chdir("/") || null < 0 || dup2(fd, 3) != 3)
		_exit(126);
	if (fd == 3)
		(void)fcntl(3, F_SETFD, 0);
	if (null == 3 && (null = open("/dev/null", O_RDWR)) < 0) /* it was overwritten */
		_exit(126);
	if (dup2(null, 0) != 0 || dup2(null, 1) != 1 || dup2(null, 2) != 2)
		_exit(126);
	if (syscall(SYS_close_range, 4U, ~0U, 0U)) /* Linux before 5.9 */
		for (int other = 4; other < 65536; other++)
			(void)close(other);
	execve(path, argv, envp);
	_exit(127);
}

int lk_start(pam_handle_t *pamh, const char *path, pid_t *pid)
{
	char real[PATH_MAX];
	int pair[2];

	if (safe_path(pamh, path, real))
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		pam_syslog(pamh, LOG_CRIT, "no socket for the helper: %m");
		return -1;
	}
	*pid = fork();
	if (*pid == 0)
		become_helper(pair[1], real);
	if (*pid < 0)
		pam_syslog(pamh, LOG_CRIT, "the helper does not start: %m");
	close(pair[1]);
	if (*pid > 0)
		return pair[0];
	close(pair[0]);
	return -1;
}

/* A program that ignores SIGCHLD, or takes all children itself, leaves nothing to take. */
void lk_end(pid_t pid, int fd)
{
	struct timespec tick = {0, 100 * 1000};
	int alive = (int)syscall(SYS_pidfd_open, pid, 0); /* Linux 5.3 */

	close(fd);
	/* Woken by its end, not by a clock: this is part of every login's time. */
	if (alive >= 0) {
		struct pollfd p = {.fd = alive, .events = POLLIN};

		while (poll(&p, 1, END_MS) < 0 && errno == EINTR)
			;
		close(alive);
	}
	for (long waited = 0; waited < END_MS * 1000L * 1000L; waited += tick.tv_nsec) {
		pid_t got = waitpid(pid, NULL, WNOHANG);

		if (got == pid || (got < 0 && errno != EINTR))
			return;
		if (alive >= 0)
			break; /* it had its time */
		(void)nanosleep(&tick, NULL);
		if (tick.tv_nsec < 5 * 1000 * 1000)
			tick.tv_nsec *= 2;
	}
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
