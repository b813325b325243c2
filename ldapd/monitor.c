#include "ldapd/monitor.h"

#include "common/dn.h"
#include "core/builtin.h"
#include "ldapd/paging.h"
#include "ldapd/rootdse.h"

bool
monitor_is_at(struct idm_span dn, struct idm_arena *arena)
{
	struct dn at, top;

	return dn_parse(dn, arena, &at) && dn_parse(IDM_SPAN_LIT(MONITOR_DN), arena, &top) &&
	       dn_is_below(&at, &top);
}

enum idm_result
monitor_may_read(
    const struct idm_read *read, const struct idm_access *access, bool *out, struct idm_error *err)
{
	const struct idm_attr *attr = idm_schema_attr_number(read->schema, IDM_ATTR_DOMAIN_UUID);
	struct idm_uuid domain = idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO);
	struct idm_attrset wanted = { { 0 } }, readable;
	struct idm_entry entry;
	enum idm_result result;

	*out = false;
	if (access == NULL)
		return IDM_OK;
	idm_attrset_add(&wanted, attr);
	result = idm_lookup_uuid(read, &domain, &entry, err);
	if (result == IDM_OK)
		result = idm_access_search_for(read, access, &entry, &wanted, &readable, err);
	if (result == IDM_OK)
		*out = idm_attrset_has(&readable, attr);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* --- entries */

static const char *
leaf_of(const struct metric_sample *sample)
{
	const struct metric_family *family = metric_family(sample->metric);

	return family->leaf != NULL ? family->leaf : sample->labels[0];
}

static const char *
group_of(const struct metric_sample *sample)
{
	return metric_family(sample->metric)->group;
}

static bool
same_entry(const struct metric_sample *a, const struct metric_sample *b)
{
	return strcmp(group_of(a), group_of(b)) == 0 && strcmp(leaf_of(a), leaf_of(b)) == 0;
}

/* Was it, or its group, that of a sample before? */
static bool
is_repeated(const struct metric_samples *samples, size_t i, bool group_alone)
{
	const struct metric_sample *sample = &samples->list[i];

	for (size_t k = 0; k < i; k++) {
		const struct metric_sample *other = &samples->list[k];

		if (group_alone ? strcmp(group_of(other), group_of(sample)) == 0
				: same_entry(other, sample))
			return true;
	}
	return false;
}

static void
begin_entry(struct made_entry *out, struct idm_arena *arena, const char *dn, const char *class,
    const char *cn, bool has_children)
{
	*out = (struct made_entry){ .arena = arena, .dn = dn };
	if (dn == NULL) {
		out->failed = true;
		return;
	}
	made_add_text(out, "objectClass", VIEW_USER, "top");
	made_add_text(out, "objectClass", VIEW_USER, class);
	made_add_text(out, "cn", VIEW_USER, cn);
	made_add_text(out, "hasSubordinates", VIEW_OPERATIONAL, has_children ? "TRUE" : "FALSE");
}

/* "denied 12" */
static void
add_detail(struct made_entry *out, const struct metric_sample *sample)
{
	const struct metric_family *family = metric_family(sample->metric);
	size_t last = family->leaf == NULL || sample->labels[1] != NULL ? 1 : 0;
	const char *label = sample->labels[last];
	char number[METRIC_NUMBER_BYTES];

	if (label == NULL && sample->suffix[0] == '\0')
		return;
	metric_number(sample, number);
	made_add_text(out, "monitoredInfo", VIEW_USER,
	    idm_arena_printf(
		out->arena, "%s %s", label != NULL ? label : sample->suffix + 1, number));
}

