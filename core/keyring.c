/* Key files: made, read, put in place of others (core/seal.h). */
#include "core/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "core/dbfile.h"

const char *
idm_purpose_name(enum idm_purpose purpose)
{
	switch (purpose) {
	case IDM_PURPOSE_PASSWORD: return "password";
	case IDM_PURPOSE_RADIUS: return "radius";
	}
	return "unknown";
}

/* --- making a key file */

/* `ID STATE KEY` and the end of a line, behind what stands in `text`. */
static void
format_key(const struct key *key, bool active, char *text, size_t room)
{
	char hex[2 * IDM_GCM_KEY_BYTES + 1];
	size_t len = strlen(text);

	for (size_t i = 0; i < IDM_GCM_KEY_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", key->bytes[i]);
	snprintf(text + len, room - len, "%u %s %s\n", key->id, active ? "active" : "retired", hex);
	OPENSSL_cleanse(hex, sizeof(hex));
}

/* A new key, the only active one. */
static bool
format_new(uint32_t id, char *text, size_t room)
{
	struct key key = { .id = id };
	bool ok = RAND_bytes(key.bytes, sizeof(key.bytes)) == 1;

	format_key(&key, true, text, room);
	OPENSSL_cleanse(&key, sizeof(key));
	return ok;
}

static void
format_head(enum idm_purpose purpose, char *text, size_t room)
{
	snprintf(text, room, "kanidm-keyring 1 %s\n", idm_purpose_name(purpose));
}

static enum idm_result
fail_errno(struct idm_error *err, const char *path, const char *what)
{
	return idm_fail(err, IDM_SYSTEM, "%s: %s: %s", path, what, strerror(errno));
}

/* The whole text, then the modes, then to the disk. */
static bool
fill_file(int fd, const char *text, gid_t group)
{
	size_t len = strlen(text);

	if (write(fd, text, len) != (ssize_t)len)
		return false;
	if (group != (gid_t)-1 && (fchown(fd, (uid_t)-1, group) != 0 || fchmod(fd, 0640) != 0))
		return false;
	return fsync(fd) == 0;
}

/* Make a name in the directory of `path` durable. */
static enum idm_result
sync_directory_of(const char *path, struct idm_error *err)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		snprintf(dir, sizeof(dir), ".");
	else
		slash[slash == dir] = '\0';
	return idm_dbfile_sync_directory(dir, err);
}

/* Write `text` beside `path` and give it that name; `flags` as of renameat2. */
static enum idm_result
write_file(const char *path, const char *text, gid_t group, unsigned flags, struct idm_error *err)
{
	char beside[PATH_MAX];
	enum idm_result result = IDM_OK;
	int fd;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
		return idm_fail(err, IDM_INVALID, "the name of a key file is too long");
	unlink(beside); /* what a crash left */
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(err, beside, "can't make it");
	if (!fill_file(fd, text, group))
		result = fail_errno(err, beside, "can't write it");
	if (close(fd) != 0 && result == IDM_OK)
		result = fail_errno(err, beside, "can't write it");
	if (result == IDM_OK && renameat2(AT_FDCWD, beside, AT_FDCWD, path, flags) != 0 &&
	    errno != EEXIST)
		result = fail_errno(err, path, "can't rename its new file");
	unlink(beside); /* gone, or not wanted */
	return result == IDM_OK ? sync_directory_of(path, err) : result;
}

enum idm_result
idm_keyring_write(const char *path, const char *text, gid_t group, struct idm_error *err)
{
	return write_file(path, text, group, 0, err);
}

enum idm_result
idm_keyring_create(const char *path, enum idm_purpose purpose, gid_t group, struct idm_error *err)
{
	char text[256];
	enum idm_result result;

	if (access(path, F_OK) == 0)
		return IDM_OK;
	if (errno != ENOENT)
		return fail_errno(err, path, "can't look for it");
	format_head(purpose, text, sizeof(text));
	if (format_new(1, text, sizeof(text)))
		result = write_file(path, text, group, RENAME_NOREPLACE, err);
	else
		result = idm_fail(err, IDM_SYSTEM, "%s: the random source failed", path);
	OPENSSL_cleanse(text, sizeof(text));
	return result;
}

