/* `database verify`: what is whole passes, each kind of damage is named, and none does harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/audit.h"
#include "core/closure.h"
#include "core/dbfile.h"
#include "core/index.h"
#include "core/token.h"
#include "tests/support/fixture.h"
#include "tests/support/patient.h"
#include "tests/support/store_dir.h"

/* --- what is whole */

static void
a_whole_database_passes_and_is_counted(void **state)
{
	struct patient *p = *state;

	patient_verify(p);
	for (size_t i = 0; i < p->finding_count; i++)
		print_message("%s\n", p->findings[i].text);
	assert_int_equal(p->totals.findings, 0);
	assert_string_equal(p->totals.domain, REALM_DOMAIN);
	assert_true(p->totals.entries > 50);
	assert_true(p->totals.edges > 50);
	assert_true(p->totals.index_rows > 500);
	assert_int_equal(p->totals.secrets, 2);
	assert_int_equal(p->totals.untried, 0);
	assert_int_equal(p->totals.no, 14);
	assert_true(p->totals.pages > 20);
	assert_true(p->progress > 10);
}

static void
without_key_rings_no_seal_is_tried_and_that_is_said(void **state)
{
	struct patient *p = *state;

	idm_keyring_close(&p->realm->password_ring);
	idm_keyring_close(&p->realm->radius_ring);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
	assert_int_equal(p->totals.untried, 2);
}

static void
it_reads_a_consistent_state_beside_a_writer(void **state)
{
	struct patient *p = *state;
	struct idm_verify ask = {
		.identity_path = p->identity, .local_path = p->local, .beside = true
	};
	struct idm_txn txn;

	assert_int_equal(
	    idm_store_open_writer(p->realm->dir, (gid_t)-1, &p->realm->store, &p->err), IDM_OK);
	realm_person(p->realm, "carol");
	assert_int_equal(idm_store_write_begin(p->realm->store, &txn, &p->err), IDM_OK);
	assert_int_equal(idm_verify(&ask, &p->totals, &p->err), IDM_OK);
	assert_int_equal(p->totals.findings, 0);
	assert_int_equal(p->totals.no, 15);
	idm_store_write_abort(&txn);
	realm_person(p->realm, "dave"); /* the writer is as it was */
}

static void
an_empty_new_database_passes(void **state)
{
	struct realm *r = *state;
	char path[96];
	struct idm_verify ask = { .identity_path = path };
	struct idm_verify_totals totals;

	snprintf(path, sizeof(path), "%s/identity.mdb", r->dir);
	idm_store_close(&r->store);
	assert_int_equal(idm_verify(&ask, &totals, &r->err), IDM_OK);
	assert_int_equal(totals.findings, 0);
}

/* --- damage to records, one at a time */

static void
put(struct patient *p, enum idm_db db, struct idm_span key, struct idm_span value)
{
	assert_int_equal(idm_store_put(&p->txn, db, key, value, &p->err), IDM_OK);
}

static void
del(struct patient *p, enum idm_db db, struct idm_span key)
{
	assert_int_equal(idm_store_del(&p->txn, db, key, &p->err), IDM_OK);
}

static struct idm_span
id_key(uint64_t id)
{
	static uint8_t bytes[4][8];
	static unsigned turn;
	uint8_t *key = bytes[turn++ % 4];

	idm_store_u64(id, key);
	return idm_span_of(key, 8);
}

static uint64_t
id_of(struct patient *p, const char *name)
{
	return patient_entry(p, name).id;
}

static struct idm_span
down_key(uint64_t group_id, char kind)
{
	static uint8_t key[17];

	memset(key, 0, sizeof(key));
	idm_store_u64(group_id, key);
	key[8] = (uint8_t)kind;
	return idm_span_of(key, sizeof(key));
}

static struct idm_span
claim_key(enum idm_claim kind, const char *norm)
{
	static struct idm_claim_key key;

	key = idm_claim_key(kind, 0, idm_span_cstr(norm));
	return idm_span_of(key.bytes, key.len);
}

/* A key of alice's in the index that begins its window with the attribute and kind given. */
static struct idm_span
index_key(struct patient *p, const char *name, uint32_t attr_number, char kind)
{
	struct idm_entry entry = patient_entry(p, name);
	struct idm_index_keys keys;
	struct idm_index_key_parts parts;

	assert_int_equal(idm_index_keys(&p->read, &entry, &keys, &p->err), IDM_OK);
	for (size_t i = 0; i < keys.count; i++) {
		assert_true(idm_index_key_parse(keys.keys[i], &parts));
		if (parts.attr_number == attr_number && parts.kind == kind)
			return keys.keys[i];
	}
	fail_msg("%s has no such key", name);
	return IDM_SPAN_EMPTY;
}

