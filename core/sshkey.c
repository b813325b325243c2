#include "core/sshkey.h"

#include "core/base64.h"
#include "core/fields.h"
#include "core/text.h"

enum {
	TEXT_BYTES_MAX = 8192,
	TAG_BYTES_MAX = 64,
	BASE64_BYTES_MAX = 4096, /* an RSA key of 16384 bits has 2768 */
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 16384,
	ED25519_BYTES = 32,
	APPLICATION_BYTES_MAX = 255,
};

enum key_kind { KIND_ED25519, KIND_ECDSA, KIND_RSA };

struct key_type {
	const char *name;
	const char *curve; /* of ECDSA; NULL for the others */
	size_t point_bytes;
	enum key_kind kind;
	bool security_key; /* an application string follows (OpenSSH's PROTOCOL.u2f) */
};

static const struct key_type key_types[] = {
	{ "ssh-ed25519", NULL, 0, KIND_ED25519, false },
	{ "ecdsa-sha2-nistp256", "nistp256", 65, KIND_ECDSA, false },
	{ "ecdsa-sha2-nistp384", "nistp384", 97, KIND_ECDSA, false },
	{ "ecdsa-sha2-nistp521", "nistp521", 133, KIND_ECDSA, false },
	{ "ssh-rsa", NULL, 0, KIND_RSA, false },
	{ "sk-ssh-ed25519@openssh.com", NULL, 0, KIND_ED25519, true },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", 65, KIND_ECDSA, true },
};

static const struct key_type *
find_type(struct idm_span name)
{
	for (size_t i = 0; i < sizeof(key_types) / sizeof(key_types[0]); i++) {
		if (idm_span_is(name, key_types[i].name))
			return &key_types[i];
	}
	return NULL;
}

/* The bits of a positive mpint in its shortest form; 0: it is none. */
static size_t
mpint_bits(struct idm_span n)
{
	size_t bits;

	if (n.len == 0 || (n.ptr[0] & 0x80) != 0)
		return 0;
	if (n.ptr[0] == 0) {
		if (n.len < 2 || (n.ptr[1] & 0x80) == 0)
			return 0;
		n = idm_span_of(n.ptr + 1, n.len - 1);
	}
	bits = 8 * (n.len - 1);
	for (uint8_t first = n.ptr[0]; first != 0; first >>= 1)
		bits++;
	return bits;
}

/* What is wrong with the key, as the end of a sentence; NULL: nothing. */
static const char *
rsa_fault(struct idm_fields *key)
{
	struct idm_span exponent = idm_fields_span(key);
	size_t bits = mpint_bits(idm_fields_span(key));

	if (key->bad || mpint_bits(exponent) < 2 || bits == 0)
		return "holds a key that does not decode: copy the whole line of the .pub file";
	if (bits < RSA_BITS_MIN)
		return "holds an RSA key of less than 2048 bits: make a longer or an ed25519 key";
	if (bits > RSA_BITS_MAX)
		return "holds an RSA key of more than 16384 bits";
	return NULL;
}

static void
read_point(struct idm_fields *key, const struct key_type *type)
{
	struct idm_span curve = idm_fields_span(key);
	struct idm_span point = idm_fields_span(key);

	if (key->bad || !idm_span_is(curve, type->curve) || point.len != type->point_bytes ||
	    point.ptr[0] != 0x04) /* SEC 1 section 2.3.3: uncompressed */
		key->bad = true;
}

/* Strings and mpints (RFC 4251 section 5) are framed as our own fields are. */
static const char *
blob_fault(const struct key_type *type, struct idm_span blob)
{
	struct idm_fields key = { blob, false };
	const char *fault = NULL;

	if (!idm_span_is(idm_fields_span(&key), type->name))
		return "holds a key of another type than it says";
	switch (type->kind) {
	case KIND_RSA: fault = rsa_fault(&key); break;
	case KIND_ECDSA: read_point(&key, type); break;
	case KIND_ED25519:
		if (idm_fields_span(&key).len != ED25519_BYTES)
			key.bad = true;
		break;
	}
	if (type->security_key) {
		size_t len = idm_fields_span(&key).len;

		if (len == 0 || len > APPLICATION_BYTES_MAX)
			key.bad = true;
	}
	if (fault == NULL && !idm_fields_end(&key))
		fault = "holds a key that does not decode: copy the whole line of the .pub file";
	return fault;
}