/* --- reading a key file */

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 64 hexadecimal digits and the end of the text. */
static bool
parse_key(const char *text, uint8_t out[IDM_GCM_KEY_BYTES])
{
	for (size_t i = 0; i < IDM_GCM_KEY_BYTES; i++, text += 2) {
		int high = hex_value(text[0]);
		int low = high < 0 ? -1 : hex_value(text[1]);

		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return *text == '\0';
}

/* A number of 1 to 9 digits, then a space. */
static const char *
parse_id(const char *text, uint32_t *out)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 9 || text[0] == '0' || text[digits] != ' ')
		return NULL;
	*out = (uint32_t)strtoul(text, NULL, 10);
	return text + digits + 1;
}

/* `ID active|retired KEY`; what is wrong, or NULL. */
static const char *
add_key(struct idm_keyring *ring, const char *line)
{
	struct key *key = &ring->keys[ring->count];
	const char *rest;

	if (ring->count == KEYS_MAX)
		return "too many keys";
	rest = parse_id(line, &key->id);
	if (rest == NULL)
		return "no key id: a number from 1 and a space";
	for (size_t i = 0; i < ring->count; i++)
		if (ring->keys[i].id == key->id)
			return "a key id that stands twice";
	key->active = strncmp(rest, "active ", 7) == 0;
	if (!key->active && strncmp(rest, "retired ", 8) != 0)
		return "no state: active or retired";
	if (!parse_key(rest + (key->active ? 7 : 8), key->bytes))
		return "no key: 64 hexadecimal digits in lower case";
	ring->count++;
	return NULL;
}

static enum idm_result
parse_ring(struct idm_keyring *ring, const char *path, struct idm_error *err)
{
	char head[64];
	int number = 0;

	snprintf(head, sizeof(head), "kanidm-keyring 1 %s", idm_purpose_name(ring->purpose));
	for (char *line = ring->text, *end; *line != '\0'; line = end + 1) {
		const char *wrong = NULL;

		number++;
		end = strchr(line, '\n');
		if (end == NULL)
			return idm_fail(
			    err, IDM_INVALID, "%s:%d: the line does not end", path, number);
		*end = '\0';
		if (number > 1)
			wrong = add_key(ring, line);
		else if (strcmp(line, head) != 0)
			return idm_fail(
			    err, IDM_INVALID, "%s:1: it does not begin with \"%s\"", path, head);
		if (wrong != NULL)
			return idm_fail(err, IDM_INVALID, "%s:%d: %s", path, number, wrong);
	}
	if (ring->count == 0)
		return idm_fail(err, IDM_INVALID, "%s:%d: no key", path, number + 1);
	return IDM_OK;
}

/* A file that the wrong people may read, or write, holds no secret. */
static enum idm_result
check_mode(int fd, enum idm_purpose purpose, const char *path, struct idm_error *err)
{
	mode_t forbidden = purpose == IDM_PURPOSE_RADIUS ? 0037 : 0077;
	struct stat info;

	if (fstat(fd, &info) != 0)
		return fail_errno(err, path, "can't look at it");
	if (!S_ISREG(info.st_mode))
		return idm_fail(err, IDM_INVALID, "%s: not a regular file", path);
	if ((info.st_mode & forbidden) != 0)
		return idm_fail(err, IDM_INVALID,
		    "%s: its mode %04o lets others at the keys; chmod it to %s", path,
		    (unsigned)info.st_mode & 07777,
		    purpose == IDM_PURPOSE_RADIUS ? "0640 or 0600" : "0600");
	return IDM_OK;
}

static enum idm_result
read_text(int fd, struct idm_keyring *ring, const char *path, struct idm_error *err)
{
	size_t len = 0;
	ssize_t got;

	while ((got = read(fd, ring->text + len, KEY_FILE_MAX_BYTES + 1 - len)) > 0) {
		len += (size_t)got;
		if (len > KEY_FILE_MAX_BYTES)
			return idm_fail(err, IDM_INVALID, "%s: too large for a key file", path);
	}
	if (got < 0)
		return fail_errno(err, path, "can't read it");
	if (memchr(ring->text, '\0', len) != NULL)
		return idm_fail(err, IDM_INVALID, "%s: it holds a NUL", path);
	ring->text[len] = '\0';
	return IDM_OK;
}

