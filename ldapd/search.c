#include "ldapd/search.h"

#include <assert.h>

#include "ldapd/assertion.h"
#include "ldapd/ldap_filter.h"
#include "ldapd/monitor.h"
#include "ldapd/rootdse.h"
#include "ldapd/search_impl.h"
#include "ldapd/worker.h"

enum { CLASSES_MAX = 4 }; /* of the entries below one base */

void
search_no_such_object(
    struct request *request, const struct dn_target *target, const struct dn_suffix *suffix)
{
	uint8_t dn[TREE_DN_BYTES];
	struct ldap_result result = { .code = LDAP_NO_SUCH_OBJECT };
	size_t len;

	if (target->kind == DN_ENTRY || target->kind == DN_UNKNOWN) {
		len = dn_of_container(target->container, suffix, dn, sizeof(dn));
		assert(len <= sizeof(dn));
		result.matched_dn = idm_span_of(dn, len);
	}
	request_respond_full(request, &result, (struct ldap_controls){ NULL, 0 });
}

/* --- what is asked for */

/* What stands below a container; for none of them, what stands right below the suffix. */
static const char *const *
classes_below(enum dn_container container)
{
	static const char *const people[] = { "person", NULL };
	static const char *const groups[] = { "group", NULL };
	static const char *const services[] = { "service_account", NULL };
	static const char *const access[] = { "access_control_profile", NULL };
	static const char *const schema[] = { "attributetype", "classtype", NULL };
	static const char *const applications[] = { "application", NULL };
	static const char *const top[] = { "radius_client", "system_config", NULL };

	switch (container) {
	case DN_CONTAINER_PEOPLE: return people;
	case DN_CONTAINER_GROUPS: return groups;
	case DN_CONTAINER_SERVICES: return services;
	case DN_CONTAINER_ACCESS: return access;
	case DN_CONTAINER_APPLICATIONS: return applications;
	case DN_CONTAINER_SCHEMA: return schema;
	case DN_CONTAINER_NONE: break;
	}
	return top;
}

/* Limit the client's filter to what is in scope. */
static enum idm_result
limit_filter(struct searching *s)
{
	const char *const *below = classes_below(s->container);
	const char *classes[CLASSES_MAX];
	struct idm_filter pair[2] = { [1] = s->filter };
	size_t count = 0;
	enum idm_result result;

	if (s->scope == SCOPE_ALL)
		return IDM_OK;
	if (s->scope != SCOPE_BELOW)
		classes[count++] = "container";
	while (*below != NULL)
		classes[count++] = *below++;
	result = ldap_filter_any_class(&s->view, classes, count, &pair[0], s->err);
	return result == IDM_OK ? ldap_filter_all(&s->view, pair, 2, &s->filter, s->err) : result;
}

/* What is wrong with a key stays wrong with the search, also when the schema changes. */
static void
resolve_order(struct searching *s)
{
	struct idm_span fault;
	enum ldap_result_code code = sort_order_resolve(s->schema, &s->sort, &s->order, &fault);

	if (s->sort_code != LDAP_SUCCESS)
		return;
	s->sort_code = code;
	s->sort_fault = fault;
}

enum idm_result
search_resolve(struct searching *s, const struct request_read *read)
{
	const struct ldap_search_request *search = &s->request->message.search;
	enum idm_result result;

	s->view = (struct view){ &read->read, &read->tree->suffix, read->access };
	if (s->schema == read->read.schema)
		return IDM_OK;
	s->schema = read->read.schema;
	result = view_select(s->schema, search->attributes, search->attribute_count,
	    s->request->arena, &s->selection, s->err);
	view_selection_needs(&s->selection, &s->shown);
	if (s->sort.asked) {
		resolve_order(s);
		sort_order_needs(&s->order, &s->shown);
	}
	if (result == IDM_OK)
		result = ldap_filter_translate(&s->view, search->filter, &s->filter, s->err);
	return result == IDM_OK ? limit_filter(s) : result;
}

/* --- the base */

enum idm_result
search_find_visible(const struct request_read *read, const struct dn_target *target,
    const struct idm_attrset *wanted, struct idm_entry *entry, struct idm_attrset *readable,
    struct idm_error *err)
{
	enum idm_result result = tree_find(&read->read, target, entry, err);