static void
lose_an_equality(struct patient *p)
{
	del(p, IDM_DB_INDEX, index_key(p, "alice", IDM_ATTR_MAIL, 'e'));
}

static void
lose_an_id_of_many(struct patient *p)
{
	struct idm_entry alice = patient_entry(p, "alice");
	bool changed;

	assert_int_equal(
	    idm_index_set_id(&p->read, IDM_DB_INDEX, index_key(p, "alice", IDM_ATTR_NAME, 'p'),
		alice.id, false, &changed, &p->err),
	    IDM_OK);
}

static void
index_an_id_too_many(struct patient *p)
{
	bool changed;

	assert_int_equal(
	    idm_index_set_id(&p->read, IDM_DB_INDEX, index_key(p, "alice", IDM_ATTR_NAME, 't'),
		id_of(p, "everyone"), true, &changed, &p->err),
	    IDM_OK);
}

/* The same key, of another value or window: nobody asks for it. */
static void
index_a_value_of_nobody(struct patient *p)
{
	struct idm_span key =
	    idm_arena_copy(p->realm->arena, index_key(p, "alice", IDM_ATTR_MAIL, 'e'));
	uint8_t changed[IDM_STORE_KEY_BYTES];
	struct idm_span container;

	assert_int_equal(idm_store_get(&p->txn, IDM_DB_INDEX, key, &container, &p->err), IDM_OK);
	container = idm_arena_copy(p->realm->arena, container);
	memcpy(changed, key.ptr, key.len);
	changed[7] ^= 1;
	put(p, IDM_DB_INDEX, idm_span_of(changed, key.len), container);
}

static void
index_a_window_without_entries(struct patient *p)
{
	struct idm_span key = index_key(p, "alice", IDM_ATTR_NAME, 'p');
	uint8_t changed[IDM_STORE_KEY_BYTES];
	static const uint8_t container[] = { 1, 5 };

	memcpy(changed, key.ptr, key.len);
	changed[7] = 9;
	put(p, IDM_DB_INDEX, idm_span_of(changed, key.len),
	    idm_span_of(container, sizeof(container)));
}

static void
garble_an_index_row(struct patient *p)
{
	put(p, IDM_DB_INDEX, index_key(p, "alice", IDM_ATTR_NAME, 'p'),
	    IDM_SPAN_LIT("\377garbage"));
}

static void
cut_an_edge_downward(struct patient *p)
{
	del(p, IDM_DB_DOWN, down_key(id_of(p, "staff"), IDM_MEMBER_ACCOUNT));
}

static void
cut_an_edge_upward(struct patient *p)
{
	del(p, IDM_DB_UP, id_key(id_of(p, "alice")));
}

static void
cut_an_edge_both_ways(struct patient *p)
{
	cut_an_edge_downward(p);
	cut_an_edge_upward(p);
}

static void
list_a_member_under_the_wrong_kind(struct patient *p)
{
	uint64_t group_id = id_of(p, "staff"), alice_id = id_of(p, "alice");
	bool changed;

	assert_int_equal(
	    idm_index_set_id(&p->read, IDM_DB_DOWN, down_key(group_id, IDM_MEMBER_GROUP), alice_id,
		true, &changed, &p->err),
	    IDM_OK);
}

static void
list_a_deleted_member(struct patient *p)
{
	uint64_t group_id = id_of(p, "staff"), id = id_of(p, "gone");
	bool changed;

	assert_int_equal(idm_index_set_id(&p->read, IDM_DB_DOWN,
			     down_key(group_id, IDM_MEMBER_ACCOUNT), id, true, &changed, &p->err),
	    IDM_OK);
}

static void
let_a_person_have_members(struct patient *p)
{
	struct idm_entry bob = patient_entry(p, "bob");
	bool changed;

	assert_int_equal(
	    idm_closure_set_edge(&p->read, id_of(p, "alice"), &bob, true, &changed, &p->err),
	    IDM_OK);
}

static void
set_dynamic(struct patient *p, const char *name, bool present)
{
	struct idm_entry member = patient_entry(p, name);
	bool changed;

	assert_int_equal(
	    idm_closure_set_edge(&p->read, id_of(p, "unix"), &member, present, &changed, &p->err),
	    IDM_OK);
	assert_true(changed);
}