/* Padded base64 (RFC 4648 section 4); ptr NULL: `text` is none, or the arena is used up. */
static struct idm_span
decode_base64(struct idm_span text, struct idm_arena *arena)
{
	size_t padding = 0, bytes;
	uint8_t *blob;

	if (text.len == 0 || text.len % 4 != 0 || text.len > BASE64_BYTES_MAX)
		return IDM_SPAN_EMPTY;
	while (padding < 2 && text.ptr[text.len - 1 - padding] == '=')
		padding++;
	bytes = text.len / 4 * 3 - padding;
	blob = idm_arena_alloc(arena, bytes);
	text.len -= padding;
	if (blob == NULL || !idm_base64_decode(IDM_BASE64, text, blob, bytes))
		return IDM_SPAN_EMPTY;
	return idm_span_of(blob, bytes);
}

/* The next word, or an empty span; `rest` moves behind it. */
static struct idm_span
next_word(struct idm_span *rest)
{
	struct idm_span word;

	while (rest->len != 0 && *rest->ptr == ' ')
		*rest = idm_span_of(rest->ptr + 1, rest->len - 1);
	word = *rest;
	for (word.len = 0; word.len < rest->len && word.ptr[word.len] != ' ';)
		word.len++;
	*rest = idm_span_of(rest->ptr + word.len, rest->len - word.len);
	return word;
}

struct idm_span
idm_sshkey_tag(struct idm_span text)
{
	return next_word(&text);
}

static const char *
words_fault(struct idm_span tag, struct idm_span type, struct idm_span base64)
{
	if (find_type(tag) != NULL)
		return "needs a tag in front of the key: \"laptop ssh-ed25519 AAAA...\"";
	if (tag.len > TAG_BYTES_MAX)
		return "has a tag of more than 64 octets: shorten it";
	if (base64.len == 0)
		return "takes a tag and a key: \"laptop ssh-ed25519 AAAA...\"";
	if (find_type(type) == NULL)
		return "holds a key of an unknown type: use ssh-ed25519, ecdsa-sha2-nistp256, "
		       "-nistp384, -nistp521, ssh-rsa or a security key";
	return NULL;
}

enum idm_result
idm_sshkey_parse(const char *what, struct idm_span text, struct idm_arena *arena,
    struct idm_value *out, struct idm_error *err)
{
	struct idm_span nfc, rest, tag, type, base64, blob;
	enum idm_result result = idm_text_parse(what, text, TEXT_BYTES_MAX, arena, &nfc, err);
	const char *fault;
	char *stored;

	if (result != IDM_OK)
		return result;
	rest = nfc;
	tag = next_word(&rest);
	type = next_word(&rest);
	base64 = next_word(&rest);
	fault = words_fault(tag, type, base64);
	if (fault != NULL)
		return idm_refuse(err, IDM_INVALID, "%s %s", what, fault);
	blob = decode_base64(base64, arena);
	if (blob.ptr == NULL)
		return idm_refuse(err, IDM_INVALID, "%s holds a key that is not base64", what);
	fault = blob_fault(find_type(type), blob);
	if (fault != NULL)
		return idm_refuse(err, IDM_INVALID, "%s %s", what, fault);
	stored = idm_arena_printf(
	    arena, "%.*s %.*s %.*s", IDM_SPAN_ARG(tag), IDM_SPAN_ARG(type), IDM_SPAN_ARG(base64));
	if (stored == NULL)
		return idm_text_no_memory(err);
	out->stored = idm_span_cstr(stored);
	return idm_text_fold(tag, IDM_TEXT_CUT_ENDS, arena, &out->norm, err);
}
