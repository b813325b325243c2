/* Check of `meta`, of the record of changes, and of the digest. */
#include <inttypes.h>

#include "core/builtin.h"
#include "core/change_log.h"
#include "core/rest.h"
#include "core/schema_load.h"
#include "core/verify_impl.h"

/* --- meta */

static uint64_t
number(struct verify *v, const char *name)
{
	uint64_t value = 0;

	if (idm_store_get_number(&v->txn, IDM_DB_META, name, &value, &v->err) != IDM_OK)
		verify_found(v, IDM_FINDING_META, "meta: %s can't be read: %s", name, v->err.text);
	return value;
}

/* The domain that every process takes from meta is the one of domain_info. */
static void
check_domain(struct verify *v)
{
	struct idm_uuid uuid = idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO);
	struct idm_entry info;

	if (idm_lookup_uuid(&v->read, &uuid, &info, &v->err) != IDM_OK) {
		verify_found(v, IDM_FINDING_META, "meta: there is no domain_info");
		return;
	}
	if (!idm_span_is(idm_entry_text(&info, IDM_ATTR_DOMAIN_NAME), v->read.domain))
		verify_found(v, IDM_FINDING_META,
		    "meta: the domain is %s, that of domain_info %.*s", v->read.domain,
		    IDM_SPAN_ARG(idm_entry_text(&info, IDM_ATTR_DOMAIN_NAME)));
}

static void
check_wellknown(struct verify *v)
{
	const struct {
		uint64_t builtin;
		uint64_t id;
		const char *name;
	} groups[] = {
		{ IDM_BUILTIN_ALL_PERSONS, v->read.all_persons_id, "idm_all_persons" },
		{ IDM_BUILTIN_ALL_ACCOUNTS, v->read.all_accounts_id, "idm_all_accounts" },
		{ IDM_BUILTIN_HIGH_PRIVILEGE, v->read.high_privilege_id, "idm_high_privilege" },
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		struct idm_uuid uuid = idm_uuid_builtin(groups[i].builtin);
		struct idm_entry entry;

		if (idm_lookup_uuid(&v->read, &uuid, &entry, &v->err) != IDM_OK)
			verify_found(v, IDM_FINDING_META, "meta: there is no %s", groups[i].name);
		else if (entry.id != groups[i].id)
			verify_found(v, IDM_FINDING_META,
			    "meta: %s is id %" PRIu64 ", well-known is %" PRIu64, groups[i].name,
			    entry.id, groups[i].id);
	}
}

/* No number of an attribute that is there will be given to another (CHANGES 9). */
static void
check_attr_numbers(struct verify *v)
{
	uint64_t next = number(v, IDM_SCHEMA_NEXT_ATTR);
	const struct idm_attr *attr;

	for (size_t i = 0; (attr = idm_schema_attr_at(v->read.schema, i)) != NULL; i++) {
		if (attr->number >= IDM_ATTR_CUSTOM_MIN && attr->number >= next)
			verify_found(v, IDM_FINDING_META,
			    "meta: the next attribute would have the number %" PRIu64
			    ", and %s has %u",
			    next, attr->name, attr->number);
	}
}

/* Records of meta whose names say what they hold. */
static void
check_record(struct verify *v, struct idm_span key, struct idm_span value)
{
	static const char generation[] = "generation.";
	char text[VERIFY_NAME_BYTES];
	bool rests;

	if (idm_rest_check_row(&v->txn, key, &rests, &v->err) != IDM_OK)
		verify_found(v, IDM_FINDING_META, "meta: %s: %s", verify_octets_text(key, text),
		    v->err.text);
	if (key.len > strlen(generation) && memcmp(key.ptr, generation, strlen(generation)) == 0 &&
	    (value.len != 8 || idm_store_load_u64(value.ptr) > v->totals.no))
		verify_found(v, IDM_FINDING_META, "meta: %.*s is of no change", IDM_SPAN_ARG(key));
}