static void
let_somebody_into_a_dynamic_group(struct patient *p)
{
	set_dynamic(p, "bob", true);
}

static void
keep_somebody_out_of_a_dynamic_group(struct patient *p)
{
	set_dynamic(p, "alice", false);
}

static void
forget_the_dynamic_groups(struct patient *p)
{
	del(p, IDM_DB_META, IDM_SPAN_LIT("dyngroups"));
}

static void
take_a_group_for_dynamic(struct patient *p)
{
	struct idm_ids ids = { NULL, 0, 0 };

	assert_int_equal(idm_ids_add(&ids, p->realm->arena, id_of(p, "unix"), NULL), IDM_OK);
	assert_int_equal(idm_ids_add(&ids, p->realm->arena, id_of(p, "staff"), NULL), IDM_OK);
	put(p, IDM_DB_META, IDM_SPAN_LIT("dyngroups"), idm_packed_encode(&ids, p->realm->arena));
}

static void
garble_the_list_of_dynamic_groups(struct patient *p)
{
	put(p, IDM_DB_META, IDM_SPAN_LIT("dyngroups"), IDM_SPAN_LIT("\xff\xff"));
}

static void
claim_for_another(struct patient *p)
{
	put(p, IDM_DB_NAME, claim_key(IDM_CLAIM_NAME, "alice"), id_key(id_of(p, "bob")));
}

static void
lose_a_claim(struct patient *p)
{
	del(p, IDM_DB_NAME, claim_key(IDM_CLAIM_MAIL, "alice@example.org"));
}

static void
claim_for_nobody(struct patient *p)
{
	put(p, IDM_DB_NAME, claim_key(IDM_CLAIM_NAME, "nobody"), id_key(4711));
}

static void
claim_for_the_deleted(struct patient *p)
{
	put(p, IDM_DB_NAME, claim_key(IDM_CLAIM_NAME, "gone"), id_key(id_of(p, "gone")));
}

static void
claim_what_is_no_value(struct patient *p)
{
	put(p, IDM_DB_NAME, claim_key(IDM_CLAIM_NAME, "alias"), id_key(id_of(p, "alice")));
}

static void
lose_an_entry(struct patient *p)
{
	del(p, IDM_DB_ENTRIES, id_key(id_of(p, "bob")));
}

/* Write an entry anew, with what `change` makes of it. */
static void
rewrite(
    struct patient *p, const char *name, uint64_t version, void (*change)(struct idm_draft *draft))
{
	struct idm_entry entry = patient_entry(p, name);
	struct idm_draft *draft = idm_draft_of(p->realm->arena, &entry);
	struct idm_span flat;

	change(draft);
	assert_int_equal(idm_draft_encode(draft, &entry.uuid,
			     version == 0 ? entry.version : version, &flat, &p->err),
	    IDM_OK);
	put(p, IDM_DB_ENTRIES, id_key(entry.id), flat);
}

static void
add(struct idm_draft *draft, uint32_t number, const char *stored, const char *norm)
{
	assert_int_equal(idm_draft_add(draft, number,
			     (struct idm_value){ idm_span_cstr(stored), idm_span_cstr(norm) }),
	    IDM_OK);
}

static void
change_nothing(struct idm_draft *draft)
{
	(void)draft;
}

static void
add_a_description(struct idm_draft *draft)
{
	add(draft, IDM_ATTR_DESCRIPTION, "a group of no rule", "a group of no rule");
}

static void
change_an_entry_beside_the_digest(struct patient *p)
{
	rewrite(p, "staff", 0, add_a_description);
}

static void
give_a_group_a_shell(struct idm_draft *draft)
{
	add(draft, IDM_ATTR_LOGINSHELL, "/bin/sh", "/bin/sh");
}

static void
break_the_schema(struct patient *p)
{
	rewrite(p, "staff", 0, give_a_group_a_shell);
}

static void
normalise_wrongly(struct idm_draft *draft)
{
	idm_draft_clear(draft, IDM_ATTR_DISPLAYNAME);
	add(draft, IDM_ATTR_DISPLAYNAME, "Bob", "BOB");
}

static void
store_another_norm(struct patient *p)
{
	rewrite(p, "bob", 0, normalise_wrongly);
}

static void
name_a_stranger(struct idm_draft *draft)
{
	static const uint8_t stranger[16] = "who is this????";

	idm_draft_clear(draft, IDM_ATTR_ENTRY_MANAGED_BY);
	assert_int_equal(idm_draft_add(draft, IDM_ATTR_ENTRY_MANAGED_BY,
			     (struct idm_value){ { stranger, 16 }, { stranger, 16 } }),
	    IDM_OK);
}

