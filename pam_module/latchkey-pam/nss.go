package main

/*
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/types.h>

// The fields that are needed, found with a buffer that grows. 0: found; 1: no such account; else the errno.
static int find_account(const char *name, char **spelled, uid_t *uid, gid_t *gid) {
	struct passwd entry, *found = NULL;
	size_t size = 4096;
	char *buffer = NULL;
	int failed;
	do {
		char *larger = realloc(buffer, size *= 2);
		if (!larger) { free(buffer); return ENOMEM; }
		buffer = larger;
		failed = getpwnam_r(name, &entry, buffer, size, &found);
	} while ((failed == ERANGE && size < (1 << 20)) || failed == EINTR);
	if (!found) {
		free(buffer);
		// The manual names these as "not found".
		return failed == 0 || failed == ENOENT || failed == ESRCH ? 1 : failed;
	}
	*spelled = buffer;
	*uid = entry.pw_uid;
	*gid = entry.pw_gid;
	// pw_name points into the buffer: move it to the beginning, which is what is freed.
	char *from = entry.pw_name, *to = buffer;
	while ((*to++ = *from++)) ;
	return 0;
}

static int find_group(const char *name, gid_t *gid) {
	struct group entry, *found = NULL;
	size_t size = 16384;
	char *buffer = NULL;
	int failed;
	do {
		char *larger = realloc(buffer, size *= 2);
		if (!larger) { free(buffer); return ENOMEM; }
		buffer = larger;
		failed = getgrnam_r(name, &entry, buffer, size, &found);
	} while ((failed == ERANGE && size < (32 << 20)) || failed == EINTR);
	if (found) *gid = entry.gr_gid;
	free(buffer);
	if (found) return 0;
	return failed == 0 || failed == ENOENT || failed == ESRCH ? 1 : failed;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unsafe"
)

// account is a user as the host's NSS knows it.
type account struct {
	name     string // as NSS spells it
	uid, gid uint32
}

var errNoAccount = errors.New("no such account")

// findAccount asks NSS. errNoAccount is a certain no; any other error is none.
func findAccount(name string) (account, error) {
	if name == "" || strings.ContainsRune(name, 0) {
		return account{}, errNoAccount
	}
	asked := C.CString(name)
	defer C.free(unsafe.Pointer(asked))
	var spelled *C.char
	var uid C.uid_t
	var gid C.gid_t
	switch code := C.find_account(asked, &spelled, &uid, &gid); code {
	case 0:
		defer C.free(unsafe.Pointer(spelled))
		return account{C.GoString(spelled), uint32(uid), uint32(gid)}, nil
	case 1:
		return account{}, errNoAccount
	default:
		return account{}, fmt.Errorf("NSS: %w", syscall.Errno(code))
	}
}

// groupsOf gives all groups of an account.
func groupsOf(a account) (map[uint32]bool, error) {
	asked := C.CString(a.name)
	defer C.free(unsafe.Pointer(asked))
	n := C.int(64)
	for range 8 {
		list := make([]C.gid_t, n)
		if C.getgrouplist(asked, C.gid_t(a.gid), &list[0], &n) >= 0 {
			groups := map[uint32]bool{}
			for _, gid := range list[:n] {
				groups[uint32(gid)] = true
			}
			return groups, nil
		}
		n = max(n, C.int(len(list))*2)
	}
	return nil, errors.New("NSS: the groups do not come to an end")
}

var errNoGroup = errors.New("no such group")

func findGroup(name string) (uint32, error) {
	asked := C.CString(name)
	defer C.free(unsafe.Pointer(asked))
	var gid C.gid_t
	switch code := C.find_group(asked, &gid); code {
	case 0:
		return uint32(gid), nil
	case 1:
		return 0, errNoGroup
	default:
		return 0, fmt.Errorf("NSS: %w", syscall.Errno(code))
	}
}
