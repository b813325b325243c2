/* The values of an entry's attributes, as clients see them. */
#include "ldapd/view.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/admission.h"

enum {
	DAY_S = 24 * 60 * 60,
	NUMBER_TEXT = 32,
};

/* Between 1601 and 1970, in seconds: Active Directory counts from there, in units of 100 ns. */
#define AD_EPOCH_S INT64_C(11644473600)
#define AD_TICKS_PER_S INT64_C(10000000)
#define AD_NEVER "9223372036854775807"

/* One attribute of one entry, and where its values go. */
struct giving {
	const struct view *view;
	const struct idm_entry *entry;
	const struct idm_attrset *readable; /* NULL: all */
	const struct view_attr *attr;
	view_emit emit;
	void *context;
	struct view_progress *progress; /* NULL: as many members as there are */
	bool stopped;
	enum idm_result result;
	struct idm_error *err;
};

static void
give(struct giving *g, struct idm_span value)
{
	if (!g->stopped)
		g->stopped = !g->emit(g->context, value);
}

static void
give_text(struct giving *g, const char *text)
{
	give(g, idm_span_cstr(text));
}

/* Is there no room for the member with this id, and are others to have their turn? */
static bool
is_enough(struct giving *g, uint64_t id)
{
	struct view_progress *progress = g->progress;

	if (progress == NULL)
		return false;
	if (progress->budget == 0) {
		progress->from_id = id;
		progress->more = true;
		g->stopped = true;
		return true;
	}
	progress->budget--;
	return false;
}

static uint64_t
from_id(const struct giving *g)
{
	return g->progress == NULL ? 0 : g->progress->from_id;
}

static void
fail(struct giving *g, enum idm_result result)
{
	g->result = result;
	g->stopped = true;
}

static bool
may_read(const struct idm_attrset *readable, const struct idm_attr *attr)
{
	return attr != NULL && (readable == NULL || idm_attrset_has(readable, attr));
}

static bool
has_class(const struct giving *g, const char *name)
{
	return idm_entry_has_class(g->entry, name);
}

/* --- stored values, and what the core computes */

static void
give_reference(struct giving *g, struct idm_span stored)
{
	uint8_t dn[TREE_DN_BYTES];
	struct idm_uuid uuid;
	struct idm_entry named;
	enum idm_result result;

	if (!idm_uuid_load(stored, &uuid)) {
		fail(g, idm_fail(g->err, IDM_CORRUPT, "a reference of %zu octets", stored.len));
		return;
	}
	result = idm_lookup_uuid(g->view->read, &uuid, &named, g->err);
	if (result == IDM_OK)
		give(g, tree_dn(g->view->suffix, &named, dn));
	else if (result != IDM_NOT_FOUND) /* a change takes references away with their entry */
		fail(g, result);
}

static bool
take_stored(void *context, struct idm_span stored)
{
	struct giving *g = context;
	const struct idm_attr *attr = g->attr->attr;
	struct idm_span text;

	if (attr->syntax == IDM_SYNTAX_REFERENCE) {
		give_reference(g, stored);
		return !g->stopped;
	}
	if (attr->syntax == IDM_SYNTAX_BOOLEAN && stored.len == 1) /* RFC 4517 section 3.3.3 */
		text = stored.ptr[0] != 0 ? IDM_SPAN_LIT("TRUE") : IDM_SPAN_LIT("FALSE");
	else if (attr->syntax == IDM_SYNTAX_SESSION)
		text = stored; /* what may be known of a row, as text */
	else
		text = idm_value_print(attr, stored, g->view->read->arena);
	if (text.ptr == NULL && stored.len != 0)
		fail(g, idm_fail(g->err, IDM_LIMIT, "no memory for a value of %s", attr->name));
	else
		give(g, text);
	return !g->stopped;
}

static bool
take_named(void *context, const struct idm_entry *named)
{
	struct giving *g = context;
	uint8_t dn[TREE_DN_BYTES];

	give(g, tree_dn(g->view->suffix, named, dn));
	return !g->stopped;
}

static bool
take_member(void *context, const struct idm_entry *member)
{
	return !is_enough(context, member->id) && take_named(context, member);
}