static void
refer_to_nobody(struct patient *p)
{
	rewrite(p, "staff", 0, name_a_stranger);
}

static void
come_from_the_future(struct patient *p)
{
	rewrite(p, "bob", 4711, change_nothing);
}

static void
garble_an_entry(struct patient *p)
{
	put(p, IDM_DB_ENTRIES, id_key(id_of(p, "bob")), IDM_SPAN_LIT("this is no entry"));
}

static void
use_an_id_never_given_out(struct patient *p)
{
	struct idm_span flat = idm_arena_copy(p->realm->arena, patient_entry(p, "bob").bytes);

	put(p, IDM_DB_ENTRIES, id_key(4711), flat);
}

static void
lose_a_uuid(struct patient *p)
{
	struct idm_entry bob = patient_entry(p, "bob");
	struct idm_uuid uuid = bob.uuid;

	del(p, IDM_DB_UUID, idm_uuid_span(&uuid));
}

static void
lead_a_uuid_astray(struct patient *p)
{
	struct idm_uuid uuid = patient_entry(p, "bob").uuid;

	put(p, IDM_DB_UUID, idm_uuid_span(&uuid), id_key(id_of(p, "alice")));
}

static struct idm_span
secret_key(uint64_t id, uint32_t attr_number)
{
	static uint8_t key[12];

	idm_store_u64(id, key);
	idm_store_u32(attr_number, key + 8);
	return idm_span_of(key, sizeof(key));
}

static void
lose_a_secret(struct patient *p)
{
	del(p, IDM_DB_SECRETS, secret_key(id_of(p, "alice"), IDM_ATTR_PRIMARY_CREDENTIAL));
}

static void
move_a_secret(struct patient *p)
{
	struct idm_span key = secret_key(id_of(p, "alice"), IDM_ATTR_RADIUS_SECRET), blob;

	assert_int_equal(idm_store_get(&p->txn, IDM_DB_SECRETS, key, &blob, &p->err), IDM_OK);
	blob = idm_arena_copy(p->realm->arena, blob);
	put(p, IDM_DB_SECRETS, secret_key(id_of(p, "bob"), IDM_ATTR_RADIUS_SECRET), blob);
}

static void
forge_a_seal(struct patient *p)
{
	struct idm_span key = secret_key(id_of(p, "alice"), IDM_ATTR_PRIMARY_CREDENTIAL), blob;
	uint8_t forged[512];

	assert_int_equal(idm_store_get(&p->txn, IDM_DB_SECRETS, key, &blob, &p->err), IDM_OK);
	assert_true(blob.len <= sizeof(forged));
	memcpy(forged, blob.ptr, blob.len);
	forged[blob.len - 1] ^= 1;
	put(p, IDM_DB_SECRETS, key, idm_span_of(forged, blob.len));
}

static void
store_a_secret_of_no_entry(struct patient *p)
{
	put(p, IDM_DB_SECRETS, secret_key(4711, IDM_ATTR_RADIUS_SECRET), IDM_SPAN_LIT("blob"));
}

static void
garble_a_token(struct patient *p)
{
	put(p, IDM_DB_TOKENS, IDM_SPAN_LIT("sixteen octets!!"), IDM_SPAN_LIT("no token"));
}

static void
lose_an_account_of_a_token(struct patient *p)
{
	del(p, IDM_DB_ENTRIES, id_key(id_of(p, "robot")));
}

static void
garble_a_change(struct patient *p)
{
	put(p, IDM_DB_CHANGES, id_key(5), IDM_SPAN_LIT("\001no change set"));
}

static void
lose_a_change(struct patient *p)
{
	del(p, IDM_DB_CHANGES, id_key(5));
}

static void
record_a_change_too_many(struct patient *p)
{
	struct idm_span row;

	assert_int_equal(idm_store_get(&p->txn, IDM_DB_CHANGES, id_key(9), &row, &p->err), IDM_OK);
	row = idm_arena_copy(p->realm->arena, row);
	put(p, IDM_DB_CHANGES, id_key(4711), row);
}

static void
invent_a_request(struct patient *p)
{
	put(p, IDM_DB_REQUESTS, IDM_SPAN_LIT("isixteen octets!!"),
	    IDM_SPAN_LIT("\0\0\0\0\0\0\0\003\0"));
}

static void
cut_a_request(struct patient *p)
{
	put(p, IDM_DB_REQUESTS, IDM_SPAN_LIT("sixteen octets!!"), id_key(3));
}

