#include "core/seal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "core/dbfile.h"

enum {
	BLOB_FORMAT = 1,
	KEY_BYTES = 32,
	NONCE_BYTES = 12,
	TAG_BYTES = 16,
	HEAD_BYTES = 1 + 1 + 4 + 8, /* format, purpose, key id, set-at */
	AAD_BYTES = HEAD_BYTES + IDM_UUID_BYTES + 4,
	BLOB_MIN_BYTES = HEAD_BYTES + NONCE_BYTES + TAG_BYTES,
	PLAIN_MAX_BYTES = 64 * 1024,

	KEYS_MAX = 64,
	FILE_MAX_BYTES = 16 * 1024, /* of a key file; it is read into locked memory */
};

struct key {
	uint32_t id;
	bool active; /* false: retired, it unseals only */
	uint8_t bytes[KEY_BYTES];
};

struct idm_keyring {
	enum idm_purpose purpose;
	EVP_CIPHER *cipher; /* fetched once: a look-up for each secret costs more than AES */
	size_t count;
	struct key keys[KEYS_MAX];
	/* What follows is used while the file is read, and wiped then. */
	char text[FILE_MAX_BYTES + 1];
};

static const char *
purpose_name(enum idm_purpose purpose)
{
	switch (purpose) {
	case IDM_PURPOSE_PASSWORD: return "password";
	case IDM_PURPOSE_RADIUS: return "radius";
	}
	return "unknown";
}

/* --- making a key file */

