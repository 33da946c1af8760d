// SPDX-License-Identifier: MIT
//
// Preloaded into a server: counts what it asks of the kernel with the two ioctls, in the file $IOCTLS, and with
// $IDS=kernel has it believe that the kernel knows nothing of ids that a server chooses.
//
// The file holds three numbers of 64 bits: BACKING_OPEN, those of them that were refused, BACKING_CLOSE.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_ulong *counts;
static int kernel_ids;

static long raw(long number, const long *a)
{
	register long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	if ((unsigned long)result > -4096ul) {
		errno = -result;
		return -1;
	}
	return result;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("IOCTLS"), *ids = getenv("IDS");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;

	kernel_ids = ids && !strcmp(ids, "kernel");
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		abort();
	counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		abort();
	close(fd);
}

/* In place of libc's, by which the server makes its ioctls. */
long syscall(long number, ...)
{
	long a[6], result;
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number != SYS_ioctl)
		return raw(number, a);
	if ((unsigned int)a[1] == FUSE_DEV_IOC_BACKING_CLOSE)
		atomic_fetch_add(&counts[2], 1);
	if ((unsigned int)a[1] != FUSE_DEV_IOC_BACKING_OPEN)
		return raw(number, a);
	if (kernel_ids && ((const struct fuse_backing_map *)a[2])->flags) {
		errno = EINVAL;
		return -1;
	}
	result = raw(number, a);
	atomic_fetch_add(&counts[0], 1);
	atomic_fetch_add(&counts[1], result < 0);
	return result;
}