static void
lose_the_id_of_a_request(struct patient *p)
{
	struct idm_cursor cursor;
	struct idm_span key, value;

	assert_int_equal(
	    idm_cursor_open(&p->txn, IDM_DB_REQUESTS, IDM_SPAN_LIT("i"), &cursor, &p->err), IDM_OK);
	assert_int_equal(idm_cursor_next(&cursor, &key, &value, &p->err), IDM_OK);
	key = idm_arena_copy(p->realm->arena, key);
	idm_cursor_close(&cursor);
	del(p, IDM_DB_REQUESTS, key);
}

static void
let_a_token_be_of_nobody_s_list(struct patient *p)
{
	struct idm_uuid robot = patient_entry(p, "robot").uuid;
	struct idm_cursor cursor;
	struct idm_span key, value;

	assert_int_equal(
	    idm_cursor_open(&p->txn, IDM_DB_TOKENS, idm_uuid_span(&robot), &cursor, &p->err),
	    IDM_OK);
	assert_int_equal(idm_cursor_next(&cursor, &key, &value, &p->err), IDM_OK);
	key = idm_arena_copy(p->realm->arena, key);
	idm_cursor_close(&cursor);
	del(p, IDM_DB_TOKENS, key);
}

static void
list_a_token_of_nobody(struct patient *p)
{
	put(p, IDM_DB_TOKENS, IDM_SPAN_LIT("sixteen octets!!sixteen octets!!"), IDM_SPAN_EMPTY);
}

static void
let_a_name_rest_for_ever(struct patient *p)
{
	put(p, IDM_DB_META, IDM_SPAN_LIT("rest.eve"), IDM_SPAN_LIT("sixteen octets!!\0\0\0\0even"));
}

static void
garble_a_name_that_rests(struct patient *p)
{
	put(p, IDM_DB_META, IDM_SPAN_LIT("rest.eve"), IDM_SPAN_LIT("?"));
}

static void
end_a_rest_of_nobody(struct patient *p)
{
	put(p, IDM_DB_META, IDM_SPAN_LIT("rest_until.eightoctfred"), IDM_SPAN_EMPTY);
}

static void
spoil_the_digest(struct patient *p)
{
	put(p, IDM_DB_META, IDM_SPAN_LIT("digest"),
	    IDM_SPAN_LIT("thirty-two octets of a lie, here"));
}

static void
cut_the_digest(struct patient *p)
{
	put(p, IDM_DB_META, IDM_SPAN_LIT("digest"), IDM_SPAN_LIT("short"));
}

static void
rename_the_domain_by_half(struct patient *p)
{
	put(p, IDM_DB_META, IDM_SPAN_LIT("domain"), IDM_SPAN_LIT("other.example.net"));
}

static void
swap_the_wellknown(struct patient *p)
{
	assert_int_equal(idm_lookup_store_wellknown(&p->txn, 1, 2, 3, &p->err), IDM_OK);
}

static void
move_a_generation_ahead(struct patient *p)
{
	assert_int_equal(
	    idm_store_put_number(&p->txn, IDM_DB_META, "generation.access", 4711, &p->err), IDM_OK);
}

