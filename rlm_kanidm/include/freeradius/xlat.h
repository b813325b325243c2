/* Expansions.  Only prototypes of radiusd.h name the type. */
#ifndef RLM_KANIDM_XLAT_H
#define RLM_KANIDM_XLAT_H

typedef struct xlat_exp xlat_exp_t;

#endif
