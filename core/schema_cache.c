/* The schema that a process has parsed, kept with its store. */
#include <pthread.h>
#include <stdlib.h>

#include "core/schema_load.h"

static const char generation_key[] = "generation.schema";

/* A parsed schema and the generation that it is of; schema NULL: none. */
struct parsed {
	const struct idm_schema *schema;
	uint64_t generation;
};

/*
 * A generation is the number of a change.  One that is committed is for good; one that only a write
 * transaction has seen may come to nothing, and another change take its number.  So what a write
 * transaction has parsed is kept apart, and holds as long as no writing was undone since.
 */
struct cache {
	pthread_mutex_t lock;
	struct parsed committed;
	struct parsed writing;
	uint64_t undone; /* when `writing` was parsed */
};

static void *
cache_new(void)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (cache != NULL)
		pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

static void
cache_free(void *thing)
{
	struct cache *cache = thing;

	idm_schema_unref(&cache->committed.schema);
	idm_schema_unref(&cache->writing.schema);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static void
keep(struct parsed *place, const struct idm_schema *schema, uint64_t generation)
{
	idm_schema_unref(&place->schema);
	*place = (struct parsed){ idm_schema_ref(schema), generation };
}

/* What was parsed for this generation; NULL: nothing. */
static const struct idm_schema *
find(struct cache *cache, const struct idm_txn *txn, uint64_t generation)
{
	const struct parsed *writing = &cache->writing;

	if (cache->committed.schema != NULL && cache->committed.generation == generation)
		return cache->committed.schema;
	if (writing->schema == NULL || writing->generation != generation ||
	    cache->undone != idm_store_undone(txn->store))
		return NULL;
	if (!txn->write)
		keep(&cache->committed, writing->schema, generation);
	return writing->schema;
}

static enum idm_result
parse(struct cache *cache, const struct idm_txn *txn, uint64_t generation,
    const struct idm_schema **out, struct idm_error *err)
{
	enum idm_result result = idm_schema_load(txn, out, err);

	if (result != IDM_OK)
		return result;
	if (txn->write)
		cache->undone = idm_store_undone(txn->store);
	keep(txn->write ? &cache->writing : &cache->committed, *out, generation);
	idm_schema_unref(out);
	*out = txn->write ? cache->writing.schema : cache->committed.schema;
	return IDM_OK;
}

/* Whoever looks at a file without a store parses each time. */
static enum idm_result
parse_alone(const struct idm_txn *txn, struct idm_arena *arena, const struct idm_schema **out,
    struct idm_error *err)
{
	const struct idm_schema *schema;
	enum idm_result result = idm_schema_load(txn, &schema, err);

	if (result == IDM_OK && !idm_schema_hold(schema, arena))
		result = idm_fail(err, IDM_LIMIT, "no memory for the schema");
	if (result == IDM_OK)
		*out = schema;
	idm_schema_unref(&schema); /* the arena has one more */
	return result;
}

static enum idm_result
parse_once(const struct idm_txn *txn, uint64_t generation, struct idm_arena *arena,
    const struct idm_schema **out, struct idm_error *err)
{
	struct cache *cache = idm_store_companion(txn->store, cache_new, cache_free);
	const struct idm_schema *schema;
	enum idm_result result = IDM_OK;

	if (cache == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for the schema");
	pthread_mutex_lock(&cache->lock);
	schema = find(cache, txn, generation);
	if (schema == NULL)
		result = parse(cache, txn, generation, &schema, err);
	if (result == IDM_OK && !idm_schema_hold(schema, arena))
		result = idm_fail(err, IDM_LIMIT, "no memory for the schema");
	if (result == IDM_OK)
		*out = schema;
	pthread_mutex_unlock(&cache->lock);
	return result;
}

enum idm_result
idm_schema_current(const struct idm_txn *txn, struct idm_arena *arena,
    const struct idm_schema **out, struct idm_error *err)
{
	uint64_t generation;
	enum idm_result result =
	    idm_store_get_number(txn, IDM_DB_META, generation_key, &generation, err);

	*out = idm_schema_builtin();
	if (result != IDM_OK || generation == 0)
		return result;
	if (txn->store == NULL)
		return parse_alone(txn, arena, out, err);
	return parse_once(txn, generation, arena, out, err);
}