static void
each_damage_to_a_record_is_named(void **state)
{
	static const struct {
		const char *name;
		void (*damage)(struct patient *p);
		enum idm_finding kind;
		const char *text;
	} cases[] = {
#define D(damage, kind, text) { #damage, damage, IDM_FINDING_##kind, text }
		D(lose_an_equality, INDEX, "equality of mail"),
		D(lose_an_id_of_many, INDEX, "presence of name, window 0 lacks 1 ids"),
		D(index_an_id_too_many, INDEX, "has 1 ids too many"),
		D(index_a_value_of_nobody, INDEX, "no entry has it"),
		D(index_a_window_without_entries, INDEX, "presence of name, window 9 is there"),
		D(garble_an_index_row, INDEX, "presence of name"),
		D(cut_an_edge_downward, EDGE, "whose own list of members lacks it"),
		D(cut_an_edge_upward, EDGE, "whose own list of groups lacks it"),
		D(cut_an_edge_both_ways, DIGEST, "digest"),
		D(list_a_member_under_the_wrong_kind, EDGE, "another kind"),
		D(list_a_deleted_member, EDGE, "no live entry"),
		D(let_a_person_have_members, EDGE, "no live group"),
		D(let_somebody_into_a_dynamic_group, EDGE, "(bob, "),
		D(let_somebody_into_a_dynamic_group, EDGE, "whose filter it does not match"),
		D(keep_somebody_out_of_a_dynamic_group, EDGE, "whose filter it matches"),
		D(forget_the_dynamic_groups, META, "(unix, "),
		D(take_a_group_for_dynamic, META, "no live dynamic group"),
		D(garble_the_list_of_dynamic_groups, META, "dyngroups"),
		D(claim_for_another, CLAIM, "(alice, "),
		D(claim_for_another, CLAIM, "which has no such value"),
		D(lose_a_claim, CLAIM, "its mail is not claimed"),
		D(claim_for_nobody, CLAIM, "id 4711, which is no entry"),
		D(claim_for_the_deleted, CLAIM, "(gone, "),
		D(claim_what_is_no_value, CLAIM, "has no such value"),
		D(lose_an_entry, ENTRY, "which is no entry of that uuid"),
		D(lose_an_entry, CLAIM, "which is no entry"),
		D(lose_an_entry, INDEX, "ids too many"),
		D(lose_an_entry, REFERENCE, "entry_managed_by names no live entry"),
		D(change_an_entry_beside_the_digest, DIGEST, "digest"),
		D(break_the_schema, ENTRY, "loginshell is not allowed"),
		D(store_another_norm, ENTRY, "a value of displayname is not in its form"),
		D(refer_to_nobody, REFERENCE, "(staff, "),
		D(come_from_the_future, ENTRY, "version 4711 is of no change"),
		D(garble_an_entry, ENTRY, "entry "),
		D(use_an_id_never_given_out, ENTRY, "never given out"),
		D(lose_a_uuid, ENTRY, "its uuid does not lead to it"),
		D(lead_a_uuid_astray, ENTRY, "its uuid leads to another entry"),
		D(lose_a_secret, SECRET, "primary_credential is marked as set and is not there"),
		D(move_a_secret, SECRET, "radius_secret is there and not marked as set"),
		D(forge_a_seal, SECRET, "primary_credential: a sealed secret does not verify"),
		D(store_a_secret_of_no_entry, SECRET, "id 4711, which is no entry"),
		D(garble_a_token, TOKEN, "tokens: "),
		D(lose_an_account_of_a_token, TOKEN, "is of no account"),
		D(garble_a_change, CHANGE, "change 5"),
		D(lose_a_change, CHANGE, "leads to no change"),
		D(lose_a_change, CHANGE, "are counted"),
		D(record_a_change_too_many, CHANGE, "change 4711 is out of order"),
		D(invent_a_request, CHANGE, "which answered another"),
		D(cut_a_request, CHANGE, "no key of a request"),
		D(lose_the_id_of_a_request, CHANGE, "not the one that it leads to"),
		D(let_a_token_be_of_nobody_s_list, TOKEN, "not among those of its account"),
		D(list_a_token_of_nobody, TOKEN, "no token of that account"),
		D(let_a_name_rest_for_ever, META, "rest for ever"),
		D(garble_a_name_that_rests, META, "how long a name rests"),
		D(end_a_rest_of_nobody, META, "no name has"),
		D(spoil_the_digest, DIGEST, "not that of the entries"),
		D(cut_the_digest, DIGEST, "digest"),
		D(rename_the_domain_by_half, META, "other.example.net"),
		D(swap_the_wellknown, META, "idm_high_privilege"),
		D(move_a_generation_ahead, META, "generation.access is of no change"),
#undef D
	};
	struct patient *p = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		patient_heal(p);
		patient_open(p);
		cases[i].damage(p);
		patient_close(p);
		patient_verify(p);
		assert_int_equal(p->finding_count, p->totals.findings);
		if (patient_has(p, cases[i].kind, cases[i].text))
			continue;
		for (size_t k = 0; k < p->finding_count; k++)
			print_message("%s\n", p->findings[k].text);
		fail_msg("%s: no finding says \"%s\"", cases[i].name, cases[i].text);
	}
}

