/* Templates of unlang, and lists of the users file.  Only prototypes and macros of the other
 * headers name these types. */
#ifndef RLM_KANIDM_TMPL_H
#define RLM_KANIDM_TMPL_H

typedef struct vp_tmpl_t vp_tmpl_t;
typedef struct pair_list PAIR_LIST;
typedef enum requests { REQUEST_UNKNOWN = 0 } request_refs_t;
typedef enum pair_lists { PAIR_LIST_UNKNOWN = 0 } pair_lists_t;

#endif