/* Members and groups come as entries, whose DN is at hand. */
static bool
is_of_edges(const struct idm_attr *attr)
{
	return attr->syntax == IDM_SYNTAX_REFERENCE &&
	       (attr->flags & (IDM_ATTR_COMPUTED | IDM_ATTR_EDGE)) != 0;
}

static void
give_values(struct giving *g, const struct idm_attr *attr, idm_value_emit take)
{
	const struct idm_read *read = g->view->read;
	bool members = attr->number == IDM_ATTR_MEMBER || attr->number == IDM_ATTR_DYNMEMBER;
	enum idm_result result = is_of_edges(attr)
				     ? idm_search_references(read, g->entry, attr, from_id(g),
					   members ? take_member : take_named, g, g->err)
				     : idm_search_values(read, g->entry, attr, take, g, g->err);

	if (result != IDM_OK)
		fail(g, result);
}

static bool
take_time(void *context, struct idm_span stored)
{
	struct giving *g = context;
	char text[IDM_TIME_TEXT];

	idm_time_format_generalized(idm_datetime_load(stored), text);
	give_text(g, text);
	return !g->stopped;
}

/* "tag type base64" -> "type base64 tag" */
static bool
take_sshkey(void *context, struct idm_span stored)
{
	struct giving *g = context;
	const uint8_t *space = memchr(stored.ptr, ' ', stored.len);
	size_t tag_len = space == NULL ? stored.len : (size_t)(space - stored.ptr);
	size_t key_len = space == NULL ? 0 : stored.len - tag_len - 1;
	uint8_t *text = idm_arena_alloc(g->view->read->arena, stored.len + 1);

	if (text == NULL) {
		fail(g, idm_fail(g->err, IDM_LIMIT, "no memory for a key"));
		return false;
	}
	memcpy(text, stored.ptr + stored.len - key_len, key_len);
	text[key_len] = ' ';
	memcpy(text + key_len + 1, stored.ptr, tag_len);
	give(g, idm_span_of(text, key_len + 1 + tag_len));
	return !g->stopped;
}

static void
give_some(struct giving *g, bool first)
{
	struct idm_value_iter values = idm_entry_values(g->entry, g->attr->number);
	struct idm_value value;

	for (bool is_first = true; !g->stopped && idm_value_next(&values, &value);
	     is_first = false) {
		if (is_first == first)
			give(g, value.stored);
	}
}

/* --- names */

static struct idm_span
readable_text(const struct giving *g, const struct idm_attr *attr)
{
	return may_read(g->readable, attr) ? idm_entry_text(g->entry, attr->number)
					   : IDM_SPAN_EMPTY;
}

/* The first or the last word; empty: there is none, or it has no other beside it and needs one. */
static struct idm_span
word_of(struct idm_span text, bool last, bool alone)
{
	const uint8_t *space;
	size_t len;

	while (text.len != 0 && *text.ptr == ' ')
		text = idm_span_of(text.ptr + 1, text.len - 1);
	while (text.len != 0 && text.ptr[text.len - 1] == ' ')
		text.len--;
	if (text.len == 0)
		return text;
	space = last ? memrchr(text.ptr, ' ', text.len) : memchr(text.ptr, ' ', text.len);
	if (space == NULL)
		return alone ? text : IDM_SPAN_EMPTY;
	len = (size_t)(space - text.ptr);
	return last ? idm_span_of(space + 1, text.len - len - 1) : idm_span_of(text.ptr, len);
}

/* Both, each once, whatever their case. */
static void
give_two(struct giving *g, struct idm_span one, struct idm_span other)
{
	if (one.len != 0)
		give(g, one);
	if (other.len != 0 && !idm_span_equal_nocase(one, other))
		give(g, other);
}

/* What the entry is called in its RDN; of two kinds of entries that is no `name`. */
static const struct idm_attr *
naming_attr(const struct giving *g)
{
	return idm_schema_attr_number(g->view->read->schema, tree_naming_attr(g->entry));
}

static void
give_names(struct giving *g)
{
	struct idm_span one = readable_text(g, g->attr->attr);
	struct idm_span other = readable_text(g, g->attr->second);

	switch (g->attr->form) {
	case VIEW_GIVEN_NAME:
		give_two(g, word_of(one, false, false), word_of(other, false, false));
		break;
	case VIEW_SURNAME: give_two(g, word_of(one, true, true), word_of(other, true, true)); break;
	default: give_two(g, one, readable_text(g, naming_attr(g)));
	}
}