static void
sessions_that_do_not_fit_are_named(void **state)
{
	struct patient *p = *state;
	struct idm_cursor cursor;
	struct idm_span key, value;
	uint8_t copy[64];

	static const struct {
		const char *kind; /* of the row that is lost */
		size_t findings;
		const char *text;
	} cases[] = {
		{ "a", 1, "not among those of its account" },
		{ "e", 1, "not among those that end" },
		{ "s", 2, "leads to no session" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		patient_heal(p);
		patient_open_local(p);
		assert_int_equal(idm_cursor_open(&p->txn, IDM_DB_SESSIONS,
				     idm_span_cstr(cases[i].kind), &cursor, &p->err),
		    IDM_OK);
		assert_int_equal(idm_cursor_next(&cursor, &key, &value, &p->err), IDM_OK);
		memcpy(copy, key.ptr, key.len);
		idm_cursor_close(&cursor);
		del(p, IDM_DB_SESSIONS, idm_span_of(copy, key.len));
		patient_close(p);
		patient_verify(p);
		assert_int_equal(p->totals.findings, cases[i].findings);
		assert_true(patient_has(p, IDM_FINDING_LOCAL, cases[i].text));
	}
}

static void
softlocks_that_do_not_decode_are_named(void **state)
{
	struct patient *p = *state;

	patient_heal(p);
	patient_open_local(p);
	assert_int_equal(idm_store_put(&p->txn, IDM_DB_SOFTLOCKS, IDM_SPAN_LIT("no key"),
			     IDM_SPAN_LIT("x"), &p->err),
	    IDM_OK);
	patient_close(p);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 1);
	assert_true(
	    patient_has(p, IDM_FINDING_LOCAL, "softlocks: softlock of 6e6f206b6579: it is no key"));
}

static void
an_audit_trail_that_was_cut_is_told(void **state)
{
	struct patient *p = *state;
	struct idm_audit audit;
	struct idm_audit_record record = { .protocol = IDM_AUDIT_LDAP,
		.operation = IDM_AUDIT_LOGIN,
		.actor_name = IDM_SPAN_LIT("anna") };
	uint8_t key[8];

	patient_heal(p);
	patient_open_local(p);
	assert_int_equal(idm_audit_begin(&p->txn, &audit, &p->err), IDM_OK);
	for (int i = 0; i < 5; i++)
		assert_int_equal(idm_audit_append(&audit, &record, &p->err), IDM_OK);
	assert_int_equal(
	    idm_audit_end(&audit, IDM_AUDIT_KEEP_BYTES, p->realm->now, &p->err), IDM_OK);
	patient_close(p);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);

	patient_open_local(p);
	idm_store_u64(3, key);
	del(p, IDM_DB_AUDIT, idm_span_of(key, sizeof(key)));
	patient_close(p);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 1);
	assert_true(
	    patient_has(p, IDM_FINDING_AUDIT, "audit: broken at record 3: it is not there"));
}

static void
no_more_findings_are_told_than_asked_for(void **state)
{
	struct patient *p = *state;
	struct idm_verify ask = { .identity_path = p->identity, .most = 0 };

	patient_open(p);
	lose_an_entry(p);
	patient_close(p);
	assert_int_equal(idm_verify(&ask, &p->totals, &p->err), IDM_OK);
	assert_true(p->totals.findings > 3);
}

/* --- damage to the file */

/* The file without the hole behind its last page. */
static size_t
used_len(struct patient *p)
{
	struct idm_dbfile_info info;

	assert_int_equal(idm_dbfile_check(p->identity, &info, &p->err), IDM_OK);
	return (size_t)(info.last_page + 1) * info.page_bytes;
}

static void
a_file_that_was_cut_off_is_told(void **state)
{
	struct patient *p = *state;
	size_t end = used_len(p);
	const size_t lengths[] = { 0, 1, 100, 4096, 5000, 8192, 12288, end / 2, end - 4096,
		end - 1 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		store_dir_save(p->identity, p->identity_bytes, lengths[i]);
		patient_verify(p);
		assert_int_equal(p->totals.findings, 1);
		assert_int_equal(p->findings[0].kind, IDM_FINDING_FILE);
		assert_non_null(strstr(p->findings[0].text, "identity.mdb"));
	}
}

static void
what_is_no_database_of_ours_is_refused(void **state)
{
	struct patient *p = *state;
	char missing[128];

	snprintf(missing, sizeof(missing), "%s/missing", p->realm->dir);
	assert_int_equal(patient_try_verify(p, missing), IDM_SYSTEM);
	assert_non_null(strstr(p->err.text, "missing"));
	patient_try_verify(p, p->local);
	assert_true(patient_has(p, IDM_FINDING_FILE, "local.mdb: "));
	patient_open(p);
	assert_int_equal(idm_store_put_number(
			     &p->txn, IDM_DB_META, "format_version", IDM_STORE_FORMAT + 1, &p->err),
	    IDM_OK);
	patient_close(p);
	assert_int_equal(patient_try_verify(p, p->identity), IDM_INVALID);
	assert_non_null(strstr(p->err.text, "has format"));
}

