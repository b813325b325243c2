#include "tests/bench/requests.h"

#include <inttypes.h>
#include <stdio.h>

#include "ldapd/message.h"
#include "ldapd/paging.h"
#include "tests/bench/people.h"

enum {
	TAG_BIND = 0x60,
	TAG_SEARCH = 0x63,
	TAG_MODIFY = 0x66,
	TAG_SIMPLE = 0x80,
	TAG_AND = 0xa0,
	TAG_OR = 0xa1,
	TAG_EQUALITY = 0xa3,
	TAG_SUBSTRINGS = 0xa4,
	TAG_PRESENT = 0x87,
	TAG_ANY = 0x81,
	TAG_CONTROLS = 0xa0,
	DN_BYTES = 256,
	PAGE = 500,
	PIECE = 8,
	MODIFY_ADD = 0,
	MODIFY_DELETE = 1,
	MODIFY_REPLACE = 2,
};

static void
put_text(struct ber_writer *w, uint8_t tag, const char *text)
{
	ber_write_octets(w, tag, idm_span_cstr(text));
}

static void
put_equality(struct ber_writer *w, const char *attribute, const char *value)
{
	size_t mark = ber_open(w, TAG_EQUALITY, BER_SHORT);

	put_text(w, BER_OCTET_STRING, attribute);
	put_text(w, BER_OCTET_STRING, value);
	ber_close(w, mark);
}

