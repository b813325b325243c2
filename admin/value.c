/* Values of extended operations: what is sent and what is answered, in BER. */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <openssl/crypto.h>

#include "admin/client.h"

void
client_wipe_ber(BerElement *ber)
{
	struct berval bytes;

	if (ber != NULL && ber_flatten2(ber, &bytes, 0) == 0)
		OPENSSL_cleanse(bytes.bv_val, bytes.bv_len);
	ber_free(ber, 1);
}

void
client_wipe_value(struct berval *value)
{
	if (value == NULL)
		return;
	explicit_bzero(value->bv_val, value->bv_len);
	ber_bvfree(value);
}

/* In its shortest form (X.690 section 8.3.2): an octet in front that repeats the sign goes. */
static bool
write_integer(BerElement *ber, int64_t number)
{
	unsigned char octets[sizeof(number)];
	size_t skip = 0;

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)((uint64_t)number >> 8 * (sizeof(octets) - 1 - i));
	while (skip < sizeof(octets) - 1 && (octets[skip] == 0 || octets[skip] == 0xff) &&
	       ((octets[skip] ^ octets[skip + 1]) & 0x80) == 0)
		skip++;
	return ber_printf(ber, "to", (ber_tag_t)LBER_INTEGER, (char *)octets + skip,
		   (ber_len_t)(sizeof(octets) - skip)) >= 0;
}

/* The element that `format` begins with. */
static bool
write_element(BerElement *ber, char format, va_list *args)
{
	switch (format) {
	case 's': return ber_printf(ber, "s", va_arg(*args, const char *)) >= 0;
	case 'e': return ber_printf(ber, "e", (ber_int_t)va_arg(*args, int)) >= 0;
	case 'b': return ber_printf(ber, "b", (ber_int_t)va_arg(*args, int)) >= 0;
	case 'n': return write_integer(ber, va_arg(*args, int64_t));
	}
	return false;
}

struct berval *
client_value(const char *format, ...)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	struct berval *value = NULL;
	bool good = ber != NULL && ber_printf(ber, "{") >= 0;
	va_list args;

	va_start(args, format);
	for (; good && *format != '\0'; format++)
		good = write_element(ber, *format, &args);
	va_end(args);
	if (!good || ber_printf(ber, "}") < 0 || ber_flatten(ber, &value) != 0)
		value = NULL;
	client_wipe_ber(ber);
	return value;
}

int64_t
client_number(const struct berval *contents)
{
	bool negative = contents->bv_len != 0 && (contents->bv_val[0] & 0x80) != 0;
	uint64_t number = negative ? UINT64_MAX : 0;

	for (size_t i = 0; i < contents->bv_len && i < sizeof(number); i++)
		number = number << 8 | (unsigned char)contents->bv_val[i];
	return (int64_t)number;
}
