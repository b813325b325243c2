#include "core/archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/fd.h"

/* Where the fields of a head stand, and how long they are. */
enum {
	NAME_AT = 0,
	NAME_BYTES = 100,
	MODE_AT = 100,
	OWNER_AT = 108,
	GROUP_AT = 116,
	ID_BYTES = 8,
	SIZE_AT = 124,
	SIZE_BYTES = 12,
	TIME_AT = 136,
	SUM_AT = 148,
	SUM_BYTES = 8,
	TYPE_AT = 156,
	MAGIC_AT = 257,
	PIECE_BYTES = 1024 * 1024,
};

#define OCTAL_MAX ((UINT64_C(1) << 33) - 1) /* what 11 octal digits hold */

/* --- the stream */

static enum idm_result
write_all(int fd, const void *bytes, size_t len, struct idm_error *err)
{
	if (idm_fd_write(fd, bytes, len))
		return IDM_OK;
	return idm_fail(
	    err, errno == ENOSPC ? IDM_LIMIT : IDM_SYSTEM, "writing: %s", strerror(errno));
}

/* Less than `len` only where the stream ends. */
static enum idm_result
read_some(int fd, void *bytes, size_t len, size_t *got, struct idm_error *err)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = read(fd, (uint8_t *)bytes + *got, len - *got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return idm_fail(err, IDM_SYSTEM, "reading: %s", strerror(errno));
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return IDM_OK;
}

/* Octets behind a content of `bytes`, up to the next block. */
static size_t
padding(uint64_t bytes)
{
	return (size_t)(-bytes % IDM_ARCHIVE_BLOCK);
}

/* --- heads */

static uint32_t
head_sum(const uint8_t block[IDM_ARCHIVE_BLOCK])
{
	uint32_t sum = 0;

	for (size_t i = 0; i < IDM_ARCHIVE_BLOCK; i++)
		sum += i >= SUM_AT && i < SUM_AT + SUM_BYTES ? ' ' : block[i];
	return sum;
}

static void
put_octal(uint8_t *at, size_t bytes, uint64_t value)
{
	for (size_t i = bytes - 1; i > 0; i--, value >>= 3)
		at[i - 1] = (uint8_t)('0' + (value & 7));
	at[bytes - 1] = '\0';
}

static void
put_size(uint8_t *at, uint64_t bytes)
{
	if (bytes <= OCTAL_MAX) {
		put_octal(at, SIZE_BYTES, bytes);
		return;
	}
	for (size_t i = SIZE_BYTES; i > 1; i--, bytes >>= 8)
		at[i - 1] = (uint8_t)bytes;
	at[0] = 0x80; /* GNU: a number, not digits */
}

static void
make_head(const char *name, uint64_t bytes, uint8_t block[IDM_ARCHIVE_BLOCK])
{
	static const uint8_t magic[] = { 'u', 's', 't', 'a', 'r', '\0', '0', '0' };

	memset(block, 0, IDM_ARCHIVE_BLOCK);
	snprintf((char *)block + NAME_AT, NAME_BYTES, "%s", name);
	put_octal(block + MODE_AT, ID_BYTES, 0600);
	put_octal(block + OWNER_AT, ID_BYTES, 0);
	put_octal(block + GROUP_AT, ID_BYTES, 0);
	put_size(block + SIZE_AT, bytes);
	put_octal(block + TIME_AT, SIZE_BYTES, 0);
	block[TYPE_AT] = '0';
	memcpy(block + MAGIC_AT, magic, sizeof(magic));
	put_octal(block + SUM_AT, SUM_BYTES - 1, head_sum(block));
	block[SUM_AT + SUM_BYTES - 1] = ' ';
}

/* Octal digits, then a NUL or a space; false: something else. */
static bool
take_octal(const uint8_t *at, size_t bytes, uint64_t *out)
{
	size_t i = 0;

	*out = 0;
	for (; i < bytes && at[i] >= '0' && at[i] <= '7'; i++)
		*out = *out << 3 | (uint64_t)(at[i] - '0');
	return i > 0 && (i == bytes || at[i] == '\0' || at[i] == ' ');
}

static bool
take_size(const uint8_t *at, uint64_t *out)
{
	if (at[0] != 0x80)
		return take_octal(at, SIZE_BYTES, out);
	*out = 0;
	for (size_t i = SIZE_BYTES - 8; i < SIZE_BYTES; i++)
		*out = *out << 8 | at[i];
	return at[1] == 0 && at[2] == 0 && at[3] == 0 && *out <= INT64_MAX;
}

bool
idm_archive_is_head(const uint8_t block[IDM_ARCHIVE_BLOCK])
{
	return memcmp(block + MAGIC_AT, "ustar", 5) == 0;
}

static bool
is_empty(const uint8_t block[IDM_ARCHIVE_BLOCK])
{
	for (size_t i = 0; i < IDM_ARCHIVE_BLOCK; i++) {
		if (block[i] != 0)
			return false;
	}
	return true;
}

enum idm_result
idm_archive_take_head(struct idm_archive *archive, const uint8_t block[IDM_ARCHIVE_BLOCK],
    struct idm_archive_member **out, struct idm_error *err)
{
	struct idm_archive_member *member = &archive->members[archive->count];
	uint64_t sum;