static void
put_substring(struct ber_writer *w, const char *attribute, const char *from, size_t len)
{
	size_t mark = ber_open(w, TAG_SUBSTRINGS, BER_SHORT);
	size_t pieces;

	put_text(w, BER_OCTET_STRING, attribute);
	pieces = ber_open(w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(w, TAG_ANY, idm_span_of(from, len));
	ber_close(w, pieces);
	ber_close(w, mark);
}

/* --- a search, around its filter */

struct search {
	size_t request;
};

static struct search
search_begin(struct ber_writer *w, const char *base, enum ldap_scope scope)
{
	struct search search = { ber_open(w, TAG_SEARCH, BER_LONG) };

	put_text(w, BER_OCTET_STRING, base);
	ber_write_integer(w, BER_ENUMERATED, scope);
	ber_write_integer(w, BER_ENUMERATED, 0); /* neverDerefAliases */
	ber_write_integer(w, BER_INTEGER, 0);
	ber_write_integer(w, BER_INTEGER, 0);
	ber_write_boolean(w, BER_BOOLEAN, false);
	return search;
}

/* `attributes`: a NULL behind the last. */
static void
search_end(struct ber_writer *w, struct search search, const char *const *attributes)
{
	size_t list = ber_open(w, BER_SEQUENCE, BER_SHORT);

	for (; *attributes != NULL; attributes++)
		put_text(w, BER_OCTET_STRING, *attributes);
	ber_close(w, list);
	ber_close(w, search.request);
}

static const char *const only_uid[] = { "uid", NULL };
static const char *const of_a_person[] = { "uid", "cn", "mail", NULL };

static void
person_dn(const struct asking *a, uint32_t number, char out[DN_BYTES])
{
	struct person person;

	person_make(number, &person);
	snprintf(out, DN_BYTES, "uid=%s,ou=people,%s", person.name, a->suffix);
}

static void
group_dn(const struct asking *a, uint32_t number, char out[DN_BYTES])
{
	char name[NAME_BYTES];

	group_name(number, name);
	snprintf(out, DN_BYTES, "cn=%s,ou=groups,%s", name, a->suffix);
}

static struct person
some_person(const struct asking *a, uint32_t turn)
{
	struct person person;

	person_make(people_pick(turn, 7, a->persons), &person);
	return person;
}

/* --- operations */

static void
put_search_uid(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	struct person person = some_person(a, turn);
	struct search search = search_begin(w, a->suffix, LDAP_SCOPE_SUB);

	put_equality(w, "uid", person.name);
	search_end(w, search, only_uid);
}

void
put_uuid_question(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	static const char *const uuid[] = { "entryUUID", NULL };
	struct person person = some_person(a, turn);
	struct search search = search_begin(w, a->suffix, LDAP_SCOPE_SUB);

	put_equality(w, "uid", person.name);
	search_end(w, search, uuid);
}

static void
put_search_uuid(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	struct search search = search_begin(w, a->suffix, LDAP_SCOPE_SUB);

	put_equality(w, "entryUUID", a->uuids[turn % a->uuid_count]);
	search_end(w, search, only_uid);
}

static void
put_read_dn(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	char dn[DN_BYTES];
	struct search search;

	person_dn(a, people_pick(turn, 7, a->persons), dn);
	search = search_begin(w, dn, LDAP_SCOPE_BASE);
	put_text(w, TAG_PRESENT, "objectClass");
	search_end(w, search, of_a_person);
}

static void
put_search_displayname(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	struct person person = some_person(a, turn);
	struct search search = search_begin(w, a->suffix, LDAP_SCOPE_SUB);

	put_equality(w, "displayName", person.displayname);
	search_end(w, search, only_uid);
}

/* As applications ask: somebody typed a name or an address. */
static void
put_search_application(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	struct person person = some_person(a, turn);
	struct search search = search_begin(w, a->suffix, LDAP_SCOPE_SUB);
	size_t both = ber_open(w, TAG_AND, BER_LONG);
	size_t either;

	put_equality(w, "objectClass", "person");
	either = ber_open(w, TAG_OR, BER_LONG);
	put_equality(w, "uid", person.mail);
	put_equality(w, "mail", person.mail);
	ber_close(w, either);
	ber_close(w, both);
	search_end(w, search, of_a_person);
}

static void
put_memberof_of_layer(struct ber_writer *w, const struct asking *a, uint32_t layer, uint32_t turn)
{
	char dn[DN_BYTES];
	struct search search = search_begin(w, a->suffix, LDAP_SCOPE_SUB);

	group_dn(a, group_of_layer(people_groups(a->persons), layer, turn), dn);
	put_equality(w, "memberOf", dn);
	search_end(w, search, only_uid);
}

static void
put_search_memberof(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	put_memberof_of_layer(w, a, 0, turn);
}

static void
put_search_memberof_nested(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	put_memberof_of_layer(w, a, 1, turn);
}

/* May somebody in, who belongs to a group? */
static void
put_person_in_group(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	uint32_t number = group_of_layer(people_groups(a->persons), 0, turn);
	struct search search = search_begin(w, a->suffix, LDAP_SCOPE_SUB);
	size_t both = ber_open(w, TAG_AND, BER_LONG);
	struct person person;
	char dn[DN_BYTES];

	person_make(group_person(a->persons, number, turn % GROUP_PERSONS), &person);
	group_dn(a, number, dn);
	put_equality(w, "uid", person.name);
	put_equality(w, "memberOf", dn);
	ber_close(w, both);
	search_end(w, search, only_uid);
}

static void
put_search_substring(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	struct person person = some_person(a, turn);
	struct search search = search_begin(w, a->suffix, LDAP_SCOPE_SUB);

	put_substring(w, "displayName", person.displayname + 1, 3);
	search_end(w, search, only_uid);
}

static void
put_search_rare_substring(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	struct person person = some_person(a, turn);
	struct search search = search_begin(w, a->suffix, LDAP_SCOPE_SUB);

	put_substring(w, "displayName", person.displayname + 3, PIECE);
	search_end(w, search, only_uid);
}

static void
put_memberof_of_one(struct ber_writer *w, const struct asking *a, uint32_t number)
{
	static const char *const memberof[] = { "memberOf", NULL };
	char dn[DN_BYTES];
	struct search search;

	person_dn(a, number, dn);
	search = search_begin(w, dn, LDAP_SCOPE_BASE);
	put_text(w, TAG_PRESENT, "objectClass");
	search_end(w, search, memberof);
}

static void
put_read_memberof(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	put_memberof_of_one(w, a, 1 + people_pick(turn, 7, a->persons - 1));
}

static void
put_read_memberof_1000(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	(void)turn;
	put_memberof_of_one(w, a, 0);
}

/* RFC 2696: the first page. */
static void
put_search_page(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	struct search search = search_begin(w, a->suffix, LDAP_SCOPE_SUB);
	size_t controls, control, value;
	struct ber_writer inner;

	(void)turn;
	put_equality(w, "objectClass", "person");
	search_end(w, search, of_a_person);
	ber_writer_init(&inner, DN_BYTES);
	value = ber_open(&inner, BER_SEQUENCE, BER_SHORT);
	ber_write_integer(&inner, BER_INTEGER, PAGE);
	put_text(&inner, BER_OCTET_STRING, "");
	ber_close(&inner, value);
	controls = ber_open(w, TAG_CONTROLS, BER_SHORT);
	control = ber_open(w, BER_SEQUENCE, BER_SHORT);
	put_text(w, BER_OCTET_STRING, LDAP_CONTROL_PAGED);
	ber_write_octets(w, BER_OCTET_STRING, idm_span_of(inner.data, inner.len));
	ber_close(w, control);
	ber_close(w, controls);
	ber_writer_free(&inner);
}

static void
put_bind(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	size_t bind = ber_open(w, TAG_BIND, BER_SHORT);

	(void)turn;
	ber_write_integer(w, BER_INTEGER, 3);
	put_text(w, BER_OCTET_STRING, a->bind_name);
	put_text(w, TAG_SIMPLE, a->password);
	ber_close(w, bind);
}

static void
put_modify(struct ber_writer *w, const char *dn, int kind, const char *attribute, const char *value)
{
	size_t modify = ber_open(w, TAG_MODIFY, BER_LONG);
	size_t changes, change, modification, values;

	put_text(w, BER_OCTET_STRING, dn);
	changes = ber_open(w, BER_SEQUENCE, BER_LONG);
	change = ber_open(w, BER_SEQUENCE, BER_LONG);
	ber_write_integer(w, BER_ENUMERATED, kind);
	modification = ber_open(w, BER_SEQUENCE, BER_LONG);
	put_text(w, BER_OCTET_STRING, attribute);
	values = ber_open(w, BER_SET, BER_LONG);
	put_text(w, BER_OCTET_STRING, value);
	ber_close(w, values);
	ber_close(w, modification);
	ber_close(w, change);
	ber_close(w, changes);
	ber_close(w, modify);
}

/* Another name for somebody; turns are different persons, so that writers do not meet. */
static void
put_write(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	char dn[DN_BYTES], text[TEXT_BYTES];

	snprintf(text, sizeof(text), "Known as %" PRIx64 " %" PRIu32, a->salt, turn);
	person_dn(a, turn % a->persons, dn);
	put_modify(w, dn, MODIFY_REPLACE, "legalname", text);
}

/* Somebody joins a group, and in the next turn leaves it. */
static void
put_join(struct ber_writer *w, const struct asking *a, uint32_t turn)
{
	uint32_t number = people_pick(turn / 2, 9, people_groups(a->persons));
	char group[DN_BYTES], member[DN_BYTES];

	group_dn(a, number, group);
	person_dn(a, group_stranger(a->persons, number, turn / 2), member);
	put_modify(w, group, turn % 2 == 0 ? MODIFY_ADD : MODIFY_DELETE, "member", member);
}

static const struct operation operations[] = {
	{ "bind", put_bind, 0, LDAP_TAG_BIND_RESPONSE },
	{ "search_uid", put_search_uid, 1, LDAP_TAG_SEARCH_DONE },
	{ "search_uuid", put_search_uuid, 1, LDAP_TAG_SEARCH_DONE },
	{ "read_dn", put_read_dn, 1, LDAP_TAG_SEARCH_DONE },
	{ "search_displayname", put_search_displayname, 1, LDAP_TAG_SEARCH_DONE },
	{ "search_application", put_search_application, 1, LDAP_TAG_SEARCH_DONE },
	{ "search_memberof", put_search_memberof, GROUP_PERSONS, LDAP_TAG_SEARCH_DONE },
	{ "search_memberof_nested", put_search_memberof_nested, GROUP_PERSONS,
	    LDAP_TAG_SEARCH_DONE },
	{ "person_in_group", put_person_in_group, 1, LDAP_TAG_SEARCH_DONE },
	{ "search_substring_3", put_search_substring, 1, LDAP_TAG_SEARCH_DONE },
	{ "search_substring_8", put_search_rare_substring, 1, LDAP_TAG_SEARCH_DONE },
	{ "search_page_500", put_search_page, PERSONS_MIN, LDAP_TAG_SEARCH_DONE },
	{ "read_memberof", put_read_memberof, 1, LDAP_TAG_SEARCH_DONE },
	{ "read_memberof_1000", put_read_memberof_1000, 1, LDAP_TAG_SEARCH_DONE },
	{ "write", put_write, 0, LDAP_TAG_MODIFY_RESPONSE },
	{ "join", put_join, 0, LDAP_TAG_MODIFY_RESPONSE },
};

const struct operation *
operation_find(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	}
	return NULL;
}

void
operation_put(struct ber_writer *w, const struct operation *op, const struct asking *a,
    int32_t message_id, uint32_t turn)
{
	size_t message = ber_open(w, BER_SEQUENCE, BER_LONG);

	ber_write_integer(w, BER_INTEGER, message_id);
	op->put(w, a, turn);
	ber_close(w, message);
}
