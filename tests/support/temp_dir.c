#include "tests/support/temp_dir.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

void
temp_dir_make(const char *what, char *out, size_t size)
{
	static unsigned number;
	int made;

	do {
		int len =
		    snprintf(out, size, "/tmp/kanidm-%s-%ld-%u", what, (long)getpid(), number++);

		assert_true(len > 0 && (size_t)len < size);
		made = mkdir(out, 0700);
	} while (made != 0 && errno == EEXIST); /* of an earlier process that had our number */
	assert_int_equal(made, 0);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void
temp_dir_remove(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