/* Pages of its own: locked, and left out of core dumps. */
static struct idm_keyring *
ring_new(enum idm_purpose purpose, struct idm_error *err)
{
	struct idm_keyring *ring =
	    mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (ring == MAP_FAILED) {
		idm_fail(err, IDM_SYSTEM, "keys: no memory: %s", strerror(errno));
		return NULL;
	}
	if (mlock(ring, sizeof(*ring)) != 0 || madvise(ring, sizeof(*ring), MADV_DONTDUMP) != 0) {
		idm_fail(err, IDM_SYSTEM,
		    "keys: can't lock memory: %s; allow at least 64 KiB (ulimit -l)",
		    strerror(errno));
		munmap(ring, sizeof(*ring));
		return NULL;
	}
	ring->purpose = purpose;
	ring->cipher = idm_gcm_cipher();
	if (ring->cipher == NULL) {
		idm_fail(err, IDM_SYSTEM, "OpenSSL has no AES-256-GCM");
		idm_keyring_close(&ring);
	}
	return ring;
}

enum idm_result
idm_keyring_open(
    const char *path, enum idm_purpose purpose, struct idm_keyring **out, struct idm_error *err)
{
	struct idm_keyring *ring;
	enum idm_result result;
	int fd;

	*out = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return idm_fail(err, IDM_NOT_FOUND, "%s: there is no such key file", path);
	if (fd < 0)
		return fail_errno(err, path, "can't open it");
	ring = ring_new(purpose, err);
	result = ring == NULL ? IDM_SYSTEM : check_mode(fd, purpose, path, err);
	if (result == IDM_OK)
		result = read_text(fd, ring, path, err);
	if (result == IDM_OK)
		result = parse_ring(ring, path, err);
	close(fd);
	if (ring != NULL)
		OPENSSL_cleanse(ring->text, sizeof(ring->text));
	if (result != IDM_OK)
		idm_keyring_close(&ring);
	*out = ring;
	return result;
}

void
idm_keyring_close(struct idm_keyring **ring)
{
	if (*ring == NULL)
		return;
	EVP_CIPHER_free((*ring)->cipher);
	OPENSSL_cleanse(*ring, sizeof(**ring));
	munmap(*ring, sizeof(**ring)); /* unlocks it too */
	*ring = NULL;
}

enum idm_purpose
idm_keyring_purpose(const struct idm_keyring *ring)
{
	return ring->purpose;
}

/* --- replacing keys */

/* All that the ring has, but the oldest where it is full, and a new one. */
static enum idm_result
format_rotated(const struct idm_keyring *ring, char text[KEY_FILE_MAX_BYTES], struct idm_error *err)
{
	uint32_t newest = 0, oldest = UINT32_MAX;

	for (size_t i = 0; i < ring->count; i++) {
		newest = ring->keys[i].id > newest ? ring->keys[i].id : newest;
		oldest = ring->keys[i].id < oldest ? ring->keys[i].id : oldest;
	}
	format_head(ring->purpose, text, KEY_FILE_MAX_BYTES);
	for (size_t i = 0; i < ring->count; i++) {
		if (ring->count < KEYS_MAX || ring->keys[i].id != oldest)
			format_key(&ring->keys[i], false, text, KEY_FILE_MAX_BYTES);
	}
	if (newest == KEY_ID_MAX)
		return idm_fail(err, IDM_LIMIT, "the %s key ring has used up its numbers",
		    idm_purpose_name(ring->purpose));
	if (!format_new(newest + 1, text, KEY_FILE_MAX_BYTES))
		return idm_fail(err, IDM_SYSTEM, "the random source failed");
	return IDM_OK;
}

enum idm_result
idm_keyring_rotate(const char *path, enum idm_purpose purpose, gid_t group, struct idm_error *err)
{
	struct idm_keyring *ring;
	enum idm_result result = idm_keyring_open(path, purpose, &ring, err);

	if (result != IDM_OK)
		return result;
	result = format_rotated(ring, ring->text, err);
	if (result == IDM_OK)
		result = write_file(path, ring->text, group, 0, err);
	idm_keyring_close(&ring); /* wipes the text too */
	return result;
}