/* --- classes and the tree */

static void
give_classes(struct giving *g)
{
	struct idm_value_iter values = idm_entry_values(g->entry, IDM_ATTR_CLASS);
	struct idm_value value;
	const struct view_class *class;

	while (!g->stopped && idm_value_next(&values, &value)) {
		class = view_class_find(value.stored); /* "posixaccount" is posixAccount */
		give(g, class != NULL ? idm_span_cstr(class->name) : value.stored);
	}
	for (size_t i = 0; !g->stopped && (class = view_class_at(i)) != NULL; i++) {
		if (has_class(g, class->native) &&
		    !idm_span_equal_nocase(
			idm_span_cstr(class->name), idm_span_cstr(class->native)))
			give_text(g, class->name);
	}
}

static void
give_dn(struct giving *g)
{
	uint8_t dn[TREE_DN_BYTES];

	give(g, tree_dn(g->view->suffix, g->entry, dn));
}

static void
give_dc(struct giving *g)
{
	const struct dn_ava *ava = &g->view->suffix->dn.rdns[0].avas[0];

	if (idm_span_equal_nocase(ava->type, IDM_SPAN_LIT("dc")))
		give(g, ava->value);
}

/* As OpenLDAP writes it: time, count, server, modification; equal when nothing was changed. */
static void
give_csn(struct giving *g)
{
	char time[IDM_TIME_TEXT];
	char text[64];
	int64_t at_s = idm_entry_datetime(g->entry, IDM_ATTR_LAST_MODIFIED, 0);

	if (!idm_entry_has(g->entry, IDM_ATTR_LAST_MODIFIED))
		return;
	idm_time_format_generalized(at_s, time);
	snprintf(text, sizeof(text), "%.14s.000000Z#%06" PRIx64 "#000#000000", time,
	    g->entry->version & 0xffffff);
	give_text(g, text);
}

/* --- members */

static bool
is_readable_group(const struct giving *g)
{
	bool dynamic = idm_entry_is_dynamic_group(g->entry);

	return may_read(g->readable, dynamic ? g->attr->second : g->attr->attr) &&
	       idm_entry_is_live(g->entry);
}

static void
give_members(struct giving *g)
{
	bool dynamic = idm_entry_is_dynamic_group(g->entry);

	if (is_readable_group(g))
		give_values(g, dynamic ? g->attr->second : g->attr->attr, take_stored);
}

static void
give_name_of(struct giving *g, uint64_t id)
{
	struct idm_entry account;
	enum idm_result result = idm_lookup_id(g->view->read, id, &account, g->err);

	if (result != IDM_OK)
		fail(g, result);
	else
		give(g, idm_entry_text(&account, IDM_ATTR_NAME));
}

/* The accounts of one window in any of the groups; the next window that may have one. */
static uint64_t
give_window(struct giving *g, const struct idm_ids *groups, uint64_t no)
{
	struct idm_window window;
	uint64_t first, next_no = IDM_NO_WINDOW;

	idm_window_clear(&window);
	for (size_t i = 0; i < groups->count; i++) {
		uint64_t next;
		enum idm_result result = idm_closure_members(
		    g->view->read, groups->ids[i], IDM_MEMBER_ACCOUNT, no, &window, &next, g->err);

		if (result != IDM_OK) {
			fail(g, result);
			return IDM_NO_WINDOW;
		}
		if (next < next_no)
			next_no = next;
	}
	first = no << IDM_WINDOW_BITS;
	for (uint64_t id = idm_window_next(&window, no, from_id(g) > first ? from_id(g) : first);
	     id != UINT64_MAX && !g->stopped; id = idm_window_next(&window, no, id + 1)) {
		if (!is_enough(g, id))
			give_name_of(g, id);
	}
	return g->stopped ? IDM_NO_WINDOW : next_no;
}

/* Clients of RFC 2307 know no nesting: a group's accounts are all that are memberof it. */
static void
give_member_uids(struct giving *g)
{
	struct idm_ids groups;
	enum idm_result result;

	if (!is_readable_group(g))
		return;
	result = idm_closure_groups_below(g->view->read, g->entry->id, &groups, g->err);
	if (result != IDM_OK) {
		fail(g, result);
		return;
	}
	for (uint64_t no = idm_window_of(from_id(g)); no != IDM_NO_WINDOW;)
		no = give_window(g, &groups, no);
}