	if (is_empty(block))
		return IDM_NOT_FOUND;
	if (!idm_archive_is_head(block) || !take_octal(block + SUM_AT, SUM_BYTES, &sum) ||
	    sum != head_sum(block))
		return idm_fail(err, IDM_CORRUPT, "it is damaged, or no backup");
	if (archive->count == IDM_ARCHIVE_MEMBERS_MAX || block[TYPE_AT] != '0' ||
	    memchr(block + NAME_AT, '\0', sizeof(member->name)) == NULL ||
	    !take_size(block + SIZE_AT, &member->bytes))
		return idm_fail(err, IDM_CORRUPT, "it holds what no backup does");
	memcpy(member->name, block + NAME_AT, sizeof(member->name));
	archive->count++;
	*out = member;
	return IDM_OK;
}

/* --- content */

/* Copy `member`'s content from one stream to the other, and sum it up on the way. */
static enum idm_result
copy_summed(struct idm_archive *archive, struct idm_archive_member *member, int from, int to,
    uint8_t *piece, EVP_MD_CTX *md, struct idm_error *err)
{
	uint64_t done = 0;
	enum idm_result result = IDM_OK;

	while (done < member->bytes && result == IDM_OK) {
		uint64_t left = member->bytes - done;
		size_t got;

		result = read_some(
		    from, piece, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES, &got, err);
		if (result == IDM_OK && got == 0)
			result = idm_fail(err, IDM_CORRUPT, "%s is cut off", member->name);
		if (result == IDM_OK && EVP_DigestUpdate(md, piece, got) != 1)
			result = idm_fail(err, IDM_SYSTEM, "SHA-256 failed");
		if (result == IDM_OK)
			result = write_all(to, piece, got, err);
		done += got;
		if (archive->progress != NULL)
			archive->progress(archive->ctx, member->name, done, member->bytes);
	}
	if (result == IDM_OK && EVP_DigestFinal_ex(md, member->sum, NULL) != 1)
		result = idm_fail(err, IDM_SYSTEM, "SHA-256 failed");
	return result;
}

static enum idm_result
copy_member(struct idm_archive *archive, struct idm_archive_member *member, int from, int to,
    struct idm_error *err)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t *piece = malloc(PIECE_BYTES);
	enum idm_result result;

	if (md == NULL || piece == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		result = idm_fail(err, IDM_SYSTEM, "out of memory");
	else
		result = copy_summed(archive, member, from, to, piece, md, err);
	free(piece);
	EVP_MD_CTX_free(md);
	return result;
}

static enum idm_result
add_head(struct idm_archive *archive, const char *name, uint64_t bytes,
    struct idm_archive_member **out, struct idm_error *err)
{
	struct idm_archive_member *member = &archive->members[archive->count];
	uint8_t block[IDM_ARCHIVE_BLOCK];

	if (archive->count == IDM_ARCHIVE_MEMBERS_MAX || strlen(name) >= sizeof(member->name))
		return idm_fail(err, IDM_INVALID, "no room for %s in a backup", name);
	archive->count++;
	snprintf(member->name, sizeof(member->name), "%s", name);
	member->bytes = bytes;
	make_head(name, bytes, block);
	*out = member;
	return write_all(archive->fd, block, sizeof(block), err);
}

static enum idm_result
add_padding(struct idm_archive *archive, uint64_t bytes, struct idm_error *err)
{
	static const uint8_t zeros[IDM_ARCHIVE_BLOCK];

	return write_all(archive->fd, zeros, padding(bytes), err);
}

enum idm_result
idm_archive_add_file(
    struct idm_archive *archive, const char *name, int fd, uint64_t bytes, struct idm_error *err)
{
	struct idm_archive_member *member;
	enum idm_result result = add_head(archive, name, bytes, &member, err);

	if (result == IDM_OK)
		result = copy_member(archive, member, fd, archive->fd, err);
	return result == IDM_OK ? add_padding(archive, bytes, err) : result;
}

enum idm_result
idm_archive_add(
    struct idm_archive *archive, const char *name, struct idm_span content, struct idm_error *err)
{
	struct idm_archive_member *member;
	enum idm_result result = add_head(archive, name, content.len, &member, err);

	if (result == IDM_OK &&
	    EVP_Digest(content.ptr, content.len, member->sum, NULL, EVP_sha256(), NULL) != 1)
		result = idm_fail(err, IDM_SYSTEM, "SHA-256 failed");
	if (result == IDM_OK)
		result = write_all(archive->fd, content.ptr, content.len, err);
	return result == IDM_OK ? add_padding(archive, content.len, err) : result;
}

enum idm_result
idm_archive_end(struct idm_archive *archive, struct idm_error *err)
{
	static const uint8_t zeros[2 * IDM_ARCHIVE_BLOCK];

	return write_all(archive->fd, zeros, sizeof(zeros), err);
}

enum idm_result
idm_archive_read_block(
    struct idm_archive *archive, uint8_t block[IDM_ARCHIVE_BLOCK], struct idm_error *err)
{
	size_t got;
	enum idm_result result = read_some(archive->fd, block, IDM_ARCHIVE_BLOCK, &got, err);

	if (result == IDM_OK && got != IDM_ARCHIVE_BLOCK)
		return got == 0 ? IDM_NOT_FOUND : idm_fail(err, IDM_CORRUPT, "it is cut off");
	return result;
}

enum idm_result
idm_archive_extract(
    struct idm_archive *archive, struct idm_archive_member *member, int fd, struct idm_error *err)
{
	uint8_t zeros[IDM_ARCHIVE_BLOCK];
	size_t got, wanted = padding(member->bytes);
	enum idm_result result = copy_member(archive, member, archive->fd, fd, err);

	if (result == IDM_OK)
		result = read_some(archive->fd, zeros, wanted, &got, err);
	if (result == IDM_OK && got != wanted)
		result = idm_fail(err, IDM_CORRUPT, "it is cut off");
	return result;
}