	if (result == IDM_OK)
		result =
		    idm_access_search_for(&read->read, read->access, entry, wanted, readable, err);
	if (result == IDM_OK)
		result = tree_check_naming(&read->read, read->access, target, entry, err);
	if (result == IDM_OK && idm_attrset_is_empty(readable))
		return IDM_NOT_FOUND;
	return result;
}

/* Find the base and, if it is in scope, write it. */
static enum idm_result
run_base(struct searching *s, const struct request_read *read, const struct dn_target *target)
{
	struct idm_attrset wanted = s->shown;
	struct idm_attrset readable;
	struct idm_entry entry;
	bool matches;
	enum idm_result result;

	idm_filter_attributes(&s->filter, &wanted);
	result = search_find_visible(read, target, &wanted, &entry, &readable, s->err);
	if (result != IDM_OK)
		return result;
	if (!idm_entry_is_live(&entry) && !idm_filter_asks_class(&s->filter, "recycled") &&
	    !idm_filter_asks_class(&s->filter, "tombstone"))
		return IDM_NOT_FOUND;
	if (s->request->message.search.scope == LDAP_SCOPE_ONE)
		return IDM_OK;
	result = idm_search_entry(&s->search, &read->read, &entry, &readable, &matches, s->err);
	if (result == IDM_OK && matches)
		s->stop = search_write_entry(s, &entry, &readable);
	return result;
}

/* The base alone is in scope, or nothing: it is an entry that nothing stands below. */
static void
search_base(struct searching *s, struct request_read *read, const struct dn_target *target)
{
	enum idm_result result;

	s->base = true;
	s->stop = STOP_NOT;
	s->search.access = read->access;
	s->search.done = true;
	s->phase = PHASE_UNSORTED; /* one entry is in order */
	result = run_base(s, read, target);
	request_read_end(read);
	if (result == IDM_NOT_FOUND)
		search_no_such_object(s->request, target, s->view.suffix);
	else if (result != IDM_OK)
		request_fail(s->request, result, s->err);
	else
		search_go_on(s);
}

/* What it took to look at it the last time is given back first. */
void
search_resume_base(struct request *request)
{
	struct searching *s = request->state;
	struct idm_error err = { 0 };
	struct request_read read;
	struct dn_target target;
	enum idm_result result;

	if (search_is_late(s))
		return;
	if (s->again)
		idm_arena_rewind(request->arena, s->again_mark);
	s->again_mark = idm_arena_mark(request->arena);
	s->again = true;
	s->schema = NULL; /* what was made by it is made anew */
	s->err = &err;
	result = request_read_begin(request, &read, &err);
	if (result == IDM_OK) {
		result = search_resolve(s, &read);
		if (result != IDM_OK)
			request_read_end(&read);
	}
	if (result != IDM_OK) {
		request_fail(request, result, &err);
		return;
	}
	dn_to_target(request->message.search.base, &read.tree->suffix, request->arena, &target);
	search_base(s, &read, &target);
}

/* --- below the base */

/* Entries below the base; an empty base stands for the suffix, as clients without one mean it. */
static void
search_below(struct searching *s, struct request_read *read, const struct dn_target *target)
{
	bool one = s->request->message.search.scope == LDAP_SCOPE_ONE;
	enum idm_result result;

	if (target->kind == DN_CONTAINER) {
		s->container = target->container;
		s->scope = one ? SCOPE_BELOW : SCOPE_CONTAINER;
	} else if (one) {
		s->scope = SCOPE_TOP;
	}
	result = limit_filter(s);
	if (result == IDM_OK) {
		search_step(s, read, s->err);
		return;
	}
	request_read_end(read);
	request_fail(s->request, result, s->err);
}

/* Not all who may search see the container: it is there for those who see what is in it. */
static bool
is_for_few(const struct dn_target *target)
{
	return target->kind == DN_CONTAINER && target->container > DN_CONTAINER_SERVICES;
}

