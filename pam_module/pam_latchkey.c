/* pam_latchkey.so starts a helper and carries between it and PAM: items and arguments there, prompts back, answers
 * there, a verdict back. It decides nothing. Whatever goes wrong here, or with the helper, is a denial.
 *
 * It lives in other people's login programs (sshd, sudo, su, login): it keeps no global state, no descriptor, no
 * signal handler and no thread, and the helper is a process of its own, out of reach of the user's environment,
 * limits and signals. frame.h is the language between the two. */
#define _GNU_SOURCE
#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <grp.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#define LK_EXPORT __attribute__((visibility("default")))
#ifndef LK_HELPER
#define LK_HELPER "/usr/libexec/latchkey/latchkey-pam"
#endif
#define LK_KEPT "latchkey_state" /* of pam_set_data */

/* The helper bounds its own waits, below a minute; one that says nothing for longer is stuck. */
enum { SILENCE_MS = 90 * 1000, END_MS = 2000, FRAMES = 200 };

struct kept {
	size_t size;
	char bytes[LK_MAX];
};

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

/* Starts the helper; its end of the socket, or -1. */
static int start_helper(pam_handle_t *pamh, const char *path, pid_t *pid)
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

/* Takes the child that is ours, and no other. A program that ignores SIGCHLD, or takes all children itself, leaves
 * nothing to take. A helper that does not end when its socket does is killed. */
static void end_helper(pid_t pid, int fd)
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

static int send_item(int fd, const char *name, const char *value)
{
	char text[LK_MAX];
	int n = snprintf(text, sizeof text, "%s=%s", name, value ? value : "");

	return n < 0 || (size_t)n >= sizeof text ? -1 : lk_write(fd, LK_ITEM, text, (size_t)n);
}

static int send_number(int fd, const char *name, unsigned long n)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%lu", n);
	return send_item(fd, name, text);
}

/* What the program's locale says, as far as it is told: it picks words and signs, nothing else. */
static const char *locale(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value && *value && strlen(value) < 64)
			return value;
	}
	return "";
}

static int tell_all(pam_handle_t *pamh, int fd, int flags, int argc, const char **argv)
{
	static const struct {
		const char *name;
		int item;
	} items[] = {{"service", PAM_SERVICE}, {"rhost", PAM_RHOST}, {"ruser", PAM_RUSER}, {"tty", PAM_TTY}};
	const struct kept *kept = NULL;
	const char *user = NULL;

	if (lk_write(fd, LK_HELLO, LK_VERSION, strlen(LK_VERSION)))
		return -1;
	for (int i = 0; i < argc; i++)
		if (lk_write(fd, LK_ARGUMENT, argv[i], strlen(argv[i])))
			return -1;
	/* It may ask for the name, as login does. */
	if (pam_get_user(pamh, &user, NULL) != PAM_SUCCESS || !user || send_item(fd, "user", user))
		return -1;
	for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
		const void *value = NULL;

		if (pam_get_item(pamh, items[i].item, &value) == PAM_SUCCESS && value && send_item(fd, items[i].name, value))
			return -1;
	}
	/* The kernel's word on the socket is the effective uid; who called su is the real one. */
	if (send_number(fd, "uid", getuid()) || send_number(fd, "euid", geteuid()) || send_item(fd, "silent", flags & PAM_SILENT ? "1" : "") ||
	    send_item(fd, "locale", locale()))
		return -1;
	if (pam_get_data(pamh, LK_KEPT, (const void **)&kept) == PAM_SUCCESS && kept && lk_write(fd, LK_STATE, kept->bytes, kept->size))
		return -1;
	return lk_write(fd, LK_GO, "", 0);
}

static void forget(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)status;
	explicit_bzero(data, sizeof(struct kept));
	free(data);
}

static int keep(pam_handle_t *pamh, const struct lk_frame *f)
{
	struct kept *k = calloc(1, sizeof *k);

	if (!k)
		return -1;
	k->size = f->size;
	memcpy(k->bytes, f->text, f->size);
	if (pam_set_data(pamh, LK_KEPT, k, forget) == PAM_SUCCESS)
		return 0;
	forget(pamh, k, 0);
	return -1;
}

static int say(pam_handle_t *pamh, int style, const char *text)
{
	return pam_prompt(pamh, style, NULL, "%s", text) == PAM_SUCCESS ? 0 : -1;
}

static int ask(pam_handle_t *pamh, int fd, int style, const char *text)
{
	char *typed = NULL;
	int failed = pam_prompt(pamh, style, &typed, "%s", text) != PAM_SUCCESS || !typed;

	if (!failed) {
		size_t size = strlen(typed);

		/* Longer than a frame is no answer to anything. */
		failed = size > LK_MAX ? lk_write(fd, LK_TYPED, "", 0) : lk_write(fd, LK_TYPED, typed, size);
		explicit_bzero(typed, size);
	} else {
		(void)lk_write(fd, LK_NOTHING, "", 0);
	}
	free(typed);
	return failed ? -1 : 0;
}

static int give_authtok(pam_handle_t *pamh, int fd)
{
	const void *token = NULL;

	if (pam_get_item(pamh, PAM_AUTHTOK, &token) == PAM_SUCCESS && token && strlen(token) <= LK_MAX)
		return lk_write(fd, LK_TYPED, token, strlen(token));
	return lk_write(fd, LK_NOTHING, "", 0);
}

/* Does what the helper asks for until it has given its verdict. */
static int relay(pam_handle_t *pamh, int fd)
{
	struct lk_frame f;
	int code = PAM_AUTH_ERR;

	for (int n = 0;; n++) {
		int failed;

		if (n == FRAMES || lk_read(fd, &f, SILENCE_MS)) {
			pam_syslog(pamh, LOG_CRIT, "the helper ended, was late, or spoke garbage: denied");
			break;
		}
		switch (f.kind) {
		case LK_ASK_HIDDEN: failed = ask(pamh, fd, PAM_PROMPT_ECHO_OFF, f.text); break;
		case LK_ASK: failed = ask(pamh, fd, PAM_PROMPT_ECHO_ON, f.text); break;
		case LK_INFO: failed = say(pamh, PAM_TEXT_INFO, f.text); break;
		case LK_ERROR: failed = say(pamh, PAM_ERROR_MSG, f.text); break;
		case LK_AUTHTOK: failed = give_authtok(pamh, fd); break;
		case LK_FORWARD: failed = pam_set_item(pamh, PAM_AUTHTOK, f.text) != PAM_SUCCESS; break;
		case LK_KEEP: failed = keep(pamh, &f); break;
		default: failed = 1; code = lk_verdict(&f); break;
		}
		if (failed) {
			if (f.kind != LK_VERDICT)
				code = PAM_CONV_ERR;
			break;
		}
	}
	explicit_bzero(&f, sizeof f);
	return code;
}

LK_EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	const char *path = LK_HELPER;
	int code = PAM_AUTH_ERR, fd;
	pid_t pid = -1;

	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "helper=", 7) == 0)
			path = argv[i] + 7;
	fd = start_helper(pamh, path, &pid);
	if (fd < 0)
		return PAM_AUTH_ERR;
	if (tell_all(pamh, fd, flags, argc, argv))
		pam_syslog(pamh, LOG_CRIT, "the helper does not listen, or there is no user: denied");
	else
		code = relay(pamh, fd);
	end_helper(pid, fd);
	return code;
}

LK_EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

/* Nothing is enforced here: other modules decide on accounts. */
LK_EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_IGNORE;
}