/* --- validity */

/* When a client may take the account for closed, in the unit of an attribute. */
struct expiry {
	const char *never;  /* NULL: no value */
	const char *closed; /* out of the window although it does not expire, or not yet */
	void (*print)(int64_t at_s, char out[NUMBER_TEXT]);
};

/* The day on which it is closed as a whole: a client that reads it earlier lets nobody out early.
 */
static void
print_days(int64_t at_s, char out[NUMBER_TEXT])
{
	int64_t days = at_s <= DAY_S ? 1 : (at_s + DAY_S - 1) / DAY_S;

	snprintf(out, NUMBER_TEXT, "%" PRId64, days);
}

static void
print_ticks(int64_t at_s, char out[NUMBER_TEXT])
{
	int64_t since = at_s < -AD_EPOCH_S ? 0 : at_s + AD_EPOCH_S;

	snprintf(out, NUMBER_TEXT, "%" PRId64, since * AD_TICKS_PER_S);
}

static void
print_generalized(int64_t at_s, char out[NUMBER_TEXT])
{
	_Static_assert((int)IDM_TIME_TEXT <= (int)NUMBER_TEXT, "a time fits");
	idm_time_format_generalized(at_s, out);
}

static const struct expiry *
expiry_of(enum view_form form)
{
	static const struct expiry shadow = { NULL, "1", print_days };
	static const struct expiry krb = { NULL, "19700101000001Z", print_generalized };
	static const struct expiry ad = { AD_NEVER, "1", print_ticks };

	if (form == VIEW_SHADOW_EXPIRE)
		return &shadow;
	return form == VIEW_KRB_EXPIRE ? &krb : &ad;
}

static bool
is_locked(const struct giving *g)
{
	return idm_admission_check(g->view->read, g->entry, NULL) != IDM_OK;
}

static void
give_expiry(struct giving *g)
{
	const struct expiry *expiry = expiry_of(g->attr->form);
	int64_t at_s = idm_entry_datetime(g->entry, IDM_ATTR_ACCOUNT_EXPIRE, INT64_MAX);
	char text[NUMBER_TEXT];

	if (at_s > g->view->read->now.at_s && is_locked(g)) {
		give_text(g, expiry->closed);
	} else if (at_s != INT64_MAX) {
		expiry->print(at_s, text);
		give_text(g, text);
	} else if (expiry->never != NULL) {
		give_text(g, expiry->never);
	}
}

/* --- all together */

/* What an attribute is computed from; of two sources each is looked at when its turn comes. */
static bool
is_readable(const struct giving *g)
{
	const struct view_attr *attr = g->attr;

	switch (attr->form) {
	case VIEW_ENTRY_DN:
	case VIEW_SUBSCHEMA:
	case VIEW_HAS_SUBORDINATES: return true;
	case VIEW_SHADOW_EXPIRE: /* each border would tell something of the other */
	case VIEW_KRB_EXPIRE:
	case VIEW_AD_EXPIRE:
	case VIEW_LOCKED:
	case VIEW_LOCKED_SINCE:
		return may_read(g->readable, attr->attr) && may_read(g->readable, attr->second);
	case VIEW_NAMES:
		return may_read(g->readable, attr->attr) || may_read(g->readable, naming_attr(g));
	case VIEW_GIVEN_NAME:
	case VIEW_SURNAME:
	case VIEW_MEMBER_UID:
	case VIEW_MEMBERS:
		return may_read(g->readable, attr->attr) || may_read(g->readable, attr->second);
	case VIEW_STORED:
	case VIEW_TIME:
	case VIEW_SSHKEY:
	case VIEW_FIRST:
	case VIEW_REST:
	case VIEW_OBJECT_CLASS:
	case VIEW_STRUCTURAL_CLASS:
	case VIEW_CSN:
	case VIEW_DC: break;
	case VIEW_WRITTEN_ONLY: return false;
	}
	return may_read(g->readable, attr->attr);
}