/* Entries below a container that must be there for who asks. */
static void
search_container(struct searching *s, struct request_read *read, const struct dn_target *target)
{
	struct idm_attrset readable;
	struct idm_entry container;
	enum idm_result result =
	    search_find_visible(read, target, NULL, &container, &readable, s->err);

	if (result == IDM_OK) {
		search_below(s, read, target);
		return;
	}
	request_read_end(read);
	if (result == IDM_NOT_FOUND)
		search_no_such_object(s->request, target, s->view.suffix);
	else
		request_fail(s->request, result, s->err);
}

/* An entry that is not in the store, and has nothing below it. */
static void
search_made(struct searching *s, struct request_read *read,
    enum idm_result (*make)(const struct view *view, struct made_entry *out, struct idm_error *err))
{
	const struct ldap_message *message = &s->request->message;
	struct made_entry entry;
	bool fits = true;
	enum idm_result result = make(&s->view, &entry, s->err);

	request_read_end(read);
	if (result != IDM_OK) {
		request_fail(s->request, result, s->err);
		return;
	}
	if (message->search.scope != LDAP_SCOPE_ONE &&
	    made_test(&entry, message->search.filter) == IDM_TRUE)
		fits = made_write(&entry, message, &s->request->conn->out);
	search_respond(s, fits ? LDAP_SUCCESS : LDAP_ADMIN_LIMIT_EXCEEDED, "", NULL);
}

static void
refuse(struct request *request, struct request_read *read, enum ldap_result_code code,
    const char *text)
{
	request_read_end(read);
	request_respond(request, code, text);
}

/* Where the search goes, by what its base is. */
static void
search_at(struct searching *s, struct request_read *read, const struct dn_target *target)
{
	struct request *request = s->request;
	bool base = request->message.search.scope == LDAP_SCOPE_BASE;

	switch (target->kind) {
	case DN_ROOT:
		if (!base) {
			search_below(s, read, target);
			return;
		}
		search_made(s, read, rootdse_make);
		return;
	case DN_SUBSCHEMA: search_made(s, read, subschema_make); return;
	case DN_SUFFIX:
	case DN_CONTAINER:
		if (base)
			search_base(s, read, target);
		else if (is_for_few(target))
			search_container(s, read, target);
		else
			search_below(s, read, target);
		return;
	case DN_ENTRY: search_base(s, read, target); return;
	case DN_INVALID:
		refuse(request, read, LDAP_INVALID_DN_SYNTAX, "the base is not a DN");
		return;
	case DN_TOKEN:
	case DN_UNKNOWN:
	case DN_FOREIGN: break;
	}
	request_read_end(read);
	search_no_such_object(request, target, s->view.suffix);
}

/* --- the request */

/* What the controls of a search ask for. */
struct search_controls {
	struct paging paging;
	struct sort_request sort;
	const struct ldap_filter *assertion;
};

/* False: *refusal is what to answer. */
static bool
read_controls(struct request *request, struct search_controls *out, struct ldap_result *refusal)
{
	const struct ldap_message *message = &request->message;
	const char *text = "";

	*refusal = (struct ldap_result){ .code = LDAP_PROTOCOL_ERROR };
	if (!paging_read(message, &out->paging, &refusal->code, &text) ||
	    !sort_read(message, &out->sort, &text)) {
		refusal->text = idm_span_cstr(text);
		return false;
	}
	return assertion_read(
	    message, &request->conn->worker->limits, request->arena, &out->assertion, refusal);
}

static struct searching *
searching_new(
    struct request *request, const struct search_controls *controls, struct idm_error *err)
{
	const struct ldap_search_request *search = &request->message.search;
	uint32_t limit = request->conn->worker->config->limits.search_entries;
	struct searching *s = idm_arena_alloc(request->arena, sizeof(*s));

	if (s == NULL)
		return NULL;
	request->state = s;
	s->request = request;
	s->err = err;
	s->paging = controls->paging;
	s->sort = controls->sort;
	s->assertion = controls->assertion;
	s->search.filter = &s->filter;
	s->search.shown = &s->shown;
	s->search.next_id = s->paging.place.next_id;
	s->limit = limit;
	if (search->size_limit > 0 && (uint32_t)search->size_limit < limit)
		s->limit = (uint32_t)search->size_limit;
	s->deadline_ms = UINT64_MAX;
	if (search->time_limit_s > 0)
		s->deadline_ms =
		    request->begun_ms + UINT64_C(1000) * (uint64_t)search->time_limit_s;
	return s;
}