void
verify_meta(struct verify *v)
{
	struct idm_arena *arena = v->read.arena;

	v->totals.no = number(v, "applied");
	v->totals.at_s = (int64_t)number(v, "at");
	v->next_id = number(v, "next_id");
	if (idm_read_attach_scan(&v->txn, arena, &v->read, &v->err) != IDM_OK)
		verify_found(v, IDM_FINDING_META, "meta: %s", v->err.text);
	v->read.arena = arena;
	memcpy(v->totals.domain, v->read.domain, sizeof(v->totals.domain));
	verify_walk(v, IDM_DB_META, "meta", check_record);
	if (v->totals.no == 0)
		return; /* a database that is being made */
	check_domain(v);
	check_wellknown(v);
	check_attr_numbers(v);
}

/* --- changes and requests */

/* What a walk over `changes` has found. */
struct log_check {
	uint64_t last_no;
	int64_t last_at_s;
	uint64_t bytes;
};

static void
check_change(struct verify *v, struct idm_span key, struct idm_span row)
{
	struct log_check *log = v->part;
	struct idm_change_set set;
	uint64_t no = key.len == 8 ? idm_store_load_u64(key.ptr) : 0;

	log->bytes += row.len;
	if (no == 0) {
		verify_found(v, IDM_FINDING_CHANGE, "changes: a key of %zu octets", key.len);
		return;
	}
	if (idm_change_decode(row, v->read.arena, &set, &v->err) != IDM_OK)
		verify_found(
		    v, IDM_FINDING_CHANGE, "changes: change %" PRIu64 ": %s", no, v->err.text);
	else if (set.no != no)
		verify_found(v, IDM_FINDING_CHANGE,
		    "changes: change %" PRIu64 " says that it is %" PRIu64, no, set.no);
	else if (set.at_s < log->last_at_s)
		verify_found(v, IDM_FINDING_CHANGE,
		    "changes: change %" PRIu64 " is older than the one before it", no);
	else
		log->last_at_s = set.at_s;
	if (no > v->totals.no || idm_change_counter(no) <= idm_change_counter(log->last_no))
		verify_found(v, IDM_FINDING_CHANGE,
		    "changes: change %" PRIu64 " is out of order; the last one is %" PRIu64, no,
		    v->totals.no);
	log->last_no = no;
}

static void
check_request(struct verify *v, struct idm_span key, struct idm_span row)
{
	char text[VERIFY_NAME_BYTES];

	if (idm_change_log_check_request(&v->read, key, row, &v->err) != IDM_OK)
		verify_found(v, IDM_FINDING_CHANGE, "requests: %s: %s",
		    verify_octets_text(key, text), v->err.text);
}

void
verify_log(struct verify *v)
{
	uint64_t bytes = number(v, "changes.bytes");
	struct log_check log = { .bytes = 0 };

	v->part = &log;
	verify_walk(v, IDM_DB_CHANGES, "changes", check_change);
	if (log.bytes != bytes)
		verify_found(v, IDM_FINDING_CHANGE,
		    "changes: they take %" PRIu64 " octets, and %" PRIu64 " are counted", log.bytes,
		    bytes);
	verify_walk(v, IDM_DB_REQUESTS, "requests", check_request);
}

/* --- the digest */

void
verify_digest(struct verify *v)
{
	uint8_t made[IDM_DIGEST_BYTES];

	if (idm_digest_load(&v->txn, v->totals.digest, &v->err) != IDM_OK ||
	    idm_digest_compute(&v->read, made, &v->err) != IDM_OK)
		verify_found(v, IDM_FINDING_DIGEST, "the digest can't be told: %s", v->err.text);
	else if (memcmp(made, v->totals.digest, sizeof(made)) != 0)
		verify_found(v, IDM_FINDING_DIGEST,
		    "the digest is not that of the entries and edges that are stored");
}