/* The sum over the samples of one family in this entry, where that means something. */
static void
add_sum(struct made_entry *out, const struct metric_samples *samples, size_t first)
{
	const struct metric_sample *of = &samples->list[first];
	const char *attribute = metric_family(of->metric)->attribute;
	struct metric_sample sum = { .metric = of->metric };
	char number[METRIC_NUMBER_BYTES];

	if (attribute == NULL)
		return;
	for (size_t i = first; i < samples->count; i++) {
		if (samples->list[i].metric == of->metric && same_entry(&samples->list[i], of))
			sum.value += samples->list[i].value;
	}
	metric_number(&sum, number);
	made_add_text(out, attribute, VIEW_USER, idm_arena_printf(out->arena, "%s", number));
}

static bool
is_first_of_family(const struct metric_samples *samples, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (samples->list[k].metric == samples->list[i].metric &&
		    same_entry(&samples->list[k], &samples->list[i]))
			return false;
	}
	return true;
}

static void
make_leaf(struct monitor_walk *walk, size_t first, struct made_entry *out)
{
	const struct metric_samples *samples = walk->samples;
	const struct metric_sample *of = &samples->list[first];
	const char *leaf = leaf_of(of), *group = group_of(of);

	begin_entry(out, walk->arena,
	    idm_arena_printf(walk->arena, "cn=%s,cn=%s," MONITOR_DN, leaf, group),
	    "monitoredObject", leaf, false);
	for (size_t i = first; i < samples->count; i++) {
		if (!same_entry(&samples->list[i], of))
			continue;
		if (is_first_of_family(samples, i)) {
			add_sum(out, samples, i);
			made_add_text(out, "description", VIEW_USER,
			    metric_family(samples->list[i].metric)->help);
		}
		add_detail(out, &samples->list[i]);
	}
}

bool
monitor_next(struct monitor_walk *walk, struct made_entry *out)
{
	const struct metric_samples *samples = walk->samples;
	const char *group;

	if (walk->number++ == 0) {
		begin_entry(out, walk->arena, MONITOR_DN, "monitorServer", "monitor", true);
		made_add_text(out, "monitoredInfo", VIEW_USER, "kanidm-ldapd " IDM_VERSION);
		return true;
	}
	while (walk->next < samples->count && is_repeated(samples, walk->next, false))
		walk->next++;
	if (walk->next == samples->count)
		return false;
	group = group_of(&samples->list[walk->next]);
	if (!walk->group_given && !is_repeated(samples, walk->next, true)) {
		begin_entry(out, walk->arena,
		    idm_arena_printf(walk->arena, "cn=%s," MONITOR_DN, group), "monitorContainer",
		    group, true);
		walk->group_given = true;
		return true;
	}
	walk->group_given = false;
	make_leaf(walk, walk->next++, out);
	return true;
}

/* --- searching */

struct searching {
	const struct ldap_message *message;
	struct monitor_walk walk;
	struct dn base;
	bool found; /* the base is there */
	struct paging paging;
	uint32_t limit;
	uint32_t sent;
	struct paging_place next; /* page */
	enum ldap_result_code code;
	const char *text;
	struct ber_writer *out;
};

static bool
is_in_scope(const struct searching *s, const struct dn *dn)
{
	switch (s->message->search.scope) {
	case LDAP_SCOPE_BASE: return dn_equal(dn, &s->base);
	case LDAP_SCOPE_ONE: return dn->count == s->base.count + 1 && dn_is_below(dn, &s->base);
	case LDAP_SCOPE_SUB: return dn_is_below(dn, &s->base);
	}
	return false;
}

/* False: no more are to be sent. */
static bool
give(struct searching *s, const struct made_entry *entry)
{
	struct dn dn;

	if (entry->failed || !dn_parse(idm_span_cstr(entry->dn), entry->arena, &dn)) {
		s->code = LDAP_OTHER;
		return false;
	}
	s->found = s->found || dn_equal(&dn, &s->base);
	if (!is_in_scope(s, &dn) || s->walk.number < s->paging.place.next_id ||
	    made_test(entry, s->message->search.filter) != IDM_TRUE)
		return true;
	if (s->sent == s->limit) {
		s->code = LDAP_SIZE_LIMIT_EXCEEDED;
		return false;
	}
	if (s->paging.asked && s->sent == s->paging.size) {
		s->next.next_id = s->walk.number;
		return false;
	}
	if (!made_write(entry, s->message, s->out)) {
		s->code = LDAP_ADMIN_LIMIT_EXCEEDED;
		return false;
	}
	s->sent++;
	return true;
}

