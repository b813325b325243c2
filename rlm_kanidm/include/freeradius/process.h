/* The state machine of a request: three types that are members of REQUEST. */
#ifndef RLM_KANIDM_PROCESS_H
#define RLM_KANIDM_PROCESS_H

typedef enum fr_state_action { FR_ACTION_INVALID = 0 } fr_state_action_t;

typedef int (*RAD_REQUEST_FUNP)(REQUEST *request);
typedef void (*fr_request_process_t)(REQUEST *request, int action);

#endif
