/* The helper as a process. */
#ifndef LATCHKEY_HELPER_H
#define LATCHKEY_HELPER_H

#include <sys/types.h>

#include <security/pam_modules.h>

/* Starts the helper that stands at path, which must be root's alone, folders and links on the way included. The other
 * end of its socket, or -1, and then the log says why. */
int lk_start(pam_handle_t *pamh, const char *path, pid_t *pid);
/* Closes its socket, and takes the child that is ours, and no other. One that does not end then is killed. */
void lk_end(pid_t pid, int fd);

#endif