static void
give_all(struct searching *s)
{
	struct made_entry entry;
	bool more = true;

	while (more) {
		struct idm_arena_mark mark = idm_arena_mark(s->walk.arena);

		more = monitor_next(&s->walk, &entry) && give(s, &entry);
		idm_arena_rewind(s->walk.arena, mark);
	}
	if (s->code == LDAP_SUCCESS && !s->found && s->paging.place.next_id == 0)
		s->code = LDAP_NO_SUCH_OBJECT;
}

static void
end_search(struct searching *s)
{
	struct ldap_result result = { .code = s->code, .text = idm_span_cstr(s->text) };
	struct ldap_controls controls = { NULL, 0 };

	if (s->code == LDAP_NO_SUCH_OBJECT)
		result.matched_dn = IDM_SPAN_LIT(MONITOR_DN);
	if (s->paging.asked) {
		controls.list = paging_control(s->walk.arena, &s->next);
		controls.count = controls.list != NULL ? 1 : 0;
	}
	ldap_result_encode(s->out, s->message->message_id, LDAP_TAG_SEARCH_DONE, &result, controls);
}

/* Of the controls that searches elsewhere know, these do something here. */
static bool
knows_controls(const struct ldap_message *message)
{
	for (size_t i = 0; i < message->control_count; i++) {
		const struct ldap_control *control = &message->controls[i];

		if (control->critical && !idm_span_is(control->oid, LDAP_CONTROL_PAGED) &&
		    !idm_span_is(control->oid, LDAP_CONTROL_MANAGE_DSA_IT))
			return false;
	}
	return true;
}

enum ldap_result_code
monitor_search(const struct ldap_message *message, const struct metric_samples *samples,
    uint32_t most, struct idm_arena *arena, struct ber_writer *out)
{
	const struct ldap_search_request *search = &message->search;
	struct searching s = { .message = message,
		.walk = { .samples = samples, .arena = arena },
		.limit = most,
		.text = "",
		.out = out };

	if (search->size_limit > 0 && (uint32_t)search->size_limit < most)
		s.limit = (uint32_t)search->size_limit;
	if (!knows_controls(message)) {
		s.code = LDAP_UNAVAILABLE_CRITICAL_EXTENSION;
	} else if (paging_read(message, &s.paging, &s.code, &s.text)) {
		if (!dn_parse(search->base, arena, &s.base))
			s.code = LDAP_INVALID_DN_SYNTAX;
		else if (!s.paging.asked || s.paging.size != 0)
			give_all(&s);
	}
	end_search(&s);
	return s.code;
}

enum ldap_result_code
monitor_compare(const struct ldap_compare_request *compare, const struct metric_samples *samples,
    struct idm_arena *arena)
{
	struct monitor_walk walk = { .samples = samples, .arena = arena };
	const struct made_attr *attr;
	struct made_entry entry;
	struct dn at, dn;

	if (!dn_parse(compare->dn, arena, &at))
		return LDAP_INVALID_DN_SYNTAX;
	while (monitor_next(&walk, &entry)) {
		if (entry.failed || !dn_parse(idm_span_cstr(entry.dn), arena, &dn))
			return LDAP_OTHER;
		if (!dn_equal(&dn, &at))
			continue;
		attr = made_find(&entry, compare->attribute);
		if (attr == NULL)
			return LDAP_NO_SUCH_ATTRIBUTE;
		return made_has_value(attr, compare->value) ? LDAP_COMPARE_TRUE
							    : LDAP_COMPARE_FALSE;
	}
	return LDAP_NO_SUCH_OBJECT;
}
