/* A login program that does to PAM modules what programs do that nobody meant well with. It writes each prompt to
 * descriptor 3, reads each answer from 4, a line each, and at the end says there what is different from before.
 *
 *   host SERVICE USER [closed] [chld-ignored] [chld-taken] [blocked] [rhost=…] [tty=…] [ruser=…] [twice] [forks] */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_appl.h>

enum { TALK = 3, HEAR = 4 };

static void say(const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t w = write(TALK, text, n);

		if (w <= 0)
			_exit(9);
		text += w;
		n -= (size_t)w;
	}
}

static int conversation(int n, const struct pam_message **messages, struct pam_response **out, void *unused)
{
	struct pam_response *all = calloc((size_t)n, sizeof *all);

	(void)unused;
	for (int i = 0; i < n; i++) {
		char line[8192];
		size_t at = 0;

		say(messages[i]->msg_style == PAM_PROMPT_ECHO_OFF ? "hidden " : messages[i]->msg_style == PAM_PROMPT_ECHO_ON ? "shown " : "text ");
		say(messages[i]->msg);
		say("\n");
		if (messages[i]->msg_style != PAM_PROMPT_ECHO_OFF && messages[i]->msg_style != PAM_PROMPT_ECHO_ON)
			continue;
		while (at < sizeof line - 1 && read(HEAR, line + at, 1) == 1 && line[at] != '\n')
			at++;
		line[at] = 0;
		all[i].resp = strdup(line);
	}
	*out = all;
	return PAM_SUCCESS;
}

static int entries(const char *folder)
{
	DIR *d = opendir(folder);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static int taken;

static void take(int sig)
{
	int saved = errno;

	(void)sig;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		taken++;
	errno = saved;
}

/* What a module must leave as it was. */
static void look(char *into, size_t size)
{
	size_t at = 0;
	sigset_t mask;

	at += (size_t)snprintf(into + at, size - at, "descriptors %d, threads %d, signals", entries("/proc/self/fd"), entries("/proc/self/task"));
	for (int s = 1; s < 32; s++) {
		struct sigaction a;

		if (sigaction(s, NULL, &a) == 0)
			at += (size_t)snprintf(into + at, size - at, " %d", a.sa_handler == SIG_DFL ? 0 : a.sa_handler == SIG_IGN ? 1 : 2);
	}
	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int s = 1; s < 32; s++)
		at += (size_t)snprintf(into + at, size - at, "%d", sigismember(&mask, s));
	(void)snprintf(into + at, size - at, ", umask %o, alarm %u", umask(umask(0)), alarm(0));
}

int main(int argc, char **argv)
{
	struct pam_conv conv = {conversation, NULL};
	char before[2048], after[2048], line[256];
	pam_handle_t *pamh = NULL;
	int twice = 0, forks = 0, code;

	if (argc < 3 || pam_start(argv[1], argv[2], &conv, &pamh) != PAM_SUCCESS)
		return 8;
	for (int i = 3; i < argc; i++) {
		if (strcmp(argv[i], "closed") == 0) {
			for (int fd = 0; fd < 3; fd++)
				close(fd);
		} else if (strcmp(argv[i], "chld-ignored") == 0) {
			signal(SIGCHLD, SIG_IGN);
		} else if (strcmp(argv[i], "chld-taken") == 0) {
			signal(SIGCHLD, take);
		} else if (strcmp(argv[i], "blocked") == 0) {
			sigset_t all;

			sigfillset(&all);
			sigprocmask(SIG_SETMASK, &all, NULL);
		} else if (strncmp(argv[i], "rhost=", 6) == 0) {
			pam_set_item(pamh, PAM_RHOST, argv[i] + 6);
		} else if (strncmp(argv[i], "tty=", 4) == 0) {
			pam_set_item(pamh, PAM_TTY, argv[i] + 4);
		} else if (strncmp(argv[i], "ruser=", 6) == 0) {
			pam_set_item(pamh, PAM_RUSER, argv[i] + 6);
		}
		twice |= strcmp(argv[i], "twice") == 0;
		forks |= strcmp(argv[i], "forks") == 0;
	}
	/* The C library keeps its way to syslog, whoever was the first to log. */
	syslog(LOG_DEBUG, "host");
	look(before, sizeof before);
	for (int n = 0; n <= twice; n++) {
		/* As sshd does: pam_start in the parent, pam_authenticate in the child. */
		pid_t child = forks ? fork() : 0;
		int status = 0;

		if (child != 0) {
			while (waitpid(child, &status, 0) < 0 && errno == EINTR)
				;
			continue;
		}
		code = pam_authenticate(pamh, 0);
		look(after, sizeof after);
		(void)snprintf(line, sizeof line, "result %d\n", code);
		say(line);
		if (forks)
			_exit(0);
	}
	if (!forks && strcmp(before, after) != 0) {
		say("changed ");
		say(before);
		say(" INTO ");
		say(after);
		say("\n");
	}
	/* A child of ours that nobody has taken is left over. */
	say(forks || waitpid(-1, NULL, WNOHANG) < 0 ? "end\n" : "left a child\n");
	pam_end(pamh, 0);
	return 0;
}