/* The RootDSE and the subschema: also while anonymous is locked, for who may bind asks first. */
static bool
is_read_by_all(const struct dn_target *target, const struct ldap_search_request *search)
{
	return target->kind == DN_SUBSCHEMA ||
	       (target->kind == DN_ROOT && search->scope == LDAP_SCOPE_BASE);
}

/* Must something hold of the base that does not?  *code is then what to answer. */
static enum idm_result
check_assertion(const struct searching *s, const struct request_read *read,
    const struct dn_target *target, enum ldap_result_code *code)
{
	bool holds = true;
	enum idm_result result = IDM_OK;

	if (s->assertion != NULL)
		result = assertion_holds(read, target, s->assertion, &holds, s->err);
	if (result == IDM_OK && !holds)
		*code = LDAP_ASSERTION_FAILED;
	return result;
}

/* Is it cn=monitor, for who may read that?  The core process answers, and looks at the rights too.
 */
static enum idm_result
is_monitor(const struct searching *s, const struct request_read *read, bool *out)
{
	const struct request *request = s->request;

	*out = false;
	if (!monitor_is_at(request->message.search.base, request->arena))
		return IDM_OK;
	return monitor_may_read(&read->read, read->access, out, s->err);
}

static void
search_begin(struct searching *s, struct request_read *read)
{
	struct request *request = s->request;
	const struct ldap_search_request *search = &request->message.search;
	struct dn_target target;
	enum ldap_result_code code = LDAP_SUCCESS;
	const char *text = "";
	bool monitor = false;
	enum idm_result result = IDM_OK;

	dn_to_target(search->base, &read->tree->suffix, request->arena, &target);
	if (request->conn->handle != 0 || !is_read_by_all(&target, search))
		result = request_read_rights(request, read, s->err);
	if (read->search_limit < s->limit)
		s->limit = read->search_limit;
	if (result == IDM_OK)
		result = is_monitor(s, read, &monitor);
	if (result == IDM_OK && monitor) {
		request_read_end(read);
		forward_ask(request);
		return;
	}
	if (result == IDM_OK)
		result = search_resolve(s, read);
	if (result == IDM_OK)
		code = search_sort_begin(s, &text);
	if (result == IDM_OK && code == LDAP_SUCCESS)
		result = check_assertion(s, read, &target, &code);
	if (result == IDM_OK && code == LDAP_SUCCESS) {
		search_at(s, read, &target);
		return;
	}
	request_read_end(read);
	if (result != IDM_OK)
		request_fail(request, result, s->err);
	else
		search_respond(s, code, text, NULL);
}

/* The client wants no more of these pages. */
static void
end_pages(struct searching *s)
{
	struct conn *conn = s->request->conn;

	if (conn->sorted != NULL && conn->sorted->pages.no == s->paging.place.list_no)
		search_sort_forget(conn, conn->sorted);
	search_respond(s, LDAP_SUCCESS, "", NULL);
}

void
search_handle(struct request *request)
{
	static const char *const known[] = { LDAP_CONTROL_MANAGE_DSA_IT, LDAP_CONTROL_PAGED,
		LDAP_CONTROL_SORT, LDAP_CONTROL_ASSERTION };
	struct idm_error err = { 0 };
	struct request_read read;
	struct search_controls controls;
	struct searching *s;
	struct ldap_result refusal;
	enum idm_result result;

	if (!request_check_controls(request, known, sizeof(known) / sizeof(known[0])))
		return;
	if (!read_controls(request, &controls, &refusal)) {
		request_respond_full(request, &refusal, (struct ldap_controls){ NULL, 0 });
		return;
	}
	s = searching_new(request, &controls, &err);
	if (s == NULL) {
		request_respond(request, LDAP_ADMIN_LIMIT_EXCEEDED, "");
		return;
	}
	if (s->paging.asked && s->paging.size == 0) {
		end_pages(s);
		return;
	}
	result = request_read_open(request, &read, &err);
	if (result != IDM_OK)
		request_fail(request, result, &err);
	else
		search_begin(s, &read);
}