/* `kanidm-keyring 1 PURPOSE`, then `ID STATE KEY` a line. */
static bool
format_first(enum idm_purpose purpose, char *out, size_t room)
{
	uint8_t key[KEY_BYTES];
	char hex[2 * KEY_BYTES + 1];
	bool ok = RAND_bytes(key, sizeof(key)) == 1;

	for (size_t i = 0; i < sizeof(key); i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	snprintf(out, room, "kanidm-keyring 1 %s\n1 active %s\n", purpose_name(purpose), hex);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(hex, sizeof(hex));
	return ok;
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

/* Write `text` beside `path` and give it that name, unless there is a file of it already. */
static enum idm_result
write_new(const char *path, const char *text, gid_t group, struct idm_error *err)
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
	if (result == IDM_OK &&
	    renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_NOREPLACE) != 0 && errno != EEXIST)
		result = fail_errno(err, path, "can't rename its new file");
	unlink(beside); /* gone, or not wanted */
	return result == IDM_OK ? sync_directory_of(path, err) : result;
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
	if (format_first(purpose, text, sizeof(text)))
		result = write_new(path, text, group, err);
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
parse_key(const char *text, uint8_t out[KEY_BYTES])
{
	for (size_t i = 0; i < KEY_BYTES; i++, text += 2) {
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

	snprintf(head, sizeof(head), "kanidm-keyring 1 %s", purpose_name(ring->purpose));
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

	while ((got = read(fd, ring->text + len, FILE_MAX_BYTES + 1 - len)) > 0) {
		len += (size_t)got;
		if (len > FILE_MAX_BYTES)
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
	ring->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
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

/* --- sealing */

/* The active key that was made last: ids only grow. */
static const struct key *
newest_key(const struct idm_keyring *ring)
{
	const struct key *newest = NULL;

	for (size_t i = 0; i < ring->count; i++) {
		const struct key *key = &ring->keys[i];

		if (key->active && (newest == NULL || key->id > newest->id))
			newest = key;
	}
	return newest;
}

static const struct key *
find_key(const struct idm_keyring *ring, uint32_t id)
{
	for (size_t i = 0; i < ring->count; i++)
		if (ring->keys[i].id == id)
			return &ring->keys[i];
	return NULL;
}

static void
put_head(uint8_t head[HEAD_BYTES], enum idm_purpose purpose, uint32_t key_id, uint64_t set_at_no)
{
	uint32_t id = htobe32(key_id);
	uint64_t no = htobe64(set_at_no);

	head[0] = BLOB_FORMAT;
	head[1] = (uint8_t)purpose;
	memcpy(head + 2, &id, sizeof(id));
	memcpy(head + 6, &no, sizeof(no));
}

/* What the tag covers besides: a blob fits one attribute of one entry, and no other. */
static void
put_aad(uint8_t aad[AAD_BYTES], const uint8_t head[HEAD_BYTES], const struct idm_uuid *uuid,
    uint32_t attr_number)
{
	uint32_t number = htobe32(attr_number);

	memcpy(aad, head, HEAD_BYTES);
	memcpy(aad + HEAD_BYTES, uuid->bytes, IDM_UUID_BYTES);
	memcpy(aad + HEAD_BYTES + IDM_UUID_BYTES, &number, sizeof(number));
}

static bool
encrypt(EVP_CIPHER_CTX *ctx, const struct idm_keyring *ring, const struct key *key,
    const uint8_t aad[AAD_BYTES], struct idm_span plain, uint8_t *nonce)
{
	uint8_t *cipher = nonce + NONCE_BYTES;
	uint8_t *tag = cipher + plain.len;
	int len;

	return RAND_bytes(nonce, NONCE_BYTES) == 1 &&
	       EVP_EncryptInit_ex2(ctx, ring->cipher, key->bytes, nonce, NULL) == 1 &&
	       EVP_EncryptUpdate(ctx, NULL, &len, aad, AAD_BYTES) == 1 &&
	       (plain.len == 0 ||
		   EVP_EncryptUpdate(ctx, cipher, &len, plain.ptr, (int)plain.len) == 1) &&
	       EVP_EncryptFinal_ex(ctx, tag, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1;
}

enum idm_result
idm_seal(const struct idm_keyring *ring, const struct idm_uuid *uuid, uint32_t attr_number,
    uint64_t set_at_no, struct idm_span plain, struct idm_arena *arena, struct idm_span *blob,
    struct idm_error *err)
{
	const struct key *key = newest_key(ring);
	uint8_t aad[AAD_BYTES];
	EVP_CIPHER_CTX *ctx;
	uint8_t *out;
	bool ok;

	if (key == NULL)
		return idm_fail(err, IDM_INVALID, "the %s key ring has no active key",
		    purpose_name(ring->purpose));
	if (plain.len > PLAIN_MAX_BYTES)
		return idm_fail(err, IDM_LIMIT, "a secret of %zu octets", plain.len);
	out = idm_arena_alloc(arena, BLOB_MIN_BYTES + plain.len);
	if (out == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory to seal a secret");
	ctx = EVP_CIPHER_CTX_new();
	put_head(out, ring->purpose, key->id, set_at_no);
	put_aad(aad, out, uuid, attr_number);
	ok = ctx != NULL && encrypt(ctx, ring, key, aad, plain, out + HEAD_BYTES);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		return idm_fail(err, IDM_SYSTEM, "OpenSSL could not seal a secret");
	*blob = idm_span_of(out, BLOB_MIN_BYTES + plain.len);
	return IDM_OK;
}

static bool
decrypt(EVP_CIPHER_CTX *ctx, const struct idm_keyring *ring, const struct key *key,
    const uint8_t aad[AAD_BYTES], struct idm_span blob, uint8_t *plain)
{
	const uint8_t *nonce = blob.ptr + HEAD_BYTES;
	const uint8_t *cipher = nonce + NONCE_BYTES;
	size_t cipher_len = blob.len - BLOB_MIN_BYTES;
	uint8_t tag[TAG_BYTES];
	int len;

	memcpy(tag, cipher + cipher_len, TAG_BYTES);
	return EVP_DecryptInit_ex2(ctx, ring->cipher, key->bytes, nonce, NULL) == 1 &&
	       EVP_DecryptUpdate(ctx, NULL, &len, aad, AAD_BYTES) == 1 &&
	       (cipher_len == 0 ||
		   EVP_DecryptUpdate(ctx, plain, &len, cipher, (int)cipher_len) == 1) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, plain + cipher_len, &len) == 1;
}

/* The key that a blob was sealed with; NULL: the text says why there is none. */
static const struct key *
key_of(const struct idm_keyring *ring, struct idm_span blob, struct idm_error *err)
{
	const struct key *key;
	uint32_t id;

	if (blob.len < BLOB_MIN_BYTES || blob.len > BLOB_MIN_BYTES + PLAIN_MAX_BYTES ||
	    blob.ptr[0] != BLOB_FORMAT) {
		idm_fail(err, IDM_CORRUPT, "a sealed secret is damaged");
		return NULL;
	}
	if (blob.ptr[1] != ring->purpose) {
		idm_fail(err, IDM_CORRUPT, "a secret is not sealed for the %s key ring",
		    purpose_name(ring->purpose));
		return NULL;
	}
	memcpy(&id, blob.ptr + 2, sizeof(id));
	key = find_key(ring, be32toh(id));
	if (key == NULL)
		idm_fail(err, IDM_CORRUPT, "the %s key ring lacks key %u",
		    purpose_name(ring->purpose), be32toh(id));
	return key;
}

enum idm_result
idm_unseal(const struct idm_keyring *ring, const struct idm_uuid *uuid, uint32_t attr_number,
    struct idm_span blob, struct idm_arena *arena, struct idm_span *plain, struct idm_error *err)
{
	const struct key *key = key_of(ring, blob, err);
	uint8_t aad[AAD_BYTES];
	EVP_CIPHER_CTX *ctx;
	size_t len;
	uint8_t *out;
	bool ok;

	if (key == NULL)
		return IDM_CORRUPT;
	len = blob.len - BLOB_MIN_BYTES;
	out = idm_arena_alloc(arena, len + 1); /* never of 0 octets */
	if (out == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory to unseal a secret");
	ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL)
		return idm_fail(err, IDM_SYSTEM, "no memory to unseal a secret");
	put_aad(aad, blob.ptr, uuid, attr_number);
	ok = decrypt(ctx, ring, key, aad, blob, out);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok) {
		OPENSSL_cleanse(out, len);
		return idm_fail(err, IDM_CORRUPT,
		    "a sealed secret does not verify: changed, or of another entry or key");
	}
	*plain = idm_span_of(out, len);
	return IDM_OK;
}

uint64_t
idm_seal_set_at(struct idm_span blob)
{
	uint64_t no;

	if (blob.len < BLOB_MIN_BYTES || blob.ptr[0] != BLOB_FORMAT)
		return 0;
	memcpy(&no, blob.ptr + 6, sizeof(no));
	return be64toh(no);
}