/* All that can be read, as one number; 0: it can't. */
static uint64_t
sum_of_all(struct patient *p)
{
	uint64_t sum = 1;
	struct idm_environment *env;
	struct idm_txn txn = { 0 };
	MDB_txn *mdb;

	assert_int_equal(
	    idm_environment_open_bare(&env, p->identity, idm_dbs_identity, false, &p->err), IDM_OK);
	assert_int_equal(mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &mdb), 0);
	txn.mdb = mdb;
	assert_int_equal(idm_environment_look(env, &txn, &p->err), IDM_OK);
	for (enum idm_db db = IDM_DB_META; db < IDM_DB_LOCAL_META; db++) {
		struct idm_cursor cursor;
		struct idm_span key, value;

		assert_int_equal(
		    idm_cursor_open(&txn, db, IDM_SPAN_EMPTY, &cursor, &p->err), IDM_OK);
		while (idm_cursor_next(&cursor, &key, &value, &p->err) == IDM_OK) {
			for (size_t i = 0; i < key.len; i++)
				sum = sum * 31 + key.ptr[i];
			for (size_t i = 0; i < value.len; i++)
				sum = sum * 31 + value.ptr[i];
		}
		idm_cursor_close(&cursor);
	}
	mdb_txn_abort(mdb);
	idm_environment_unref(&env);
	return sum;
}

/* A flipped bit is found, or it changed nothing that can be read. */
static void
no_flipped_bit_goes_unnoticed_or_does_harm(void **state)
{
	struct patient *p = *state;
	uint64_t whole = sum_of_all(p), seed = 42;
	int flips = getenv("KANIDM_TEST_LONG") != NULL ? 20000 : 400;
	uint32_t len = (uint32_t)used_len(p);
	int found = 0;

	for (int i = 0; i < flips; i++) {
		size_t at = fixture_random_below(&seed, len);
		uint8_t bit = (uint8_t)(1 << fixture_random_below(&seed, 8));
		FILE *file = fopen(p->identity, "r+b");

		assert_non_null(file);
		fseek(file, (long)at, SEEK_SET);
		fputc(p->identity_bytes[at] ^ bit, file);
		fclose(file);
		if (patient_try_verify(p, p->identity) != IDM_OK || p->totals.findings != 0)
			found++;
		else if (sum_of_all(p) != whole)
			fail_msg("bit 0x%02x at %zu was not noticed", bit, at);
		file = fopen(p->identity, "r+b");
		fseek(file, (long)at, SEEK_SET);
		fputc(p->identity_bytes[at], file);
		fclose(file);
	}
	assert_true(found > flips / 4);
}

/* Pages full of something else: what LMDB would abort over, or follow out of the file. */
static void
no_page_of_garbage_does_harm(void **state)
{
	struct patient *p = *state;
	size_t pages = used_len(p) / 4096;
	uint8_t *bytes = malloc(p->identity_len);
	int found = 0;

	assert_non_null(bytes);
	for (size_t i = 0; i < pages; i++) {
		memcpy(bytes, p->identity_bytes, p->identity_len);
		switch (i % 3) {
		case 0: memset(bytes + i * 4096, 0, 4096); break;
		case 1: memset(bytes + i * 4096, 0xff, 4096); break;
		default: memcpy(bytes + i * 4096, bytes + (i + 7) % pages * 4096, 4096); break;
		}
		store_dir_save(p->identity, bytes, p->identity_len);
		if (patient_try_verify(p, p->identity) != IDM_OK || p->totals.findings != 0)
			found++;
		assert_false(patient_has(p, IDM_FINDING_FILE, "the check ended"));
	}
	assert_true(found > (int)pages / 4);
	free(bytes);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, patient_setup, patient_teardown)
	const struct CMUnitTest tests[] = {
		T(a_whole_database_passes_and_is_counted),
		T(without_key_rings_no_seal_is_tried_and_that_is_said),
		T(it_reads_a_consistent_state_beside_a_writer),
		cmocka_unit_test_setup_teardown(
		    an_empty_new_database_passes, realm_setup_empty, realm_teardown),
		T(each_damage_to_a_record_is_named),
		T(sessions_that_do_not_fit_are_named),
		T(softlocks_that_do_not_decode_are_named),
		T(an_audit_trail_that_was_cut_is_told),
		T(no_more_findings_are_told_than_asked_for),
		T(a_file_that_was_cut_off_is_told),
		T(what_is_no_database_of_ours_is_refused),
		T(no_flipped_bit_goes_unnoticed_or_does_harm),
		T(no_page_of_garbage_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