static void
give_form(struct giving *g)
{
	const struct view_attr *attr = g->attr;

	switch (attr->form) {
	case VIEW_STORED: give_values(g, attr->attr, take_stored); break;
	case VIEW_TIME: give_values(g, attr->attr, take_time); break;
	case VIEW_SSHKEY: give_values(g, attr->attr, take_sshkey); break;
	case VIEW_FIRST:
	case VIEW_REST: give_some(g, attr->form == VIEW_FIRST); break;
	case VIEW_NAMES:
	case VIEW_GIVEN_NAME:
	case VIEW_SURNAME: give_names(g); break;
	case VIEW_OBJECT_CLASS: give_classes(g); break;
	case VIEW_STRUCTURAL_CLASS:
		give_text(g, view_structural_class(g->view->read->schema, g->entry));
		break;
	case VIEW_ENTRY_DN: give_dn(g); break;
	case VIEW_SUBSCHEMA: give_text(g, VIEW_SUBSCHEMA_DN); break;
	case VIEW_HAS_SUBORDINATES:
		give_text(g, tree_has_subordinates(g->entry) ? "TRUE" : "FALSE");
		break;
	case VIEW_CSN: give_csn(g); break;
	case VIEW_DC: give_dc(g); break;
	case VIEW_MEMBER_UID: give_member_uids(g); break;
	case VIEW_MEMBERS: give_members(g); break;
	case VIEW_LOCKED: give_text(g, is_locked(g) ? "TRUE" : "FALSE"); break;
	case VIEW_LOCKED_SINCE:
		if (is_locked(g))
			give_text(g, "000001010000Z");
		break;
	case VIEW_SHADOW_EXPIRE:
	case VIEW_KRB_EXPIRE:
	case VIEW_AD_EXPIRE: give_expiry(g); break;
	case VIEW_WRITTEN_ONLY: break;
	}
}

/* Cheap, and right for most of what an entry does not have. */
static bool
is_absent(const struct giving *g)
{
	const struct view_attr *attr = g->attr;
	const uint32_t elsewhere = IDM_ATTR_COMPUTED | IDM_ATTR_EDGE | IDM_ATTR_ROWS;

	if (attr->form == VIEW_STORED && (attr->attr->flags & elsewhere) == 0 &&
	    attr->number != IDM_ATTR_UUID && !idm_entry_has(g->entry, attr->number))
		return true;
	return attr->only != NULL && !has_class(g, attr->only);
}

static enum idm_result
run(struct giving *g)
{
	if (is_readable(g) && !is_absent(g))
		give_form(g);
	return g->result;
}

enum idm_result
view_values(const struct view *view, const struct idm_entry *entry,
    const struct idm_attrset *readable, const struct view_attr *attr, view_emit emit, void *context,
    struct idm_error *err)
{
	struct giving g = { .view = view,
		.entry = entry,
		.readable = readable,
		.attr = attr,
		.emit = emit,
		.context = context,
		.err = err };

	return run(&g);
}

/* With types only, one value is enough to know. */
static bool
write_value(void *context, struct idm_span value)
{
	struct ldap_entry_writer *writer = context;

	ldap_entry_value(writer, value);
	return !writer->types_only && !writer->w->failed;
}

/* One attribute, or what is left of it. */
static void
write_column(struct giving *g, const struct view_column *column, struct ldap_entry_writer *writer)
{
	g->attr = column->attr;
	g->stopped = false;
	if (!is_readable(g) || is_absent(g))
		return;
	if (from_id(g) == 0)
		ldap_entry_attribute(writer, column->type);
	give_form(g);
}

enum idm_result
view_write(const struct view *view, const struct idm_entry *entry,
    const struct idm_attrset *readable, const struct view_selection *selection,
    struct view_progress *progress, struct ldap_entry_writer *writer, struct idm_error *err)
{
	struct giving g = { .view = view,
		.entry = entry,
		.readable = readable,
		.emit = write_value,
		.context = writer,
		.progress = progress,
		.err = err };

	if (progress != NULL)
		progress->more = false;
	for (size_t i = progress == NULL ? 0 : progress->column;
	     i < selection->count && g.result == IDM_OK; i++) {
		write_column(&g, &selection->columns[i], writer);
		if (progress == NULL)
			continue;
		progress->column = i;
		if (progress->more)
			break;
		progress->from_id = 0;
	}
	return g.result;
}
